#include "model/rollouts/canary.hpp"

#include "model/rollouts/rollout_reader.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

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

std::uint64_t WaveTest::control_of(std::uint64_t wave, std::uint64_t targets) const {
    constexpr std::uint64_t least = 100;
    return control ? control->as_size(targets) : std::max(wave, least);
}

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

void LostConnections::add(bool is_of_wave, std::uint64_t watched_in_wave, std::uint64_t watched_in_control) {
    ++(is_of_wave ? in_wave : in_control);
    const auto of_wave = static_cast<double>(watched_in_wave);
    const auto of_control = static_cast<double>(watched_in_control);
    if (of_wave + of_control == 0) return;
    for (std::size_t i = 0; i < ratios.size(); ++i) {
        const double risk = (of_wave + of_control) / (ratios[i] * of_wave + of_control);
        products[i] *= is_of_wave ? ratios[i] * risk : risk;
    }
}

double LostConnections::evidence() const {
    double sum = 0;
    for (const double product : products) sum += product;
    return sum / static_cast<double>(products.size());
}

void WaveTestState::add(const WaveTest& test, bool is_success, std::optional<bool> is_slow) {
    if (what == bad || what == undecided) return;
    if (is_slow && test.slower_than) {
        ++answered;
        slow += *is_slow ? 1U : 0U;
    }
    if (what == open) {
        ++(is_success ? succeeded : failed);
        if (is_failing(test)) {
            what = bad;
        } else if (test.good_evidence(failed, succeeded) >= test.good_needed()) {
            what = good;
        }
    }
    judge(test);
}

void WaveTestState::add_lost(const WaveTest& test, bool is_of_wave, std::uint64_t watched_in_wave,
                             std::uint64_t watched_in_control) {
    if (what == bad || what == undecided) return;
    lost.add(is_of_wave, watched_in_wave, watched_in_control);
    judge(test);
}

void WaveTestState::judge(const WaveTest& test) {
    if (what != undecided && (is_slow(test) || is_losing(test))) what = bad;
}

bool WaveTestState::is_failing(const WaveTest& test) const {
    return test.bad_evidence(failed, succeeded) >= test.bad_needed();
}

bool WaveTestState::is_slow(const WaveTest& test) const {
    return test.slower_than && test.bad_evidence(slow, answered - slow) >= test.bad_needed();
}

bool WaveTestState::is_losing(const WaveTest& test) const {
    return test.has_disconnects && !lost.is_off() && lost.evidence() >= test.bad_needed();
}

std::string_view wave_test_text(WaveTestState::What what) {
    constexpr std::string_view texts[] = {"open", "good", "bad", "undecided"};
    return texts[what];
}

namespace {

std::string in_percent(const RolloutShare& share) {
    auto text = share.text();
    text.insert(text.size() - 1, " ");
    return text;
}

std::string evidence_text(const WaveTest& test, double evidence) {
    return fmt::format("evidence {:.{}f} ({:.0f} needed)", evidence, evidence < 10 ? 1 : 0,
                       test.bad_needed());
}

void read_signals(RolloutReader& in, JsonValue test_object, const std::string& path, const RolloutWave& wave,
                  WaveTest& test) {
    static constexpr std::string_view words[] = {"slow", "disconnects"};
    bool has[] = {false, false};
    const JsonValue given = test_object.find("signals");
    const bool is_none = given.is_array() && given.size() == 0;
    const JsonValue list = is_none ? JsonValue() : in.list(given, path + ".signals", std::size(words));
    std::size_t index = 0;
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const auto member = fmt::format("{}.signals[{}]", path, index++);
        const auto word = in.word(v, member, words);
        if (!word) in.refuse(member, "must be one of slow, disconnects");
        if (word && std::exchange(has[*word], true)) in.refuse(member, "is named twice");
    }
    const auto slower = in.duration(test_object.find("slowerThan"), path + ".slowerThan");
    if (slower && !has[0]) in.refuse(path + ".slowerThan", "only with the signal slow");
    if (has[0] && !slower) in.refuse(path + ".slowerThan", "is needed by the signal slow");
    if (slower && slower->ms == 0) in.refuse(path + ".slowerThan", "must be longer than 0s");
    if (has[0] && !in.is_method() && !in.confirms())
        in.refuse(path + ".signals", "slow needs confirm on a twin job, as its devices answer by that");
    if (has[0]) test.slower_than = slower;
    test.has_disconnects = has[1];
    test.control = in.amount(test_object.find("control"), path + ".control");
    if (test.control && !has[1]) in.refuse(path + ".control", "only with the signal disconnects");
    if (test.control && !test.control->share && test.control->count < LostConnections::control_min)
        in.refuse(path + ".control", fmt::format("must be at least {}", LostConnections::control_min));
    const auto watch = in.duration(test_object.find("watch"), path + ".watch");
    if (watch && !has[1]) in.refuse(path + ".watch", "only with the signal disconnects");
    if (watch && watch->ms == 0) in.refuse(path + ".watch", "must be longer than 0s");
    if (watch) test.watch = *watch;
    if (has[1] && wave.within && *wave.within <= test.watch)
        in.refuse(
            path + ".watch",
            fmt::format("{} is not shorter than the wave's within, so it could not pass", test.watch.text()));
}

}  // namespace

