#include "core/jobs/job_control.hpp"

#include "model/rollouts/members.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace carillon {
namespace {

/// `5%` as people write it in a sentence.
std::string spaced(const RolloutShare& share) {
    auto text = share.text();
    text.insert(text.size() - 1, " ");
    return text;
}

}  // namespace

std::string_view wave_state_text(WaveState state) {
    constexpr std::array<std::string_view, 6> texts{"waiting", "open", "soaking", "gate", "passed", "failed"};
    return texts[static_cast<std::size_t>(state)];
}

GateCounts ControlCounts::sum() const {
    GateCounts sum;
    for (const auto& wave : waves) sum += wave;
    return sum;
}

LogTotals ControlCounts::totals() const {
    return {sum().ended(), kinds};
}

std::vector<WaveSize> expand_waves(const std::vector<RolloutWave>& entries, std::uint64_t devices) {
    std::vector<WaveSize> waves;
    auto left = devices;
    const auto add = [&](std::size_t entry, std::uint64_t size) {
        size = std::min(size, left);
        waves.push_back({entry, size});
        left -= size;
    };
    for (std::size_t i = 0; i < entries.size() && left > 0; ++i) {
        const auto& entry = entries[i];
        add(i, entry.size ? entry.size->as_size(devices) : left);
        if (entry.grow_hundredths == 0 || !entry.size) continue;
        const auto base = static_cast<long double>(entry.size->as_size(devices));
        const auto factor = static_cast<long double>(entry.grow_hundredths) / 100;
        auto power = factor;
        // The last of all is the rest, so that there are not more than may be.
        while (left > 0 && waves.size() + 1 < RolloutLimits::waves_expanded_max) {
            // What is whole but for the error of the multiplication is not rounded up.
            add(i, static_cast<std::uint64_t>(std::min<long double>(std::ceil(base * power - 1e-9L), 1e12L)));
            power *= factor;
        }
    }
    if (left > 0 || waves.empty()) waves.push_back({entries.size(), left});
    return waves;
}

std::vector<std::uint64_t> share_out(std::uint64_t count, const std::vector<std::uint64_t>& sizes) {
    const auto all = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    std::vector<std::uint64_t> shares(sizes.size());
    if (all == 0) return shares;
    count = std::min(count, all);
    std::vector<std::pair<std::uint64_t, std::size_t>> remainders;
    auto left = count;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        // Both are below ten million.
        shares[i] = count * sizes[i] / all;
        left -= shares[i];
        remainders.emplace_back(count * sizes[i] % all, i);
    }
    std::stable_sort(remainders.begin(), remainders.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (std::size_t n = 0; left > 0; ++n, --left) ++shares[remainders[n].second];
    return shares;
}

JobControl::JobControl(const JobDefinition& definition)
    : type_(definition.type),
      deadline_s_(definition.execution_time_max_s),
      is_continuous_(RolloutMembers::of(*definition.rollout).is_continuous),
      members_(is_continuous_ ? MemberTaking::open : MemberTaking::none),
      rollout_(std::make_shared<const Rollout>(*definition.rollout)),
      tripped_(rollout_->stop.size()),
      tests_(wave_tests_of(*rollout_)) {}

const RolloutWave& JobControl::entry_of(const ControlWave& wave) const {
    static const RolloutWave rest{};
    return wave.entry < rollout_->waves.size() ? rollout_->waves[wave.entry] : rest;
}

void JobControl::set_targets(std::uint64_t targets) {
    targets_ = started_ = targets;
    has_targets_ = true;
    cut_waves(0);
}

void JobControl::set_members(std::uint64_t members) {
    if (!has_targets_ || members <= targets_) return;
    targets_ = members;
    add_joined();
}

