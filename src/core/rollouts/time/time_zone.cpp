#include "core/rollouts/time/time_zone.hpp"

#include <algorithm>

namespace carillon {

namespace {

constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t hour_s = 3600;

/// Reads big-endian numbers; goes bad at the end and stays bad.
class ZoneReader {
public:
    explicit ZoneReader(std::string_view rest) : rest_(rest) {}
    std::uint64_t number(std::size_t bytes) {
        const auto text = take(bytes);
        std::uint64_t value = 0;
        for (const char c : text) value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    std::int64_t seconds(std::size_t bytes) {
        const auto value = number(bytes);
        return bytes == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
    }
    std::string_view take(std::size_t bytes) {
        if (bytes > rest_.size()) {
            is_ok_ = false;
            rest_ = {};
            return {};
        }
        const auto text = rest_.substr(0, bytes);
        rest_.remove_prefix(bytes);
        return text;
    }
    std::string_view rest() const { return rest_; }
    bool ok() const { return is_ok_; }

private:
    std::string_view rest_;
    bool is_ok_ = true;
};

struct ZoneHeader {
    int version = 0;
    std::size_t utc_flags = 0;
    std::size_t standard_flags = 0;
    std::size_t leaps = 0;
    std::size_t times = 0;
    std::size_t types = 0;
    std::size_t chars = 0;

