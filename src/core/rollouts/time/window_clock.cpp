#include "core/rollouts/time/window_clock.hpp"

#include <algorithm>
#include <vector>

namespace carillon {

namespace {

constexpr std::int64_t seconds_a_day = 86'400;

bool is_excepted(const RolloutWindows& windows, std::int64_t day) {
    return std::any_of(windows.except.begin(), windows.except.end(),
                       [day](const auto& range) { return range.first <= day && day <= range.second; });
}

std::int64_t day_of(std::int64_t local_s) {
    return local_s >= 0 ? local_s / seconds_a_day : -((-local_s + seconds_a_day - 1) / seconds_a_day);
}

}  // namespace

std::optional<OpenWindow> next_window(const RolloutWindows& windows, const TimeZone& zone,
                                      std::int64_t utc_s) {
    std::vector<OpenWindow> found;
    const auto today = day_of(utc_s + zone.offset_at(utc_s));
    // One that began up to two days ago may still be open; one day behind the first may still touch it.
    std::optional<std::int64_t> last;
    for (auto day = today - 2; day <= last.value_or(today + window_horizon_days); ++day) {
        if (is_excepted(windows, day)) continue;
        for (const auto& open : windows.open) {
            if ((open.days >> CivilDay::weekday(day) & 1) == 0) continue;
            const auto from = zone.to_utc(day * seconds_a_day + open.from_minutes * 60);
            found.emplace_back(from, from + open.for_s);
            if (!last && from + open.for_s > utc_s) last = day + 2;
        }
    }
    std::sort(found.begin(), found.end());
    std::optional<OpenWindow> window;
    for (const auto& each : found) {
        if (window && each.first <= window->second) {
            // Windows that join for ever are followed for as long as was looked.
            window->second = std::max(window->second, each.second);
        } else if (window && window->second > utc_s) {
            break;
        } else {
            window = each;
        }
    }
    return window && window->second > utc_s ? window : std::nullopt;
}

WindowClock::Known* WindowClock::find(std::string_view zone, std::int64_t now_s) {
    auto found = known_.find(zone);
    if (found == known_.end()) {
        auto there = zones_.find(zone);
        if (!there)
            return zone == windows_.fallback || windows_.fallback.empty() ? nullptr
                                                                          : find(windows_.fallback, now_s);
        if (known_.size() >= zones_max) known_.clear();
        Known known;
        known.window = next_window(windows_, *there, now_s);
        known.zone = std::move(there);
        found = known_.emplace(std::string(zone), std::move(known)).first;
    }
    advance(found->second, now_s);
    return &found->second;
}

/// In its closing time a window is over, and the next one counts.
void WindowClock::advance(Known& known, std::int64_t now_s) const {
    while (known.window && known.window->second - windows_.closing_s <= now_s)
        known.window = next_window(windows_, *known.zone, std::max(known.window->second, now_s));
}

WindowLook WindowClock::look(std::string_view zone, WallTime now) {
    const auto* known = find(zone, now.unix_s());
    if (!known) return windows_.has_path() ? WindowLook::none : WindowLook::shut;
    return known->window && known->window->first <= now.unix_s() ? WindowLook::open : WindowLook::shut;
}

std::optional<WallTime> WindowClock::next_opening(WallTime now) {
    const auto now_s = now.unix_s();
    std::optional<std::int64_t> next;
    for (auto& [name, known] : known_) {
        advance(known, now_s);
        if (!known.window) continue;
        auto opens = known.window->first;
        if (opens <= now_s) {
            // It is open. A device that is too late for it begins in the one behind it.
            if (!known.behind || known.behind->first <= now_s)
                known.behind = next_window(windows_, *known.zone, known.window->second);
            if (!known.behind) continue;
            opens = known.behind->first;
        }
        next = std::min(next.value_or(opens), opens);
    }
    return next ? std::optional(WallTime::from_unix_s(*next)) : std::nullopt;
}

}  // namespace carillon