/// Cuts the waves behind the first `kept` from the devices that those leave over.
void JobControl::cut_waves(std::size_t kept) {
    waves_.resize(std::min(kept, waves_.size()));
    std::uint64_t used = 0;
    std::size_t entries_used = 0;
    for (const auto& wave : waves_) {
        used += wave.size;
        entries_used = std::max(entries_used, wave.entry + 1);
    }
    if (waves_.empty()) {
        for (const auto& size : expand_waves(rollout_->waves, started_)) {
            waves_.push_back({size.entry, size.size, WaveState::waiting, {}, {}, 0});
        }
        return add_joined();
    }
    // Shares stay shares of all: only how many devices are left has changed.
    auto fresh = expand_waves(rollout_->waves, started_);
    fresh.erase(fresh.begin(), fresh.begin() + static_cast<std::ptrdiff_t>(std::min(kept, fresh.size())));
    auto left = started_ - std::min(used, started_);
    for (const auto& size : fresh) {
        if (left == 0) break;
        const auto taken = std::min(size.size, left);
        waves_.push_back({size.entry, taken, WaveState::waiting, {}, {}, 0});
        left -= taken;
    }
    if (left > 0) {
        if (waves_.size() > kept && waves_.back().entry >= rollout_->waves.size()) {
            waves_.back().size += left;
        } else {
            waves_.push_back({rollout_->waves.size(), left, WaveState::waiting, {}, {}, 0});
        }
    }
    add_joined();
}

/// Who joined since the start is in the last wave.
void JobControl::add_joined() {
    std::uint64_t in_waves = 0;
    for (const auto& wave : waves_) in_waves += wave.size;
    waves_.back().size += targets_ - std::min(in_waves, targets_);
}

std::optional<std::uint64_t> JobControl::in_flight_max() const {
    std::optional<std::uint64_t> most;
    if (rollout_->pace.max_in_flight) most = rollout_->pace.max_in_flight->as_cap(targets_);
    if (most || rollout_->stop.empty()) return most;
    // How far a rule may be overshot is a number that one can read.
    std::uint64_t least = UINT64_MAX;
    for (const auto& rule : rollout_->stop) {
        const auto share =
            std::max<std::uint64_t>(targets_ / 100, std::min<std::uint64_t>(64, rule.after_of(targets_)));
        least = std::min(least, rule.failed.share ? std::max<std::uint64_t>(8, share) : 64);
    }
    return least;
}

// --- the fold ------------------------------------------------------------------------------------

void JobControl::apply(const JobLogEvent& event) {
    if (const auto* change = std::get_if<ChangedEvent>(&event)) {
        ++revision_;
        auto changed = Rollout::parse(change->after, type_);
        if (changed) {
            if (!changed->has_deadline) changed->deadline_s = deadline_s_;
            const bool has_new_waves = changed->waves != rollout_->waves;
            const bool has_new_rules = changed->stop != rollout_->stop;
            rollout_ = std::make_shared<const Rollout>(*std::move(changed));
            tests_ = wave_tests_of(*rollout_);
            if (has_targets_ && has_new_waves) cut_waves(open_waves_);
            if (has_new_rules) tripped_.assign(rollout_->stop.size(), false);
        }
    } else if (const auto* directed = std::get_if<DirectedEvent>(&event)) {
        ++revision_;
        take(*directed);
    } else if (const auto* opened = std::get_if<WaveOpenedEvent>(&event)) {
        ++revision_;
        if (opened->wave >= waves_.size()) return;
        auto& wave = waves_[opened->wave];
        wave.state = WaveState::open;
        wave.opened = wave.since = opened->time;
        open_waves_ = std::max<std::size_t>(open_waves_, opened->wave + 1);
    } else if (const auto* judged = std::get_if<WaveJudgedEvent>(&event)) {
        ++revision_;
        if (judged->wave >= waves_.size()) return;
        constexpr std::array<WaveState, 6> states{WaveState::open,    WaveState::passed, WaveState::failed,
                                                  WaveState::soaking, WaveState::gate,   WaveState::open};
        auto& wave = waves_[judged->wave];
        wave.state = states[judged->what];
        wave.since = judged->time;
        if (asks_for_undo(*judged)) wants_undo_ = true;
    } else if (const auto* tripped = std::get_if<RuleTrippedEvent>(&event)) {
        ++revision_;
        if (tripped->rule < tripped_.size()) {
            tripped_[tripped->rule] = true;
            if (rollout_->stop[tripped->rule].action == StopAction::undo) wants_undo_ = true;
        }
    } else if (const auto* tested = std::get_if<TestedEvent>(&event)) {
        std::erase_if(tested_, [&](const auto& test) { return test.wave == tested->state.wave; });
        tested_.push_back(tested->state);
    } else if (const auto* signals = std::get_if<SignalsEvent>(&event)) {
        signals_ = *signals;
    } else if (const auto* verdict = std::get_if<VerdictEvent>(&event)) {
        verdict_ = verdict->is_met;
    }
}

