#include "device/telemetry_queue.hpp"

#include <algorithm>

namespace carillon::client {

namespace {

/// Tells a message that it was not stored.
void tell(const TelemetryEntry& entry, const Error& reason) {
    const bool may_be_there = entry.packet_id != 0;
    entry.done({may_be_there ? MessageFate::unknown : MessageFate::not_sent, reason.code, reason.detail});
}

void expire_front(std::list<TelemetryEntry>& entries, TimePoint now) {
    while (!entries.empty() && entries.front().until <= now) {
        const TelemetryEntry entry = std::move(entries.front());
        entries.pop_front();
        tell(entry, {Errc::gateway_timeout, "not stored within its time"});
    }
}

}  // namespace

TimePoint TelemetryQueue::deadline() const {
    // All have the same time, so the first ones are the first to be due.
    TimePoint first = TimePoint::max();
    if (!in_flight_.empty()) first = std::min(first, in_flight_.front().until);
    if (!waiting_.empty()) first = std::min(first, waiting_.front().until);
    return first;
}

bool TelemetryQueue::send_next(DeviceProtocol& session) {
    if (waiting_.empty()) return false;
    TelemetryEntry& entry = waiting_.front();
    const auto packet_id = session.send_telemetry(entry.bag, entry.body, entry.packet_id);
    if (!packet_id) return false;
    entry.packet_id = *packet_id;
    in_flight_.splice(in_flight_.end(), waiting_, waiting_.begin());
    return true;
}

void TelemetryQueue::settled(std::uint16_t packet_id, const Delivery& delivery) {
    const auto found = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const TelemetryEntry& entry) {
        return entry.packet_id == packet_id;
    });
    if (found == in_flight_.end()) return;  // Its time was over already.
    const TelemetryEntry entry = std::move(*found);
    in_flight_.erase(found);
    entry.done(delivery);
}

void TelemetryQueue::take_back() {
    waiting_.splice(waiting_.begin(), in_flight_);
}

void TelemetryQueue::expire(TimePoint now) {
    expire_front(in_flight_, now);
    expire_front(waiting_, now);
}

void TelemetryQueue::give_up(const Error& reason) {
    take_back();
    const std::list<TelemetryEntry> entries = std::exchange(waiting_, {});
    for (const TelemetryEntry& entry : entries) tell(entry, reason);
}

}  // namespace carillon::client
