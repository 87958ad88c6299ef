#include "model/rollouts/rollout_confirm.hpp"

#include "base/text.hpp"
#include "model/rollouts/canary.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace carillon {

namespace {

constexpr std::array<std::string_view, all_failure_kinds> kind_texts{
    "other", "rejected", "timeout",  "disconnected", "unknown", "offline",    "deadline",
    "gone",  "tooLarge", "conflict", "diverged",     "silent",  "undelivered"};

/// Digits and nothing else, no zero in front.
std::optional<std::uint64_t> parse_digits(std::string_view text, std::size_t digits_max) {
    if (text.empty() || text.size() > digits_max || text[0] < '1' || text[0] > '9') return std::nullopt;
    return parse_u64(text);
}

struct Unit {
    std::string_view text;
    std::int64_t ms;
};
constexpr std::array<Unit, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

}  // namespace

std::optional<RolloutDuration> RolloutDuration::parse(std::string_view text) {
    if (text == "0s") return RolloutDuration{};
    const auto unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_digits(text.substr(0, unit_at), 9);
    if (!number) return std::nullopt;
    for (const Unit& unit : duration_units) {
        if (text.substr(unit_at) != unit.text) continue;
        const RolloutDuration duration{static_cast<std::int64_t>(*number) * unit.ms};
        if (duration.ms > RolloutLimits::duration_max_s * 1000) return std::nullopt;
        return duration;
    }
    return std::nullopt;
}

std::string RolloutDuration::text() const {
    if (ms == 0) return "0s";
    const auto* const unit = std::find_if(duration_units.begin(), duration_units.end(),
                                          [this](const Unit& u) { return ms % u.ms == 0; });
    return std::to_string(ms / unit->ms) + std::string(unit->text);
}

std::optional<RolloutShare> RolloutShare::parse(std::string_view text) {
    if (text.size() < 2 || text.back() != '%') return std::nullopt;
    text.remove_suffix(1);
    const auto dot = text.find('.');
    std::string digits(text.substr(0, dot));
    if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
    std::string_view decimals;
    if (dot != std::string_view::npos) {
        decimals = text.substr(dot + 1);
        if (decimals.empty() || decimals.size() > 2) return std::nullopt;
    }
    digits.append(decimals).append(2 - decimals.size(), '0');
    if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    const auto hundredths = parse_u64(digits);
    if (!hundredths || *hundredths == 0 || *hundredths > 10'000) return std::nullopt;
    return RolloutShare{static_cast<std::uint32_t>(*hundredths)};
}

std::string RolloutShare::text() const {
    std::string out = std::to_string(hundredths / 100);
    if (const std::uint32_t decimals = hundredths % 100; decimals != 0) {
        out += '.';
        out += static_cast<char>('0' + decimals / 10);
        if (decimals % 10 != 0) out += static_cast<char>('0' + decimals % 10);
    }
    return out + '%';
}

bool RolloutShare::is_reached(std::uint64_t part, std::uint64_t whole) const {
    return 10'000 * part >= hundredths * whole;
}

bool RolloutShare::is_exceeded(std::uint64_t part, std::uint64_t whole) const {
    return 10'000 * part > hundredths * whole;
}

std::uint64_t RolloutAmount::as_size(std::uint64_t whole) const {
    if (!share) return count;
    return std::max<std::uint64_t>(1, (share->hundredths * whole + 9'999) / 10'000);
}

std::uint64_t RolloutAmount::as_cap(std::uint64_t whole) const {
    if (!share) return count;
    return std::max<std::uint64_t>(1, share->hundredths * whole / 10'000);
}

std::string RolloutAmount::text() const {
    return share ? share->text() : std::to_string(count);
}

std::optional<RolloutRate> RolloutRate::parse(std::string_view text) {
    if (text.size() < 3 || text[text.size() - 2] != '/') return std::nullopt;
    const char unit = text.back();
    const auto count = parse_digits(text.substr(0, text.size() - 2), 7);
    if (!count || (unit != 's' && unit != 'm')) return std::nullopt;
    return RolloutRate{static_cast<std::uint32_t>(*count), unit == 'm'};
}

std::string RolloutRate::text() const {
    return std::to_string(count) + (is_per_minute ? "/m" : "/s");
}

std::string_view failure_kind_text(FailureKind kind) {
    const auto index = static_cast<std::size_t>(kind);
    return kind_texts[index < kind_texts.size() ? index : 0];
}

std::optional<FailureKind> find_failure_kind(std::string_view text) {
    const auto* const found = std::find(kind_texts.begin() + 1, kind_texts.end(), text);
    if (found == kind_texts.end()) return std::nullopt;
    return static_cast<FailureKind>(found - kind_texts.begin());
}

bool StatusList::contains(std::int32_t status) const {
    return is_any || std::any_of(ranges.begin(), ranges.end(), [status](const auto& range) {
               return range.first <= status && status <= range.second;
           });
}

std::uint64_t RolloutStop::after_of(std::uint64_t targets) const {
    if (!failed.share) return 0;
    if (after) return *after;
    return std::clamp<std::uint64_t>((targets + 9) / 10, 10, 100);
}

std::vector<std::string> Rollout::warnings(JobType type, std::optional<std::uint64_t> targets) const {
    std::vector<std::string> found;
    const bool is_method = type == JobType::device_method;
    if (!is_method && !RolloutConfirm::of(*this) &&
        (!waves.empty() || !stop.empty() || success.succeeded || success.all)) {
        found.emplace_back(
            "waves, stop and success look at what was written: a twin job's device succeeds when its twin is "
            "written, not when it acts on it; confirm waits for what it reports");
    }
    if (pace.rate && targets) {
        const std::uint64_t begun = static_cast<std::uint64_t>(deadline_s) * pace.rate->count;
        if (*targets > (pace.rate->is_per_minute ? begun / 60 : begun))
            found.emplace_back("pace.rate is too slow: not all devices can begin before the deadline");
    }
    const auto tests = wave_tests_of(*this);
    std::uint64_t reached = 0;
    for (std::size_t i = 0; targets && i < tests.size(); ++i) {
        if (!waves[i].size) continue;
        const auto size = waves[i].size->as_size(*targets);
        reached += size;
        if (!tests[i]) continue;
        if (tests[i]->has_disconnects && reached + LostConnections::control_min > *targets)
            found.push_back(
                fmt::format("waves[{}].test cannot look at disconnects: fewer than {} devices are left to "
                            "compare with",
                            i, LostConnections::control_min));
        if (const auto least = tests[i]->size_min(); size < least)
            found.push_back(
                fmt::format("waves[{}].test cannot pass: the wave has {} devices, and {} are the fewest", i,
                            size, least));
    }
    if (is_method && offline.then == OfflineThen::wait && !offline.ttl && deadline_s > RolloutLimits::day_s) {
        found.emplace_back(
            "the method may reach a device more than a day from now; offline.ttl bounds how long it waits");
    }
    return found;
}

}  // namespace carillon