    std::size_t bytes(std::size_t time_bytes) const {
        return times * (time_bytes + 1) + types * 6 + chars + leaps * (time_bytes + 4) + standard_flags +
               utc_flags;
    }
};

bool read_header(ZoneReader& in, ZoneHeader& header) {
    if (in.take(4) != "TZif") return false;
    const char version = in.take(1).empty() ? '\0' : in.rest().data()[-1];
    header.version = version >= '1' && version <= '9' ? version - '0' : 1;
    in.take(15);
    for (auto* count : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.times,
                        &header.types, &header.chars})
        *count = in.number(4);
    return in.ok() && header.types > 0;
}

/// Reads the text of a POSIX TZ, from left to right.
class FooterReader {
public:
    explicit FooterReader(std::string_view text) : text_(text) {}
    bool at_end() const { return text_.empty(); }
    bool skip(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    /// `CET`, `<+03>`
    bool name() {
        if (skip('<')) {
            const auto end = text_.find('>');
            if (end == text_.npos) return false;
            text_.remove_prefix(end + 1);
            return true;
        }
        const auto end = std::find_if(text_.begin(), text_.end(), [](char c) {
            return !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
        });
        const auto length = static_cast<std::size_t>(end - text_.begin());
        text_.remove_prefix(length);
        return length >= 3;
    }
    /// Negative if there is none.
    int number() {
        int value = 0;
        std::size_t digits = 0;
        while (digits < text_.size() && digits < 3 && text_[digits] >= '0' && text_[digits] <= '9')
            value = value * 10 + (text_[digits++] - '0');
        text_.remove_prefix(digits);
        return digits == 0 ? -1 : value;
    }
    /// `[+-]hh[:mm[:ss]]`
    std::optional<std::int64_t> time() {
        const bool is_negative = skip('-');
        if (!is_negative) static_cast<void>(skip('+'));
        const auto hours = number();
        if (hours < 0 || hours > 167) return std::nullopt;
        std::int64_t seconds = hours * hour_s;
        for (const std::int64_t unit : {60, 1}) {
            if (!skip(':')) break;
            const auto part = number();
            if (part < 0 || part > 59) return std::nullopt;
            seconds += part * unit;
        }
        return is_negative ? -seconds : seconds;
    }
    std::optional<YearlyRule> rule() {
        YearlyRule rule;
        if (!skip(',')) return std::nullopt;
        if (skip('M')) {
            rule.month = number();
            rule.week = skip('.') ? number() : -1;
            rule.day = skip('.') ? number() : -1;
            if (rule.month < 1 || rule.month > 12 || rule.week < 1 || rule.week > 5 || rule.day < 0 ||
                rule.day > 6)
                return std::nullopt;
        } else {
            rule.kind = skip('J') ? YearlyRule::day_without_leap : YearlyRule::day_of_year;
            rule.day = number();
            if (rule.day < 0 || rule.day > 365) return std::nullopt;
        }
        rule.time_s = 2 * hour_s;
        if (skip('/')) {
            const auto at = time();
            if (!at) return std::nullopt;
            rule.time_s = *at;
        }
        return rule;
    }

private:
    std::string_view text_;
};

bool is_leap(std::int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

}  // namespace

CivilDay CivilDay::of(std::int64_t days) {
    days += 719'468;
    const auto era = floor_div(days, 146'097);
    const auto of_era = days - era * 146'097;
    const auto year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    const auto of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const auto shifted = (5 * of_year + 2) / 153;
    CivilDay civil;
    civil.day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
    civil.month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
    civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
    return civil;
}

std::int64_t CivilDay::days_since_1970() const {
    const auto shifted_year = year - (month <= 2 ? 1 : 0);
    const auto era = floor_div(shifted_year, 400);
    const auto of_era = shifted_year - era * 400;
    const auto of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

int CivilDay::weekday(std::int64_t days) {
    const auto day = (days + 4) % 7;  // 1 January 1970 was a Thursday.
    return static_cast<int>(day < 0 ? day + 7 : day);
}

std::int64_t YearlyRule::in_year(std::int64_t year) const {
    std::int64_t days = 0;
    if (kind == month_week_day) {
        const auto first = CivilDay{year, month, 1}.days_since_1970();
        days = first + (day - CivilDay::weekday(first) + 7) % 7 + (week - 1) * 7;
        const auto next =
            CivilDay{month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1}.days_since_1970();
        while (days >= next) days -= 7;
    } else {
        days = CivilDay{year, 1, 1}.days_since_1970() + day;
        // `J60` is 1 March in every year.
        if (kind == day_without_leap) days += (is_leap(year) && day >= 60 ? 0 : -1);
    }
    return days * day_s + time_s;
}

bool TimeZone::parse_footer(std::string_view text) {
    FooterReader in(text);
    if (!in.name()) return false;
    const auto west = in.time();
    if (!west) return false;
    standard_s_ = -*west;
    daylight_s_ = standard_s_ + hour_s;
    if (in.at_end()) return true;
    if (!in.name()) return false;
    FooterReader ahead = in;
    if (!ahead.skip(',')) {
        const auto daylight_west = in.time();
        if (!daylight_west) return false;
        daylight_s_ = -*daylight_west;
    }
    daylight_from_ = in.rule();
    daylight_to_ = in.rule();
    return daylight_from_ && daylight_to_ && in.at_end();
}

Result<TimeZone> TimeZone::parse(Bytes file) {
    const auto refuse = [] { return fail(Errc::argument_invalid, "not a file of the tz database"); };
    if (file.size() > file_bytes_max) return refuse();
    ZoneReader in(as_text(file));
    ZoneHeader header;
    if (!read_header(in, header)) return refuse();
    std::size_t time_bytes = 4;
    if (header.version >= 2) {
        in.take(header.bytes(time_bytes));
        time_bytes = 8;
        if (!read_header(in, header)) return refuse();
    }
    if (header.bytes(time_bytes) > in.rest().size()) return refuse();
    TimeZone zone;
    std::vector<std::int64_t> times;
    for (std::size_t i = 0; i < header.times; ++i) times.push_back(in.seconds(time_bytes));
    const auto indexes = in.take(header.times);
    std::vector<std::int64_t> offsets;
    for (std::size_t i = 0; i < header.types; ++i) {
        offsets.push_back(in.seconds(4));
        in.take(2);
        if (std::abs(offsets.back()) >= offset_max_s) return refuse();
    }
    in.take(header.chars + header.leaps * (time_bytes + 4) + header.standard_flags + header.utc_flags);
    for (std::size_t i = 0; i < times.size(); ++i) {
        const auto type = static_cast<unsigned char>(indexes[i]);
        if (type >= offsets.size() || (i > 0 && times[i] <= times[i - 1])) return refuse();
        zone.transitions_.push_back({times[i], offsets[type]});
    }
    zone.first_offset_s_ = offsets.front();
    zone.standard_s_ = zone.transitions_.empty() ? offsets.front() : zone.transitions_.back().offset_s;
    if (time_bytes == 8) {
        if (in.take(1) != "\n") return refuse();
        const auto end = in.rest().find('\n');
        if (end == std::string_view::npos) return refuse();
        const auto footer = in.rest().substr(0, end);
        if (!footer.empty() && !zone.parse_footer(footer)) return refuse();
        zone.has_footer_ = !footer.empty();
    }
    return in.ok() ? Result<TimeZone>(std::move(zone)) : refuse();
}

std::int64_t TimeZone::offset_by_rule(std::int64_t utc_s) const {
    if (!has_footer_ || !daylight_from_ || !daylight_to_) return standard_s_;
    const auto year = CivilDay::of(floor_div(utc_s + standard_s_, day_s)).year;
    // Each begins at a local time of the one before. What began late last year may last into this one.
    for (auto each = year + 1; each >= year - 1; --each) {
        const auto from = daylight_from_->in_year(each) - standard_s_;
        const auto to = daylight_to_->in_year(each) - daylight_s_;
        const auto newest = std::max(from <= utc_s ? from : INT64_MIN, to <= utc_s ? to : INT64_MIN);
        if (newest == INT64_MIN) continue;
        return newest == from ? daylight_s_ : standard_s_;
    }
    return standard_s_;
}

std::int64_t TimeZone::offset_at(std::int64_t utc_s) const {
    if (transitions_.empty()) return offset_by_rule(utc_s);
    if (utc_s >= transitions_.back().utc_s)
        return has_footer_ ? offset_by_rule(utc_s) : transitions_.back().offset_s;
    const auto next = std::upper_bound(transitions_.begin(), transitions_.end(), utc_s,
                                       [](std::int64_t at, const Transition& t) { return at < t.utc_s; });
    return next == transitions_.begin() ? first_offset_s_ : std::prev(next)->offset_s;
}

std::int64_t TimeZone::to_utc(std::int64_t local_s) const {
    // A change of the offset counts only if it lies between these two moments.
    const auto before = offset_at(local_s - 15 * hour_s);
    const auto after = offset_at(local_s + 15 * hour_s);
    const auto first = local_s - std::max(before, after);
    const auto second = local_s - std::min(before, after);
    for (const auto moment : {first, second}) {
        if (moment + offset_at(moment) == local_s) return moment;
    }
    return local_s - before;
}

}  // namespace carillon
