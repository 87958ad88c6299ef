#include "model/rollouts/canary.hpp"

#include "model/rollouts/rollout_reader.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace carillon {

namespace {

/// Alternatives that the evidence is a mean over: rates that are so many times the one in question.
constexpr double bad_factors[] = {1.5, 2, 3, 5, 8, 12};
constexpr double good_factors[] = {0, 0.1, 0.25, 0.5};
constexpr double alternative_max = 0.95;
constexpr std::uint32_t test_rate_hundredths_max = 5'000;

double rate_of(const RolloutShare& share) {
    return share.hundredths / 10'000.0;
}

/// How much more likely this is by the rate `alternative` than by `rate`.
double likelihood_ratio(double alternative, double rate, std::uint64_t failed, std::uint64_t succeeded) {
    if (failed > 0 && alternative == 0) return 0;
    const double failures = failed == 0 ? 0 : static_cast<double>(failed) * std::log(alternative / rate);
    return std::exp(failures + static_cast<double>(succeeded) * std::log((1 - alternative) / (1 - rate)));
}

}  // namespace

double WaveTest::bad_evidence(std::uint64_t failed, std::uint64_t succeeded) const {
    const double rate = rate_of(tolerate);
    double sum = 0;
    for (const double factor : bad_factors)
        sum += likelihood_ratio(std::min(factor * rate, alternative_max), rate, failed, succeeded);
    return sum / static_cast<double>(std::size(bad_factors));
}

double WaveTest::good_evidence(std::uint64_t failed, std::uint64_t succeeded) const {
    const double rate = rate_of(refuse);
    double sum = 0;
    for (const double factor : good_factors) sum += likelihood_ratio(factor * rate, rate, failed, succeeded);
    return sum / static_cast<double>(std::size(good_factors));
}

std::uint64_t WaveTest::size_min() const {
    // Evidence rises with each success.
    std::uint64_t too_few = 0;
    std::uint64_t enough = RolloutLimits::count_max;
    while (too_few + 1 < enough) {
        const auto middle = (too_few + enough) / 2;
        (good_evidence(0, middle) < good_needed() ? too_few : enough) = middle;
    }
    return enough;
}

void WaveTestState::add(const WaveTest& test, bool is_success) {
    if (what != open) return;
    ++(is_success ? succeeded : failed);
    if (test.bad_evidence(failed, succeeded) >= test.bad_needed()) {
        what = bad;
    } else if (test.good_evidence(failed, succeeded) >= test.good_needed()) {
        what = good;
    }
}

std::string_view wave_test_text(WaveTestState::What what) {
    constexpr std::string_view texts[] = {"open", "good", "bad", "undecided"};
    return texts[what];
}

std::optional<WaveTest> read_wave_test(RolloutReader& in, JsonValue value, const std::string& path,
                                       const RolloutWave& wave) {
    static constexpr std::string_view names[] = {"tolerate", "refuse", "falseAlarm", "falsePass"};
    static constexpr std::string_view later[] = {"signals", "slowerThan", "control", "watch"};
    const JsonValue object = in.object(value, path, names, later);
    if (!object.exists()) return std::nullopt;
    WaveTest test;
    RolloutShare* const shares[] = {&test.tolerate, &test.refuse, &test.false_alarm, &test.false_pass};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        const auto member = fmt::format("{}.{}", path, names[i]);
        const auto share = in.share(object.find(names[i]), member);
        if (share) *shares[i] = *share;
        if (share && share->hundredths > test_rate_hundredths_max) in.refuse(member, "must be at most 50 %");
    }
    if (test.refuse <= test.tolerate) in.refuse(path + ".refuse", "must be more than tolerate");
    if (!in.ok()) return test;
    if (const auto least = test.size_min(); wave.size && !wave.size->share && wave.size->count < least)
        in.refuse(path, fmt::format("needs a wave of at least {} devices, as fewer cannot pass", least));
    return test;
}

std::vector<std::optional<WaveTest>> wave_tests_of(const Rollout& rollout) {
    std::vector<std::optional<WaveTest>> tests(rollout.waves.size());
    if (tests.empty()) return tests;
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return tests;
    RolloutReader in(JobType::update_twin);
    std::size_t index = 0;
    const JsonValue waves = document->root().find("waves");
    for (JsonValue v = waves.first(); v.exists() && index < tests.size(); v = v.next(), ++index)
        tests[index] = read_wave_test(in, v.find("test"), "test", rollout.waves[index]);
    return tests;
}

}  // namespace carillon
