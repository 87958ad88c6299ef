#pragma once

#include "model/rollouts/rollout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

class RolloutReader;

/// A name of the tz database: letters, digits and `+-_`, with slashes between, `Europe/Berlin`.
bool is_zone_name(std::string_view text);

/// When devices may begin, each by its own clock: `windows` of a rollout. Source: docs/rollout-reference.md.
struct RolloutWindows {
    static constexpr std::size_t open_max = 16;
    static constexpr std::size_t except_max = 64;
    static constexpr std::size_t zone_chars_max = 64;
    static constexpr std::int64_t day_minutes = 24 * 60;

    struct Open {
        std::uint8_t days = 0x7f;  ///< A bit for each day of the week, Sunday first.
        int from_minutes = 0;      ///< Local time.
        std::int64_t for_s = 0;    ///< It lasts so long, also past midnight and over a change of the clocks.
        bool operator==(const Open&) const = default;
    };
    std::string zone;      ///< A name, or a path of the device's twin.
    std::string fallback;  ///< A name, for devices that name no zone; empty: they do not begin.
    std::vector<Open> open;
    std::vector<std::pair<std::int64_t, std::int64_t>>
        except;  ///< Local days since 1970 on which none opens.
    std::int64_t closing_s =
        0;  ///< Nothing begins so long before the end of a window; by default methods their response timeout.
    bool has_path() const;
    bool operator==(const RolloutWindows&) const = default;

    /// Those of a rollout, which is checked; nothing if it has none.
    static std::optional<RolloutWindows> of(const Rollout& rollout, int response_timeout_s);
};

std::optional<RolloutWindows> read_windows(RolloutReader& in, JsonValue value);

}  // namespace carillon
