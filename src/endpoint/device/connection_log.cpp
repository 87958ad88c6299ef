#include "endpoint/device/connection_log.hpp"

#include <algorithm>

namespace carillon::device {

ConnectionEvent::Peer::Peer(std::string_view text)
    : size(static_cast<std::uint8_t>(std::min(text.size(), bytes.size()))) {
    std::copy_n(text.begin(), size, bytes.begin());
}

void ConnectionLog::note(const ConnectionEvent& event) {
    if (event.kind == ConnectionEvent::Kind::refused) {
        refusals_.add(event, refusals_max);
    } else {
        events_.add(event, events_max);
    }
}

std::vector<ConnectionEvent> ConnectionLog::of(Ordinal identity) const {
    std::vector<ConnectionEvent> found;
    events_.find(identity, found);
    refusals_.find(identity, found);
    std::stable_sort(found.begin(), found.end(),
                     [](const ConnectionEvent& a, const ConnectionEvent& b) { return b.time < a.time; });
    if (found.size() > shown_max) found.resize(shown_max);
    return found;
}

std::optional<WallTime> ConnectionLog::forgotten_until() const {
    return std::max(events_.forgotten, refusals_.forgotten);
}

void ConnectionLog::Ring::add(const ConnectionEvent& event, std::size_t most) {
    if (events.size() < most) {
        events.push_back(event);
        return;
    }
    forgotten = events[next].time;
    events[next] = event;
    next = (next + 1) % most;
}

/// Appends those of `identity`, newest first, at most `shown_max`.
void ConnectionLog::Ring::find(Ordinal identity, std::vector<ConnectionEvent>& found) const {
    std::size_t left = shown_max;
    for (std::size_t i = 0; i < events.size() && left > 0; ++i) {
        const ConnectionEvent& event = events[(next + events.size() - 1 - i) % events.size()];
        if (event.identity != identity) continue;
        found.push_back(event);
        --left;
    }
}

}  // namespace carillon::device
