#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <unordered_map>

namespace carillon {

/// The TLS handshakes that a thread is in the middle of, so that it takes no new connection while it
/// has enough of them.
///
/// A fleet that lost its connections comes back all at once. Whoever accepts everybody works on
/// thousands of handshakes at a time, finishes none of them before its time is up, and has worked for
/// nothing: 15,000 devices kept each other out for as long as they tried. Those that are not
/// accepted yet cost nothing where they wait, in the kernel's backlog.
///
/// A handshake counts from when our answer to the peer's hello has been worked out, which is what costs. Who
/// sends a hello byte by byte costs next to nothing and does not count. Nor does, once others wait, who
/// takes much longer over the rest than those who finish: a peer decides when its own ends, and not
/// when others get in. The thread's own.
class HandshakeGate {
public:
    /// Ours: some 50 ms of work, so that the last of them is served well within a client's patience.
    static constexpr std::size_t handshakes_max = 64;
    /// How long a handshake counts at most, and where nobody has finished one yet. Ours: a round trip to
    /// anywhere.
    static constexpr std::chrono::milliseconds attention_max{1000};
    static constexpr std::chrono::milliseconds attention_min{20};
    /// How much longer than usual a handshake may take and still count. Ours.
    static constexpr int patience = 4;

    /// The peer's hello was complete and is answered; said again it changes nothing.
    void answered(const void* connection, TimePoint now) { answered_.try_emplace(connection, now); }
    /// The peer has done its part.
    void finished(const void* connection, TimePoint now) {
        const auto found = answered_.find(connection);
        if (found == answered_.end()) return;
        const Duration took = std::min<Duration>(now - found->second, attention_max);
        usual_ += (took - usual_) / averaged_over;
        answered_.erase(found);
    }
    /// The handshake is over, in any way; harmless if it did not count.
    void ended(const void* connection) { answered_.erase(connection); }
    /// True if another connection may be accepted.
    bool has_room(TimePoint now) {
        if (answered_.size() < handshakes_max) return true;
        const Duration attention = std::clamp<Duration>(patience * usual_, attention_min, attention_max);
        std::erase_if(answered_, [&](const auto& one) { return now - one.second >= attention; });
        return answered_.size() < handshakes_max;
    }

private:
    static constexpr int averaged_over = 8;

    /// Since when each counts. Bound: ConnectionCount::open_max.
    std::unordered_map<const void*, TimePoint> answered_;
    Duration usual_ = attention_max / patience;  ///< What those who finished took, lately.
};

}  // namespace carillon