void JobControl::take(const DirectedEvent& event) {
    const auto end_pause = [this, &event] {
        if (!pause_) return;
        for (auto& wave : waves_) {
            if (wave.state != WaveState::waiting) {
                wave.held += event.time.ticks - std::max(pause_->at.ticks, wave.opened.ticks);
            }
        }
        pause_.reset();
    };
    switch (event.what) {
        case DirectedEvent::paused:
            pause_ = ControlPause{event.by, event.time, event.why, event.cause, event.wave};
            break;
        case DirectedEvent::resumed:
            end_pause();
            tripped_.assign(tripped_.size(), false);
            base_ = event.totals;
            break;
        case DirectedEvent::promoted:
            // Takes back the pause that the wave's failure made, not one by hand or by a rule.
            if (pause_ && pause_->cause == DirectedEvent::by_wave && pause_->wave == event.wave) end_pause();
            break;
        case DirectedEvent::closed:
            // Who was there before its source ended still joins.
            members_ = event.by.policy == hub_actor ? MemberTaking::until_known : MemberTaking::none;
            break;
        case DirectedEvent::cancelling:
            break;
    }
}

// --- what follows --------------------------------------------------------------------------------

std::vector<JobLogEvent> JobControl::decide(const ControlCounts& counts, WallTime now) const {
    std::vector<JobLogEvent> events;
    if (!has_targets_) return events;
    if (trip_rules(counts, now, events)) return events;
    if (!has_waves()) return events;
    if (open_waves_ == 0) {
        events.push_back(WaveOpenedEvent{now, 0, waves_[0].size});
        return events;
    }
    for (std::uint32_t i = 0; i < open_waves_; ++i) {
        if (waves_[i].state == WaveState::passed || i + 1 == waves_.size()) continue;
        judge_wave(i, counts, now, events);
    }
    // What it is decided by stands before the decision.
    if (auto noted = note_signals(counts, !events.empty(), now))
        events.emplace(events.begin(), *std::move(noted));
    return events;
}

/// True if a rule has tripped.
bool JobControl::trip_rules(const ControlCounts& counts, WallTime now,
                            std::vector<JobLogEvent>& events) const {
    const auto totals = counts.totals();
    const auto ended = totals.ended - std::min(base_.ended, totals.ended);
    std::optional<StopAction> strongest;
    std::string why;
    for (std::uint32_t i = 0; i < rollout_->stop.size(); ++i) {
        if (tripped_[i]) continue;
        const auto& rule = rollout_->stop[i];
        const auto failed =
            totals.failed(rule.kinds) - std::min(base_.failed(rule.kinds), totals.failed(rule.kinds));
        const auto& share = rule.failed.share;
        const bool is_tripped = share ? ended >= rule.after_of(targets_) && share->is_exceeded(failed, ended)
                                      : failed >= rule.failed.count;
        if (!is_tripped) continue;
        events.push_back(
            RuleTrippedEvent{now, i, failed, ended, is_paused() && rule.action == StopAction::pause});
        if (strongest && *strongest >= rule.action) continue;
        strongest = rule.action;
        why = share
                  ? fmt::format("stop[{}]: {} of {} failed, {} allowed", i, failed, ended, spaced(*share))
                  : fmt::format("stop[{}]: {} of {} failed, {} stop it", i, failed, ended, rule.failed.count);
    }
    if (!strongest) return false;
    const bool is_cancel = *strongest != StopAction::pause;  // An undo follows when the job has ended.
    if (is_cancel || !is_paused()) {
        DirectedEvent act;
        act.time = now;
        act.what = is_cancel ? DirectedEvent::cancelling : DirectedEvent::paused;
        act.by.policy = hub_actor;
        act.why = std::move(why);
        act.cause = DirectedEvent::by_rule;
        act.totals = totals;
        events.emplace_back(std::move(act));
    }
    return true;
}

