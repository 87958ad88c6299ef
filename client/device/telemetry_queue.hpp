#pragma once

#include "base/clock.hpp"
#include "carillon/device_message.hpp"
#include "device/device_protocol.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <string>

namespace carillon::client {

/// A message that was accepted.
struct TelemetryEntry {
    std::string bag;
    std::string body;
    std::function<void(const Delivery&)> done;
    TimePoint until{};            ///< When its fate is told at the latest.
    std::uint16_t packet_id = 0;  ///< 0: it never left.
};

/// The messages of a device in their order, from the moment they are accepted until their fate is known.
/// The caller bounds how many there are. An empty queue owns no memory.
class TelemetryQueue {
public:
    void add(TelemetryEntry entry) { waiting_.push_back(std::move(entry)); }
    bool is_empty() const { return waiting_.empty() && in_flight_.empty(); }
    bool has_waiting() const { return !waiting_.empty(); }
    bool has_in_flight() const { return !in_flight_.empty(); }
    /// When the first of them is due; `TimePoint::max()` if none is.
    TimePoint deadline() const;

    /// Gives the next message to a running session. False while it takes no more.
    bool send_next(DeviceProtocol& session);
    /// The hub has this one.
    void stored(std::uint16_t packet_id) { settled(packet_id, {}); }
    /// The hub does not want it.
    void refused(std::uint16_t packet_id, const Error& reason) {
        settled(packet_id, {MessageFate::not_sent, reason.code, reason.detail});
    }
    /// The connection is over: what it did not acknowledge is to be sent again, and first.
    void take_back();
    /// Tells the fate of those that are due.
    void expire(TimePoint now);
    /// Tells the fate of all: they will not be sent any more.
    void give_up(const Error& reason);

private:
    void settled(std::uint16_t packet_id, const Delivery& delivery);

    std::list<TelemetryEntry> waiting_;
    std::list<TelemetryEntry> in_flight_;  ///< Older than all that wait.
};

}  // namespace carillon::client
