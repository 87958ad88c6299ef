#include "fleet/distribution.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

namespace carillon::fleet {
namespace {

constexpr double two_pi = 6.283185307179586;
/// How many standard deviations 99 % of a normal distribution stay below.
constexpr double normal_p99 = 2.3263478740408408;
constexpr double longest_s = std::chrono::duration<double>(Distribution::longest).count();

constexpr std::array<std::pair<std::string_view, double>, 5> units{
    {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};

Duration duration_of(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Result<double> parse_seconds(std::string_view text) {
    const std::size_t unit_at = text.find_first_not_of("0123456789.");
    const auto wrong = [&] {
        return fail(Errc::config_invalid,
                    "`" + std::string(text) + "` is not a duration such as 250ms, 1.5s or 2m");
    };
    if (unit_at == 0 || unit_at == std::string_view::npos) return wrong();
    const std::string digits(text.substr(0, unit_at));
    char* end = nullptr;
    const double number = std::strtod(digits.c_str(), &end);
    if (*end != '\0') return wrong();
    for (const auto& [unit, seconds] : units) {
        if (text.substr(unit_at) != unit) continue;
        if (number * seconds > longest_s) {
            return fail(Errc::config_invalid, "`" + std::string(text) + "` is longer than a month");
        }
        return number * seconds;
    }
    return wrong();
}

/// Two durations with `separator` between them, the first not above the second.
Result<std::pair<double, double>> parse_two(std::string_view text, std::string_view separator) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) {
        return fail(Errc::config_invalid, "`" + std::string(text) + "` lacks its second duration");
    }
    const auto a = parse_seconds(text.substr(0, at));
    if (!a) return fail(a.error());
    const auto b = parse_seconds(text.substr(at + separator.size()));
    if (!b) return fail(b.error());
    if (*a > *b) return fail(Errc::config_invalid, "`" + std::string(text) + "` begins with the longer one");
    return std::pair(*a, *b);
}

bool consume(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

Result<Distribution> Distribution::parse(std::string_view text) {
    if (consume(text, "exp:")) {
        const auto mean = parse_seconds(text);
        if (!mean) return fail(mean.error());
        return Distribution(Shape::exponential, *mean, 0);
    }
    if (consume(text, "lognormal:")) {
        const auto both = parse_two(text, ",");
        if (!both) return fail(both.error());
        if (both->first == 0) return fail(Errc::config_invalid, "a lognormal median is above 0");
        return Distribution(Shape::lognormal, both->first, both->second);
    }
    if (text.find("..") != std::string_view::npos) {
        const auto both = parse_two(text, "..");
        if (!both) return fail(both.error());
        return Distribution(Shape::uniform, both->first, both->second);
    }
    const auto only = parse_seconds(text);
    if (!only) return fail(only.error());
    return Distribution(Shape::fixed, *only, 0);
}

Distribution Distribution::exponential(Duration mean) {
    return {Shape::exponential, std::chrono::duration<double>(mean).count(), 0};
}

double Distribution::sigma() const {
    return std::log(b_s_ / a_s_) / normal_p99;
}

Duration Distribution::draw(Chance& chance) const {
    switch (shape_) {
        case Shape::fixed:
            return duration_of(a_s_);
        case Shape::uniform:
            return duration_of(a_s_ + chance.uniform() * (b_s_ - a_s_));
        case Shape::exponential:
            return duration_of(std::min(longest_s, -a_s_ * std::log1p(-chance.uniform())));
        case Shape::lognormal: {
            // Box and Muller's normal from two uniforms, the first kept off 0.
            const double radius = std::sqrt(-2 * std::log1p(-chance.uniform()));
            const double normal = radius * std::cos(two_pi * chance.uniform());
            return duration_of(std::min(longest_s, a_s_ * std::exp(sigma() * normal)));
        }
    }
    return {};
}

Duration Distribution::mean() const {
    switch (shape_) {
        case Shape::fixed:
        case Shape::exponential:
            return duration_of(a_s_);
        case Shape::uniform:
            return duration_of((a_s_ + b_s_) / 2);
        case Shape::lognormal:
            return duration_of(std::min(longest_s, a_s_ * std::exp(sigma() * sigma() / 2)));
    }
    return {};
}

Result<Duration> parse_duration(std::string_view text) {
    const auto seconds = parse_seconds(text);
    if (!seconds) return fail(seconds.error());
    return duration_of(*seconds);
}

}  // namespace carillon::fleet
