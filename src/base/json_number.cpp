#include "base/json_number.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace carillon {

namespace {

/// A number taken apart: its value is 0.DDD… times ten to the `point`, where DDD… are the digits of
/// `lexeme` from the first to the last that is not zero.
struct Decimal {
    bool negative = false;
    bool is_zero = true;
    std::int64_t point = 0;
    std::int64_t significant = 0;  ///< How many digits DDD… has.
    std::string_view digits;       ///< DDD…, with perhaps a point among them.

    explicit Decimal(std::string_view lexeme);
};

Decimal::Decimal(std::string_view lexeme) {
    if (!lexeme.empty() && lexeme.front() == '-') {
        negative = true;
        lexeme.remove_prefix(1);
    }
    const std::size_t e = lexeme.find_first_of("eE");
    const std::string_view mantissa = lexeme.substr(0, e);
    std::int64_t exponent = 0;
    if (e != std::string_view::npos) {
        std::string_view text = lexeme.substr(e + 1);
        const bool down = !text.empty() && text.front() == '-';
        if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
        // Far beyond what any mantissa of less than 2 GiB could make up for.
        constexpr std::int64_t exponent_max = std::int64_t{1} << 40;
        for (char c : text) exponent = std::min(exponent_max, exponent * 10 + (c - '0'));
        if (down) exponent = -exponent;
    }
    const std::size_t first = mantissa.find_first_not_of("0.");
    if (first == std::string_view::npos) return;
    const std::size_t last = mantissa.find_last_not_of("0.");
    const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
    is_zero = false;
    digits = mantissa.substr(first, last - first + 1);
    significant = static_cast<std::int64_t>(digits.size()) - (first < dot && dot < last ? 1 : 0);
    // With the point at `dot`, digits before it count up; zeros between it and `first` count down.
    point =
        static_cast<std::int64_t>(dot) - static_cast<std::int64_t>(first) + (first > dot ? 1 : 0) + exponent;
}

}  // namespace

double json_number_value(std::string_view lexeme) {
    double value = 0;
    const auto [stop, error] = std::from_chars(lexeme.data(), lexeme.data() + lexeme.size(), value);
    if (error != std::errc::result_out_of_range) return value;
    const Decimal decimal(lexeme);
    const double magnitude = decimal.point > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return decimal.negative ? -magnitude : magnitude;
}

std::optional<std::int64_t> json_number_integer(std::string_view lexeme) {
    if (lexeme.find_first_of(".eE") == std::string_view::npos) return parse_i64(lexeme);
    const Decimal decimal(lexeme);
    if (decimal.is_zero) return 0;
    constexpr std::int64_t digits_max = 19;
    if (decimal.significant > decimal.point || decimal.point > digits_max) return std::nullopt;
    // Built from below zero, where the range reaches one further.
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    std::int64_t value = 0;
    std::int64_t left = decimal.point;
    const auto push = [&value](int digit) {
        if (value < (least + digit) / 10) return false;
        value = value * 10 - digit;
        return true;
    };
    for (char c : decimal.digits) {
        if (c == '.') continue;
        if (!push(c - '0')) return std::nullopt;
        --left;
    }
    for (; left > 0; --left) {
        if (!push(0)) return std::nullopt;
    }
    if (decimal.negative) return value;
    if (value == least) return std::nullopt;
    return -value;
}

bool is_json_number(std::string_view text) {
    const auto take_digits = [&text] {
        const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
        text.remove_prefix(count);
        return count > 0;
    };
    const auto take = [&text](std::string_view any_of) {
        if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
        text.remove_prefix(1);
        return true;
    };
    take("-");
    if (!take("0") && !take_digits()) return false;
    if (take(".") && !take_digits()) return false;
    if (take("eE")) {
        take("+-");
        if (!take_digits()) return false;
    }
    return text.empty();
}

bool json_number_is_integral(std::string_view lexeme) {
    if (lexeme.find_first_of(".eE") == std::string_view::npos) return true;
    const Decimal decimal(lexeme);
    return decimal.is_zero || decimal.significant <= decimal.point;
}

}  // namespace carillon
