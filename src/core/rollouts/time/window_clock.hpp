#pragma once

#include "base/clock.hpp"
#include "core/rollouts/time/zones.hpp"
#include "model/rollouts/windows.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

inline constexpr std::int64_t window_horizon_days = 366;
/// A stretch of time in which devices of a zone may begin, in seconds since 1970: from, and up to.
using OpenWindow = std::pair<std::int64_t, std::int64_t>;
/// The first window of `windows` in `zone` that ends behind `utc_s`, joined with those that overlap or touch
/// it; nothing if none opens within `window_horizon_days`.
std::optional<OpenWindow> next_window(const RolloutWindows& windows, const TimeZone& zone,
                                      std::int64_t utc_s);

/// `none`: the device names no zone that there is, and the job leaves such devices alone.
enum class WindowLook : std::uint8_t { open, shut, none };

/// Says of one zone after the other whether devices there may begin now. One thread.
class WindowClock {
public:
    static constexpr std::size_t zones_max = 2048;  ///< Ours: more than the tz database has.

    WindowClock(RolloutWindows windows, Zones& zones) : windows_(std::move(windows)), zones_(zones) {}

    const RolloutWindows& windows() const { return windows_; }
    /// `zone` is what the device names, or the one of all. A name that there is not counts as the fallback.
    WindowLook look(std::string_view zone, WallTime now);
    /// When one of the zones that `look` was asked of opens next; nothing if none does.
    std::optional<WallTime> next_opening(WallTime now);

private:
    const RolloutWindows windows_;
    Zones& zones_;
    struct Known {
        std::shared_ptr<const TimeZone> zone;
        std::optional<OpenWindow> window;  ///< The one that is open, or else opens next.
        std::optional<OpenWindow> behind;  ///< The one after it, once it was asked for.
    };
    /// Null if there is neither this zone nor the fallback.
    Known* find(std::string_view zone, std::int64_t now_s);
    void advance(Known& known, std::int64_t now_s) const;
    std::map<std::string, Known, std::less<>> known_;  ///< Bound: zones_max
};

}  // namespace carillon
