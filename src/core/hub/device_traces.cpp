#include "core/hub/device_traces.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <iterator>
#include <utility>

namespace carillon {

Result<> DeviceTraces::open(std::string id, std::string device, Duration time, TimePoint now) {
    const std::lock_guard lock(mutex_);
    prune(now);
    if (traces_.size() == traces_max) {
        return fail(Errc::throttling_exception, fmt::format("{} devices are traced already.", traces_max));
    }
    traces_.push_back({.id = std::move(id),
                       .device = std::move(device),
                       .end = now + std::min<Duration>(time, time_max),
                       .waiting = {},
                       .dropped = 0});
    count_ = traces_.size();
    return {};
}

void DeviceTraces::close(std::string_view id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(traces_, [id](const Trace& trace) { return trace.id == id; });
    count_ = traces_.size();
}

void DeviceTraces::prune(TimePoint now) {
    std::erase_if(traces_, [now](const Trace& trace) { return now >= trace.end + kept_after; });
    count_ = traces_.size();
}

void DeviceTraces::note(std::string_view identity, TimePoint now, WallTime time, std::string_view event,
                        std::string_view members) {
    const std::string_view device = identity.substr(0, identity.find('/'));
    const std::lock_guard lock(mutex_);
    prune(now);
    for (Trace& trace : traces_) {
        if (trace.device != device || now >= trace.end) continue;
        if (trace.waiting.size() == events_max) {
            ++trace.dropped;
            continue;
        }
        std::string line;
        JsonWriter(line)
            .begin_object()
            .member("time", to_iso8601(time))
            .member("identity", identity)
            .member("event", event);
        if (!members.empty()) line.append(",").append(members);
        line += '}';
        trace.waiting.push_back(std::move(line));
    }
}

Result<DeviceTraces::Events> DeviceTraces::take(std::string_view id, TimePoint now) {
    const std::lock_guard lock(mutex_);
    prune(now);
    const auto trace =
        std::find_if(traces_.begin(), traces_.end(), [id](const Trace& one) { return one.id == id; });
    if (trace == traces_.end())
        return fail(Errc::generic_not_found, "There is no such trace; it may be over.");
    Events events;
    events.lines.assign(std::make_move_iterator(trace->waiting.begin()),
                        std::make_move_iterator(trace->waiting.end()));
    trace->waiting.clear();
    events.dropped = std::exchange(trace->dropped, 0);
    events.is_over = now >= trace->end;
    return events;
}

}  // namespace carillon