std::string failures_sentence(const WaveTest& test, const WaveTestState& state) {
    const auto ended = state.failed + state.succeeded;
    return fmt::format("{} of {} failed; at most {} is tolerated; {}", state.failed, ended,
                       in_percent(test.tolerate),
                       evidence_text(test, test.bad_evidence(state.failed, state.succeeded)));
}

std::string slow_sentence(const WaveTest& test, const WaveTestState& state) {
    return fmt::format("{} of {} answered later than {}; at most {} is tolerated; {}", state.slow,
                       state.answered, test.slower_than.value_or(RolloutDuration{}).text(),
                       in_percent(test.tolerate),
                       evidence_text(test, test.bad_evidence(state.slow, state.answered - state.slow)));
}

std::string disconnects_sentence(const WaveTest& test, const WaveTestState& state) {
    const auto& lost = state.lost;
    if (lost.is_off())
        return fmt::format(
            "off: {} devices of the control group have been connected, and {} are needed to compare with",
            lost.control, LostConnections::control_min);
    return fmt::format(
        "{} devices of the wave and {} of the control group of {} lost their connection; {}; devices are "
        "taken to lose it independently of each other",
        lost.in_wave, lost.in_control, lost.control, evidence_text(test, lost.evidence()));
}

std::optional<WaveTest> read_wave_test(RolloutReader& in, JsonValue value, const std::string& path,
                                       const RolloutWave& wave) {
    static constexpr std::string_view names[] = {"tolerate", "refuse",     "falseAlarm", "falsePass",
                                                 "signals",  "slowerThan", "control",    "watch"};
    const JsonValue object = in.object(value, path, names);
    if (!object.exists()) return std::nullopt;
    WaveTest test;
    RolloutShare* const shares[] = {&test.tolerate, &test.refuse, &test.false_alarm, &test.false_pass};
    for (std::size_t i = 0; i < std::size(shares); ++i) {
        const auto member = fmt::format("{}.{}", path, names[i]);
        const auto share = in.share(object.find(names[i]), member);
        if (share) *shares[i] = *share;
        if (share && share->hundredths > test_rate_hundredths_max) in.refuse(member, "must be at most 50 %");
    }
    if (test.refuse <= test.tolerate) in.refuse(path + ".refuse", "must be more than tolerate");
    read_signals(in, object, path, wave, test);
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
    RolloutReader in(JobType::device_method);
    std::size_t index = 0;
    const JsonValue waves = document->root().find("waves");
    for (JsonValue v = waves.first(); v.exists() && index < tests.size(); v = v.next(), ++index)
        tests[index] = read_wave_test(in, v.find("test"), "test", rollout.waves[index]);
    return tests;
}

}  // namespace carillon
