#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace carillon {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t seconds_per_day = 86'400;
constexpr sys_days first_day{
    year_month_day{std::chrono::year{1}, std::chrono::month{1}, std::chrono::day{1}}};
/// The first instant that is too late: 10000-01-01.
constexpr std::int64_t ticks_end = std::int64_t{3'652'059} * seconds_per_day * WallTime::ticks_per_second;

/// Reads a date-time from the left; goes bad at the first surprise and stays bad.
class Reader {
public:
    explicit Reader(std::string_view text) : left_(text) {}

    bool ok() const { return ok_; }
    bool at_end() const { return left_.empty(); }
    char peek() const { return left_.empty() ? '\0' : left_.front(); }

    bool take(char c) {
        if (peek() != c || left_.empty()) return false;
        left_.remove_prefix(1);
        return true;
    }
    void expect(char c) { ok_ = take(c) && ok_; }
    bool more_digits() const { return peek() >= '0' && peek() <= '9'; }
    /// Exactly `count` digits, at most `max`.
    int digits(int count, int max) {
        int value = 0;
        for (int i = 0; i < count; ++i) {
            if (!more_digits()) {
                ok_ = false;
                return 0;
            }
            value = value * 10 + (peek() - '0');
            left_.remove_prefix(1);
        }
        ok_ = ok_ && value <= max;
        return value;
    }
    /// 1 to 9 digits after the point, as ticks; what is finer than a tick is dropped.
    std::int64_t fraction() {
        std::int64_t ticks = 0;
        std::int64_t worth = WallTime::ticks_per_second / 10;
        int count = 0;
        for (; more_digits(); ++count) {
            ticks += worth * (peek() - '0');
            worth /= 10;
            left_.remove_prefix(1);
        }
        ok_ = ok_ && count >= 1 && count <= 9;
        return ticks;
    }
    void spoil() { ok_ = false; }

private:
    std::string_view left_;
    bool ok_ = true;
};

/// `Z`, `+HH:MM`, `+HHMM`, `+HH` or nothing, as seconds east of Greenwich.
std::int64_t read_offset(Reader& in) {
    if (in.at_end() || in.take('Z') || in.take('z')) return 0;
    const bool west = in.peek() == '-';
    if (!in.take('+') && !in.take('-')) {
        in.spoil();
        return 0;
    }
    const int hours = in.digits(2, 14);
    int minutes = 0;
    if (!in.at_end()) {
        in.take(':');
        minutes = in.digits(2, 59);
    }
    const std::int64_t seconds = hours * 3600 + minutes * 60;
    return west ? -seconds : seconds;
}

void append_digits(std::string& out, std::int64_t value, int count) {
    std::array<char, 8> digits{};
    for (int i = count; i-- > 0; value /= 10)
        digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    out.append(digits.data(), static_cast<std::size_t>(count));
}

}  // namespace

std::string to_iso8601(WallTime time) {
    // A value out of range comes from a broken clock at worst; it prints as the nearest instant.
    const std::int64_t ticks = std::clamp<std::int64_t>(time.ticks, 0, ticks_end - 1);
    const std::int64_t seconds = ticks / WallTime::ticks_per_second;
    std::int64_t fraction = ticks % WallTime::ticks_per_second;
    const std::int64_t of_day = seconds % seconds_per_day;
    const year_month_day date{first_day + days{static_cast<int>(seconds / seconds_per_day)}};

    std::string out;
    out.reserve(28);
    append_digits(out, static_cast<int>(date.year()), 4);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.day()), 2);
    out += 'T';
    append_digits(out, of_day / 3600, 2);
    out += ':';
    append_digits(out, of_day / 60 % 60, 2);
    out += ':';
    append_digits(out, of_day % 60, 2);
    if (fraction != 0) {
        int count = 7;
        for (; fraction % 10 == 0; fraction /= 10) --count;
        out += '.';
        append_digits(out, fraction, count);
    }
    out += 'Z';
    return out;
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
    Reader in{text};
    const int year = in.digits(4, 9999);
    in.expect('-');
    const int month = in.digits(2, 12);
    in.expect('-');
    const int day = in.digits(2, 31);
    std::int64_t of_day = 0;
    std::int64_t fraction = 0;
    std::int64_t offset = 0;
    if (!in.at_end()) {
        if (!in.take('T') && !in.take('t')) in.spoil();
        of_day = in.digits(2, 23) * 3600;
        in.expect(':');
        of_day += in.digits(2, 59) * 60;
        if (in.take(':')) {
            of_day += in.digits(2, 59);
            if (in.take('.')) fraction = in.fraction();
        }
        offset = read_offset(in);
    }
    if (!in.ok() || !in.at_end()) return std::nullopt;

    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (year < 1 || !date.ok()) return std::nullopt;
    const std::int64_t day_number = (sys_days{date} - first_day).count();
    const std::int64_t ticks =
        (day_number * seconds_per_day + of_day - offset) * WallTime::ticks_per_second + fraction;
    if (ticks < 0 || ticks >= ticks_end) return std::nullopt;
    return WallTime{ticks};
}

}  // namespace carillon
