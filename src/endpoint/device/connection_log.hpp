#pragma once

#include "base/clock.hpp"
#include "core/shard/record.hpp"
#include "core/shard/shard.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace carillon::device {

/// What became of a connection of a device or module, or of an attempt to get one.
struct ConnectionEvent {
    enum class Kind : std::uint8_t { connected, disconnected, refused };
    /// `address:port`, as far as there is room.
    struct Peer {
        Peer() = default;
        explicit Peer(std::string_view text);
        std::string_view text() const { return {bytes.data(), size}; }
        std::array<char, 55> bytes{};
        std::uint8_t size = 0;
    };

    Kind kind = Kind::connected;
    Ordinal identity = 0;
    WallTime time;
    std::string_view protocol;  ///< These two live as long as the program.
    std::string_view reason;    ///< Why it ended, or was refused; empty if nobody said.
    Peer peer;                  ///< Of an end, as of its beginning: empty.
};

/// The newest connections of a shard's devices, ends and refusals. In memory: it begins anew with the hub.
/// For the shard's own thread.
class ConnectionLog {
public:
    /// Connects and ends that are kept: to look through them takes some 0.2 ms.
    static constexpr std::size_t events_max = 16'384;
    /// Refusals have room of their own, so that whoever tries wrong keys does not push the others out.
    static constexpr std::size_t refusals_max = 4096;
    /// Of one identity that are shown.
    static constexpr std::size_t shown_max = 100;

    void note(const ConnectionEvent& event);
    /// Of one identity, newest first, at most `shown_max`.
    std::vector<ConnectionEvent> of(Ordinal identity) const;
    /// The time before which something was forgotten; nothing if all since the start is there.
    std::optional<WallTime> forgotten_until() const;

private:
    struct Ring {
        std::vector<ConnectionEvent> events;  ///< Bound: events_max
        std::size_t next = 0;                 ///< Where the next goes once the ring is full.
        std::optional<WallTime> forgotten;
        void add(const ConnectionEvent& event, std::size_t most);
        void find(Ordinal identity, std::vector<ConnectionEvent>& found) const;
    };
    Ring events_;
    Ring refusals_;
};

/// The logs of all shards.
class ConnectionLogs {
public:
    explicit ConnectionLogs(std::size_t shards) : logs_(shards) {}
    ConnectionLog& of(const Shard& shard) { return logs_[shard.number()]; }

private:
    std::vector<ConnectionLog> logs_;  ///< Bound: fixed.
};

}  // namespace carillon::device