std::int64_t JobControl::within_left(const ControlWave& wave, WallTime now) const {
    const auto& within = entry_of(wave).within;
    if (!within) return INT64_MAX;
    // It stands still while the job is paused.
    const auto until = pause_ ? std::max(pause_->at.ticks, wave.opened.ticks) : now.ticks;
    return within->ms * WallTime::ticks_per_ms - (until - wave.opened.ticks - wave.held);
}

/// Why a wave that has no more time does not pass; empty if it does.
std::string JobControl::why_failed(std::uint32_t number, const GateCounts& counts) const {
    const auto& wave = waves_[number];
    const auto& pass = entry_of(wave).pass;
    const auto size = wave.size - std::min(counts.canceled, wave.size);
    const auto ended = counts.ended();
    if (size == 0) return fmt::format("waves[{}]: no device is left to judge by", number);
    if (!pass.ended.is_reached(ended, size)) {
        return fmt::format("waves[{}]: {} of {} ended, needs {}", number, ended, size, spaced(pass.ended));
    }
    if (pass.succeeded.is_reached(counts.succeeded, ended)) return {};
    return fmt::format("waves[{}]: {} of {} succeeded, needs {}", number, counts.succeeded, ended,
                       spaced(pass.succeeded));
}

std::vector<JobLogEvent> JobControl::judge_open(const ControlCounts& counts, WallTime now) const {
    std::vector<JobLogEvent> events;
    for (std::uint32_t i = 0; has_waves() && i < open_waves_; ++i) {
        const auto state = waves_[i].state;
        if (state != WaveState::open && state != WaveState::soaking) continue;
        // The last one of a continuous job is not judged.
        if (is_continuous_ && i + 1 == waves_.size()) continue;
        const auto of_wave = i < counts.waves.size() ? counts.waves[i] : GateCounts();
        auto why = why_failed(i, of_wave);
        auto test = test_state(i, counts);
        if (test && (why.empty() || test->what == WaveTestState::bad)) {
            if (test->what == WaveTestState::open) test->what = WaveTestState::undecided;
            if (test->what != WaveTestState::good) why = why_tested(*test);
            // What it is decided by stands before the decision.
            if (!is_noted(*test)) events.emplace_back(TestedEvent{now, *std::move(test)});
        }
        const auto what = why.empty() ? WaveJudgedEvent::passed : WaveJudgedEvent::failed;
        events.emplace_back(WaveJudgedEvent{now, what, i, waves_[i].size, of_wave, false, std::move(why)});
    }
    return events;
}

bool JobControl::asks_for_undo(const WaveJudgedEvent& event) const {
    return event.what == WaveJudgedEvent::failed && event.wave < waves_.size() &&
           entry_of(waves_[event.wave]).otherwise == WaveElse::undo;
}

void JobControl::judge_wave(std::uint32_t number, const ControlCounts& all, WallTime now,
                            std::vector<JobLogEvent>& events) const {
    const auto& wave = waves_[number];
    const auto& entry = entry_of(wave);
    const auto counts = number < all.waves.size() ? all.waves[number] : GateCounts();
    // Canceled devices leave the measure.
    const auto size = wave.size - std::min(counts.canceled, wave.size);
    const auto ended = counts.ended();
    const auto test = test_state(number, all);
    const bool holds = holds_unwatched(number, all);
    const bool is_watched = now >= watched_until(number, all);
    const auto note_test = [&] {
        if (test && !is_noted(*test)) events.emplace_back(TestedEvent{now, *test});
    };
    const auto say = [&](WaveJudgedEvent::What what) {
        events.emplace_back(WaveJudgedEvent{now, what, number, wave.size, counts, false, {}});
    };
    const auto pass = [&] {
        if (entry.is_manual) return say(WaveJudgedEvent::at_gate);
        say(WaveJudgedEvent::passed);
        open_next(number, now, events);
    };
    const bool is_bad = test && test->what == WaveTestState::bad;
    switch (wave.state) {
        case WaveState::soaking:
            if (is_bad) break;
            if (!holds) return say(WaveJudgedEvent::open_again);
            if (now.ticks < wave.since.ticks + entry.soak.ms * WallTime::ticks_per_ms) return;
            note_test();
            return pass();
        case WaveState::failed:
            // Devices that were out may still make it good, unless somebody has to look first.
            if (holds && !is_paused() && open_waves_ == number + 1 && !test) pass();
            return;
        case WaveState::open:
            break;
        case WaveState::waiting:
        case WaveState::gate:
        case WaveState::passed:
            return;
    }
    if (holds && is_watched && !is_bad) {
        note_test();
        return entry.soak.ms > 0 ? say(WaveJudgedEvent::soaking) : pass();
    }
    // It may still lose connections while it is watched.
    const bool is_over = ended == size && !holds;
    if (!is_bad && !is_over && within_left(wave, now) > 0) return;
    auto why = why_failed(number, counts);
    if (test && (is_bad || why.empty())) {
        auto state = *test;
        if (state.what != WaveTestState::bad) state.what = WaveTestState::undecided;
        events.emplace_back(TestedEvent{now, state});
        why = why_tested(state);
    }
    events.emplace_back(WaveJudgedEvent{now, WaveJudgedEvent::failed, number, wave.size, counts, false, why});
    fail_wave(number, std::move(why), all.totals(), now, events);
}

