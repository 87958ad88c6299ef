// Waves that are judged by a test. Rules: docs/rollout-reference.md.

#include "core/jobs/job_control.hpp"
#include "core/jobs/job_run.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {

const std::optional<WaveTest>& JobControl::test_of(std::uint32_t wave) const {
    static const std::optional<WaveTest> none;
    const auto entry = wave < waves_.size() ? waves_[wave].entry : tests_.size();
    return entry < tests_.size() ? tests_[entry] : none;
}

std::optional<std::uint32_t> JobControl::tested_wave() const {
    for (auto wave = static_cast<std::uint32_t>(open_waves_); wave-- > 0;) {
        const auto state = waves_[wave].state;
        if ((state == WaveState::open || state == WaveState::soaking) && test_of(wave)) return wave;
    }
    return std::nullopt;
}

std::optional<WaveTestState> JobControl::test_state(std::uint32_t wave, const ControlCounts& counts) const {
    if (!test_of(wave)) return std::nullopt;
    const auto& test = *test_of(wave);
    WaveTestState live;
    live.wave = wave;
    if (counts.test && counts.test->wave == wave) live = *counts.test;
    const auto known = [](const LostConnections& lost) { return std::pair(lost.count(), lost.control); };
    if (signals_ && signals_->wave == wave && known(signals_->lost) > known(live.lost)) {
        live.lost = signals_->lost;
        live.judge(test);
    }
    // What was decided stays so, also where a restart makes the devices count in another order.
    const auto decided =
        std::find_if(tested_.begin(), tested_.end(), [wave](const auto& old) { return old.wave == wave; });
    if (decided == tested_.end()) return live;
    auto state = *decided;
    if (state.what != WaveTestState::good) return state;
    // The other signals of one that was good go on.
    if (live.answered > state.answered) {
        state.slow = live.slow;
        state.answered = live.answered;
    }
    if (live.lost.count() > state.lost.count() || live.lost.control > state.lost.control)
        state.lost = live.lost;
    state.judge(test);
    return state;
}

std::uint64_t JobControl::control_of(std::uint32_t wave) const {
    const auto& test = test_of(wave);
    return test && test->has_disconnects ? test->control_of(waves_[wave].size, started_) : 0;
}

WallTime JobControl::watched_until(std::uint32_t number, const ControlCounts& counts) const {
    const auto& test = test_of(number);
    if (!test || !test->has_disconnects) return {};
    return {counts.last_begun.ticks + test->watch.ms * WallTime::ticks_per_ms};
}

/// What has been counted of lost connections and is not stored; `has_news` where something is decided by it.
std::optional<SignalsEvent> JobControl::note_signals(const ControlCounts& counts, bool has_news,
                                                     WallTime now) const {
    if (!counts.test || counts.test->lost == LostConnections()) return std::nullopt;
    const bool is_of_wave = signals_ && signals_->wave == counts.test->wave;
    const auto stored = is_of_wave ? signals_->lost : LostConnections();
    const auto& lost = counts.test->lost;
    const bool is_new = has_news ? lost != stored : lost.count() != stored.count();
    // After a restart the parts may not have told all of it again.
    if (!is_new || lost.count() < stored.count()) return std::nullopt;
    return SignalsEvent{now, counts.test->wave, lost, counts.lost};
}

bool JobControl::is_noted(const WaveTestState& state) const {
    return std::find(tested_.begin(), tested_.end(), state) != tested_.end();
}

std::string JobControl::why_tested(const WaveTestState& state) const {
    const auto& test = test_of(state.wave);
    if (!test) return {};
    if (state.what == WaveTestState::bad) {
        return fmt::format("waves[{}].test: {}", state.wave,
                           state.is_losing(*test) ? disconnects_sentence(*test, state)
                           : state.is_slow(*test) ? slow_sentence(*test, state)
                                                  : failures_sentence(*test, state));
    }
    const auto evidence = test->good_evidence(state.failed, state.succeeded);
    if (evidence >= test->good_needed()) {
        return fmt::format("waves[{}].test: undecided, its devices have not been watched for {} yet",
                           state.wave, test->watch.text());
    }
    auto refuse = test->refuse.text();
    refuse.insert(refuse.size() - 1, " ");
    return fmt::format(
        "waves[{}].test: undecided, {} of {} failed; evidence for less than {} is {:.1f} ({:.0f} needed)",
        state.wave, state.failed, state.failed + state.succeeded, refuse, evidence, test->good_needed());
}

