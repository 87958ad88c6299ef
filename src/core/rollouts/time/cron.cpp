#include "core/rollouts/time/cron.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <span>
#include <string>

namespace carillon {

namespace {

constexpr std::int64_t cron_day_s = 86'400;
constexpr std::int64_t cron_minute_s = 60;
constexpr int day_minutes = 1440;

constexpr std::string_view month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                            "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct CronField {
    std::string_view name;
    int min;
    int max;
    std::span<const std::string_view> names;  ///< Of values from `min` on.
};
constexpr CronField cron_fields[] = {{"minute", 0, 59, {}},
                                     {"hour", 0, 23, {}},
                                     {"day of month", 1, 31, {}},
                                     {"month", 1, 12, month_names},
                                     {"day of week", 0, 7, weekday_names}};

Error bad_cron(const CronField& field, std::string_view text) {
    return {Errc::argument_invalid,
            fmt::format("the field {} does not take '{}'; it takes {} to {}, *, lists, ranges and steps",
                        field.name, text, field.min, field.max)};
}

std::optional<int> cron_value(const CronField& field, std::string_view text) {
    const auto lower = to_lower(text);
    const auto named = std::find(field.names.begin(), field.names.end(), lower);
    if (named != field.names.end()) return field.min + static_cast<int>(named - field.names.begin());
    const auto number = text.size() <= 2 ? parse_u64(text) : std::nullopt;
    if (!number || *number < static_cast<std::uint64_t>(field.min) ||
        *number > static_cast<std::uint64_t>(field.max))
        return std::nullopt;
    return static_cast<int>(*number);
}

/// `*`, `5`, `1-5`, each with `/2` behind it.
bool add_cron_range(const CronField& field, std::string_view text, std::uint64_t& bits) {
    std::uint64_t step = 1;
    const auto slash = text.find('/');
    if (slash != text.npos) {
        const auto number = text.size() - slash <= 3 ? parse_u64(text.substr(slash + 1)) : std::nullopt;
        if (!number || *number == 0) return false;
        step = *number;
        text = text.substr(0, slash);
    }
    int from = field.min;
    int to = field.max;
    if (text != "*") {
        const auto dash = text.find('-');
        const auto first = cron_value(field, text.substr(0, dash));
        const auto last = dash == text.npos ? first : cron_value(field, text.substr(dash + 1));
        // A step needs something to step through.
        if (!first || !last || *first > *last || (dash == text.npos && slash != text.npos)) return false;
        from = *first;
        to = *last;
    }
    for (auto value = static_cast<std::uint64_t>(from); value <= static_cast<std::uint64_t>(to);
         value += step)
        bits |= std::uint64_t{1} << value;
    return true;
}

Result<std::uint64_t> parse_cron_field(const CronField& field, std::string_view text) {
    std::uint64_t bits = 0;
    for (auto rest = text;;) {
        const auto comma = rest.find(',');
        if (!add_cron_range(field, rest.substr(0, comma), bits)) return fail(bad_cron(field, text));
        if (comma == rest.npos) return bits;
        rest = rest.substr(comma + 1);
    }
}

constexpr bool has_bit(std::uint64_t bits, std::int64_t value) {
    return (bits >> value & 1) != 0;
}

std::int64_t cron_day_of(std::int64_t local_s) {
    return local_s >= 0 ? local_s / cron_day_s : -((-local_s + cron_day_s - 1) / cron_day_s);
}

}  // namespace

Result<CronTimes> CronTimes::parse(std::string_view text) {
    CronTimes times;
    std::uint64_t* const bits[] = {&times.minutes_, &times.hours_, &times.days_, &times.months_,
                                   &times.weekdays_};
    std::size_t count = 0;
    for (std::size_t at = text.find_first_not_of(' '); at != text.npos; ++count) {
        const auto end = std::min(text.find(' ', at), text.size());
        const auto word = text.substr(at, end - at);
        if (count < std::size(bits)) {
            const auto read = parse_cron_field(cron_fields[count], word);
            if (!read) return fail(read.error());
            *bits[count] = *read;
            if (count == 1) times.has_any_hour_ = word.front() == '*';
            if (count == 2) times.has_any_day_ = word.front() == '*';
            if (count == 4) times.has_any_weekday_ = word.front() == '*';
        }
        at = text.find_first_not_of(' ', end);
    }
    if (count != std::size(bits)) {
        return fail(Errc::argument_invalid,
                    fmt::format("takes five fields such as \"30 2 * * mon-fri\" (minute, hour, day of month, "
                                "month, day of week), has {}",
                                count));
    }
    if (has_bit(times.weekdays_, 7)) times.weekdays_ |= 1;  // Sunday, too.
    return times;
}

bool CronTimes::has_day(std::int64_t day) const {
    const auto date = CivilDay::of(day);
    if (!has_bit(months_, date.month)) return false;
    const bool by_day = has_bit(days_, date.day);
    const bool by_weekday = has_bit(weekdays_, CivilDay::weekday(day));
    return has_any_day_ || has_any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<std::int64_t> CronTimes::next(std::int64_t utc_s, const TimeZone& zone) const {
    if (has_any_hour_) return next_instant(utc_s, zone);
    const auto today = cron_day_of(utc_s + zone.offset_at(utc_s));
    for (auto day = today - 1; day <= today + horizon_days; ++day) {
        if (!has_day(day)) continue;
        auto found = next_of_day(day, utc_s, zone);
        if (!found) continue;
        // A time of a gap may come behind the first ones of the day after.
        const auto after = has_day(day + 1) ? next_of_day(day + 1, utc_s, zone) : std::nullopt;
        return std::min(*found, after.value_or(*found));
    }
    return std::nullopt;
}

std::optional<std::int64_t> CronTimes::next_of_day(std::int64_t day, std::int64_t utc_s,
                                                   const TimeZone& zone) const {
    std::optional<std::int64_t> first;
    for (int minute = 0; minute < day_minutes; ++minute) {
        if (!has_bit(hours_, minute / 60) || !has_bit(minutes_, minute % 60)) continue;
        const auto at = zone.to_utc(day * cron_day_s + minute * cron_minute_s);
        if (at > utc_s) first = std::min(first.value_or(at), at);
    }
    return first;
}

std::optional<std::int64_t> CronTimes::next_instant(std::int64_t utc_s, const TimeZone& zone) const {
    auto at = utc_s - ((utc_s % cron_minute_s) + cron_minute_s) % cron_minute_s + cron_minute_s;
    const auto horizon = at + horizon_days * cron_day_s;
    while (at < horizon) {
        const auto local = at + zone.offset_at(at);
        const auto day = cron_day_of(local);
        if (!has_day(day)) {
            // Never backwards, whatever the clocks do around midnight.
            at = std::max(at + cron_minute_s, zone.to_utc((day + 1) * cron_day_s));
            continue;
        }
        const auto minute = (local - day * cron_day_s) / cron_minute_s;
        if (has_bit(hours_, minute / 60) && has_bit(minutes_, minute % 60)) return at;
        at += cron_minute_s;
    }
    return std::nullopt;
}

}  // namespace carillon