/// What a wave that failed does to the job.
void JobControl::fail_wave(std::uint32_t number, std::string why, const LogTotals& totals, WallTime now,
                           std::vector<JobLogEvent>& events) const {
    DirectedEvent act;
    act.time = now;
    act.by.policy = hub_actor;
    act.why = std::move(why);
    act.cause = DirectedEvent::by_wave;
    act.wave = number;
    act.totals = totals;
    switch (entry_of(waves_[number]).otherwise) {
        case WaveElse::go:
            return open_next(number, now, events);
        case WaveElse::pause:
            if (is_paused()) return;
            act.what = DirectedEvent::paused;
            break;
        case WaveElse::cancel:
        case WaveElse::undo:
            act.what = DirectedEvent::cancelling;
            break;
    }
    events.emplace_back(std::move(act));
}

void JobControl::open_next(std::uint32_t passed, WallTime now, std::vector<JobLogEvent>& events) const {
    const auto next = passed + 1;
    if (next < waves_.size() && next >= open_waves_)
        events.emplace_back(WaveOpenedEvent{now, next, waves_[next].size});
}

bool JobControl::holds_unwatched(std::uint32_t number, const ControlCounts& counts) const {
    const auto& pass = entry_of(waves_[number]).pass;
    const auto of_wave = number < counts.waves.size() ? counts.waves[number] : GateCounts();
    // Canceled devices leave the measure.
    const auto size = waves_[number].size - std::min(of_wave.canceled, waves_[number].size);
    if (size == 0 || !pass.ended.is_reached(of_wave.ended(), size)) return false;
    if (!pass.succeeded.is_reached(of_wave.succeeded, of_wave.ended())) return false;
    const auto test = test_state(number, counts);
    return !test || test->what == WaveTestState::good;
}

std::optional<WallTime> JobControl::next(const ControlCounts& counts, WallTime now) const {
    auto next = INT64_MAX;
    if (!has_waves()) return std::nullopt;
    for (std::size_t i = 0; i < open_waves_ && i + 1 < waves_.size(); ++i) {
        const auto& wave = waves_[i];
        if (wave.state == WaveState::soaking) {
            next = std::min(next, wave.since.ticks + entry_of(wave).soak.ms * WallTime::ticks_per_ms);
            continue;
        }
        if (wave.state != WaveState::open) continue;
        if (!is_paused() && entry_of(wave).within) next = std::min(next, now.ticks + within_left(wave, now));
        const auto number = static_cast<std::uint32_t>(i);
        const auto& test = test_of(number);
        if (test && test->has_disconnects && holds_unwatched(number, counts))
            next = std::min(next, watched_until(number, counts).ticks);
    }
    if (next == INT64_MAX) return std::nullopt;
    return WallTime{next};
}

// --- what people want ----------------------------------------------------------------------------

std::vector<JobLogEvent> JobControl::pause_by(JobActor by, std::string why, const LogTotals& totals,
                                              WallTime now) const {
    if (is_paused()) return {};
    DirectedEvent event;
    event.time = now;
    event.what = DirectedEvent::paused;
    event.by = std::move(by);
    event.why = std::move(why);
    event.totals = totals;
    return {event};
}