std::vector<std::pair<WaveTest, WaveTestState>> JobRun::tests() const {
    std::vector<std::pair<WaveTest, WaveTestState>> found;
    std::optional<std::uint32_t> live;
    if (tested_ && control.tested_wave() == tested_->state.wave) live = tested_->state.wave;
    for (const auto& state : control.tests()) {
        const auto& test = control.test_of(state.wave);
        if (test && live != state.wave) found.emplace_back(*test, state);
    }
    if (!live) return found;
    if (auto state = control.test_state(*live, counts_))
        found.emplace_back(*control.test_of(*live), *std::move(state));
    return found;
}

void JobRun::look_at_wave(std::uint32_t wave) {
    if (tested_ && tested_->state.wave == wave) return;
    tested_ = Tested{};  // clang 14 refuses `emplace()` of a nested class with initializers.
    tested_->state.wave = wave;
    tested_->parts.resize(parts_.size());
    tested_->watched.resize(parts_.size());
    const auto& stored = control.signals();
    if (!stored || stored->wave != wave || stored->counted.size() != parts_.size()) return;
    tested_->state.lost = stored->lost;
    for (std::size_t i = 0; i < parts_.size(); ++i) tested_->watched[i].counted = stored->counted[i];
}

/// A device counts when it and all that began before it have ended, else quick successes would vouch for
/// those still out. Which began before which is the order in which the parts told, each all that it had
/// begun; so it does not depend on what became of them.
void JobRun::follow_test(const GateReport& report) {
    const auto wave = control.tested_wave();
    if (!wave) {
        tested_.reset();
        return;
    }
    look_at_wave(*wave);
    const auto& test = control.test_of(*wave);
    if (report.tested_wave != wave || !test) return;
    auto& known = tested_->parts[report.part];
    for (auto place = known.size(); place < report.tested.size(); ++place)
        tested_->order.emplace_back(report.part, place);
    known = report.tested;
    for (; tested_->counted < tested_->order.size(); ++tested_->counted) {
        const auto& [part, place] = tested_->order[tested_->counted];
        const char outcome = tested_->parts[part][place];
        if (outcome == '0') break;
        if (outcome == 'x') continue;
        std::optional<bool> is_slow;
        if (outcome != 'f') is_slow = outcome == 'S' || outcome == 'F';
        tested_->state.add(*test, outcome == 's' || outcome == 'S', is_slow);
    }
    if (test->has_disconnects) follow_lost(report, *test);
}

/// Counts who lost its connection since this part told last. Until each of them did, it was watched.
void JobRun::follow_lost(const GateReport& report, const WaveTest& test) {
    auto& part = tested_->watched[report.part];
    part.in_wave = report.watched_in_wave;
    part.in_control = report.watched_in_control;
    part.control = std::max(part.control, report.control);
    std::uint64_t in_wave = 0;
    std::uint64_t in_control = 0;
    std::uint64_t control_group = 0;
    for (const auto& each : tested_->watched) {
        in_wave += each.in_wave;
        in_control += each.in_control;
        control_group += each.control;
    }
    auto& state = tested_->state;
    state.lost.control = std::max(state.lost.control, control_group);
    const auto fresh = std::string_view(report.lost).substr(std::min(part.counted, report.lost.size()));
    const auto of_wave = static_cast<std::uint64_t>(std::count(fresh.begin(), fresh.end(), 'w'));
    in_wave += of_wave;
    in_control += fresh.size() - of_wave;
    for (const char arm : fresh) {
        state.add_lost(test, arm == 'w', in_wave, in_control);
        --(arm == 'w' ? in_wave : in_control);
    }
    part.counted = std::max<std::size_t>(part.counted, report.lost.size());
    state.judge(test);
}

}  // namespace carillon
