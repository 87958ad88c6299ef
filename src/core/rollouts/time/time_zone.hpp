#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A day of the Gregorian calendar. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
struct CivilDay {
    std::int64_t year = 1970;
    int month = 1;
    int day = 1;
    auto operator<=>(const CivilDay&) const = default;

    static CivilDay of(std::int64_t days_since_1970);
    std::int64_t days_since_1970() const;
    /// 0 is Sunday.
    static int weekday(std::int64_t days_since_1970);
};

/// When daylight saving time begins or ends each year: `M3.5.0/2`, `J60`, `59`. Source: POSIX.1-2017, TZ.
struct YearlyRule {
    enum Kind : std::uint8_t { month_week_day, day_without_leap, day_of_year };
    Kind kind = month_week_day;
    int month = 1;
    int week = 1;                                   ///< 5: the last one.
    int day = 0;                                    ///< Of the week, or of the year.
    std::int64_t time_s = 0;                        ///< Local time of that day, may be negative or beyond it.
    std::int64_t in_year(std::int64_t year) const;  ///< Seconds since 1970, local time.
};

/// How a place tells the time: a file of the tz database. Source: RFC 8536 (TZif), versions 2 and later.
class TimeZone {
public:
    static constexpr std::size_t file_bytes_max = 256 * 1024;
    /// Offsets from UTC are less than this.
    static constexpr std::int64_t offset_max_s = 26 * 3600;

    /// Fails with `argument_invalid`.
    static Result<TimeZone> parse(Bytes file);

    /// Seconds east of UTC at a moment.
    std::int64_t offset_at(std::int64_t utc_s) const;
    /// The moment of a local time. One that does not exist is taken with the offset before the gap; one that
    /// occurs twice is its first occurrence. Source: RFC 5545 §3.3.5.
    std::int64_t to_utc(std::int64_t local_s) const;

private:
    struct Transition {
        std::int64_t utc_s = 0;
        std::int64_t offset_s = 0;  ///< From then on.
    };
    bool parse_footer(std::string_view text);
    std::int64_t offset_by_rule(std::int64_t utc_s) const;

    std::vector<Transition> transitions_;  ///< Bound: file_bytes_max
    std::int64_t first_offset_s_ = 0;      ///< Before the first.
    // Behind the last:
    std::int64_t standard_s_ = 0;
    std::int64_t daylight_s_ = 0;
    std::optional<YearlyRule> daylight_from_;
    std::optional<YearlyRule> daylight_to_;
    bool has_footer_ = false;
};

}  // namespace carillon
