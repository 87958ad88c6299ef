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
    // What was decided stays so, also where a restart makes the devices count in another order.
    const auto decided =
        std::find_if(tested_.begin(), tested_.end(), [wave](const auto& old) { return old.wave == wave; });
    if (decided != tested_.end()) return *decided;
    if (counts.test && counts.test->wave == wave) return counts.test;
    WaveTestState state;
    state.wave = wave;
    return state;
}

bool JobControl::is_noted(const WaveTestState& state) const {
    return std::find(tested_.begin(), tested_.end(), state) != tested_.end();
}

std::string JobControl::why_tested(const WaveTestState& state) const {
    const auto& test = test_of(state.wave);
    if (!test) return {};
    const auto ended = state.failed + state.succeeded;
    const auto percent = [](const RolloutShare& share) {
        auto text = share.text();
        text.insert(text.size() - 1, " ");
        return text;
    };
    if (state.what == WaveTestState::bad) {
        return fmt::format(
            "waves[{}].test: {} of {} failed; at most {} is tolerated; evidence {:.0f} ({:.0f} needed)",
            state.wave, state.failed, ended, percent(test->tolerate),
            test->bad_evidence(state.failed, state.succeeded), test->bad_needed());
    }
    return fmt::format(
        "waves[{}].test: undecided, {} of {} failed; evidence for less than {} is {:.1f} ({:.0f} needed)",
        state.wave, state.failed, ended, percent(test->refuse),
        test->good_evidence(state.failed, state.succeeded), test->good_needed());
}

std::vector<std::pair<WaveTest, WaveTestState>> JobRun::tests() const {
    std::vector<std::pair<WaveTest, WaveTestState>> found;
    const auto add = [&](const WaveTestState& state) {
        if (const auto& test = control.test_of(state.wave)) found.emplace_back(*test, state);
    };
    for (const auto& state : control.tests()) add(state);
    const auto is_known = [&](const auto& old) { return old.wave == tested_->state.wave; };
    if (tested_ && std::none_of(control.tests().begin(), control.tests().end(), is_known))
        add(tested_->state);
    return found;
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
    if (!tested_ || tested_->state.wave != *wave) {
        tested_.emplace();
        tested_->state.wave = *wave;
        tested_->parts.resize(parts_.size());
    }
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
        if (outcome != 'x') tested_->state.add(*test, outcome == 's');
    }
}

}  // namespace carillon