std::vector<JobLogEvent> JobControl::resume_by(JobActor by, std::string why, const LogTotals& totals,
                                               WallTime now) const {
    if (!is_paused()) return {};
    DirectedEvent event;
    event.time = now;
    event.what = DirectedEvent::resumed;
    event.by = std::move(by);
    event.why = std::move(why);
    event.totals = totals;
    return {event};
}

Result<std::vector<JobLogEvent>> JobControl::promote_by(JobActor by, std::uint32_t number, std::string why,
                                                        const ControlCounts& counts, WallTime now) const {
    if (!has_waves() || (has_targets_ && number >= waves_.size()))
        return fail(Errc::argument_invalid, fmt::format("wave: there is no wave {}", number));
    if (number >= open_waves_) {
        return fail(Errc::operation_not_allowed_in_current_state,
                    fmt::format("Wave {} has not been opened yet.", number));
    }
    const auto& wave = waves_[number];
    if (wave.state == WaveState::passed) return std::vector<JobLogEvent>{};
    if (number + 1 == waves_.size()) {
        return fail(Errc::operation_not_allowed_in_current_state, "No wave comes after the last one.");
    }
    std::vector<JobLogEvent> events;
    DirectedEvent event;
    event.time = now;
    event.what = DirectedEvent::promoted;
    event.by = std::move(by);
    event.why = std::move(why);
    event.wave = number;
    event.totals = counts.totals();
    events.emplace_back(std::move(event));
    WaveJudgedEvent passed;
    passed.time = now;
    passed.what = WaveJudgedEvent::passed;
    passed.wave = number;
    passed.size = wave.size;
    if (number < counts.waves.size()) passed.counts = counts.waves[number];
    passed.is_forced = wave.state != WaveState::gate;
    events.emplace_back(std::move(passed));
    open_next(number, now, events);
    return events;
}

Result<std::vector<JobLogEvent>> JobControl::close_by(JobActor by, std::string why, const LogTotals& totals,
                                                      WallTime now) const {
    if (!is_continuous_) {
        return fail(Errc::operation_not_allowed_in_current_state,
                    "The job takes no devices after its start; only a continuous one can be closed.");
    }
    if (members_ == MemberTaking::none) return std::vector<JobLogEvent>{};
    DirectedEvent event;
    event.time = now;
    event.what = DirectedEvent::closed;
    event.by = std::move(by);
    event.why = std::move(why);
    event.totals = totals;
    return std::vector<JobLogEvent>{event};
}

Result<std::vector<JobLogEvent>> JobControl::change_by(JobActor by, JsonValue changes, WallTime start,
                                                       WallTime now) const {
    auto changed = rollout_->patched(changes, type_);
    if (!changed) return fail(std::move(changed).error());
    if (*changed == *rollout_) return std::vector<JobLogEvent>{};
    if (changed->deadline_s != rollout_->deadline_s && start.plus_s(changed->deadline_s) <= now)
        return fail(Errc::argument_invalid, "rollout.deadline: has passed already");
    const auto tests = wave_tests_of(*changed);
    if ((changed->waves != rollout_->waves || tests != tests_) && open_waves_ > 0) {
        // Entries of which a wave has opened stay as they are.
        const auto kept = std::min(waves_[open_waves_ - 1].entry + 1, rollout_->waves.size());
        for (std::size_t i = 0; i < kept; ++i) {
            if (i >= changed->waves.size() || changed->waves[i] != rollout_->waves[i] ||
                tests[i] != tests_[i]) {
                return fail(Errc::argument_invalid,
                            fmt::format("rollout.waves[{}]: has opened and cannot change", i));
            }
        }
    }
    ChangedEvent event;
    event.time = now;
    event.by = std::move(by);
    event.before = rollout_->text;
    event.after = changed->text;
    return std::vector<JobLogEvent>{event};
}

VerdictEvent JobControl::judge(const GateCounts& counts, std::uint64_t must_missed, bool is_cancelled,
                               WallTime now) const {
    VerdictEvent event;
    event.time = now;
    event.succeeded = counts.succeeded;
    event.devices = targets_ - std::min(counts.canceled, targets_);
    const auto& share = rollout_->success.succeeded;
    event.is_met =
        !is_cancelled && must_missed == 0 && (!share || share->is_reached(event.succeeded, event.devices));
    return event;
}

}  // namespace carillon
