#pragma once

#include "base/result.hpp"
#include "core/rollouts/time/time_zone.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon {

/// Times that come again: the five fields of cron, `minute hour day-of-month month day-of-week`, with names,
/// lists, ranges and steps. Of both days, if neither begins with `*`, one is enough, as in Vixie cron.
/// Source: crontab(5); docs/rollout-reference.md.
class CronTimes {
public:
    /// Ours: how far the next time is looked for; 29 February comes after eight years at the latest.
    static constexpr std::int64_t horizon_days = 9 * 366;

    /// Fails with `argument_invalid`, whose text names the field.
    static Result<CronTimes> parse(std::string_view text);

    /// The first moment behind `utc_s`, in whole minutes; none within the horizon. Where the hours begin with
    /// `*`, moments are looked at as they come: both passes of an hour that occurs twice, none of one that
    /// does not exist. Otherwise a local time that does not exist is taken with the offset before the gap,
    /// and one that occurs twice is its first occurrence (RFC 5545 §3.3.5); two times of one moment are one.
    std::optional<std::int64_t> next(std::int64_t utc_s, const TimeZone& zone) const;

private:
    bool has_day(std::int64_t day) const;
    std::optional<std::int64_t> next_of_day(std::int64_t day, std::int64_t utc_s, const TimeZone& zone) const;
    std::optional<std::int64_t> next_instant(std::int64_t utc_s, const TimeZone& zone) const;

    std::uint64_t minutes_ = 0;  ///< Bits.
    std::uint64_t hours_ = 0;
    std::uint64_t days_ = 0;  ///< Of the month, from 1.
    std::uint64_t months_ = 0;
    std::uint64_t weekdays_ = 0;  ///< 0 is Sunday.
    bool has_any_hour_ = false;   ///< The field begins with `*`,
    bool has_any_day_ = false;
    bool has_any_weekday_ = false;
};

}  // namespace carillon
