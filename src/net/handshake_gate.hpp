#pragma once

#include "base/clock.hpp"

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
/// Only who has said something counts, and only for a while, so that peers which fall silent do not
/// keep others out. The thread's own.
class HandshakeGate {
public:
    /// Ours: some 50 ms of work, so that the last of them is served well within a client's patience.
    static constexpr std::size_t handshakes_max = 64;
    /// How long a handshake counts after the peer's last word. Ours: a round trip to anywhere.
    static constexpr std::chrono::seconds attention_max{1};

    /// A peer has said something of its handshake.
    void heard(const void* connection, TimePoint now) { heard_[connection] = now; }
    /// The handshake is over, in any way; harmless if it did not count.
    void ended(const void* connection) { heard_.erase(connection); }
    /// True if another connection may be accepted.
    bool has_room(TimePoint now) {
        if (heard_.size() < handshakes_max) return true;
        std::erase_if(heard_, [now](const auto& one) { return now - one.second >= attention_max; });
        return heard_.size() < handshakes_max;
    }

private:
    std::unordered_map<const void*, TimePoint> heard_;  ///< Bound: IoThread::connections.
};

}  // namespace carillon
