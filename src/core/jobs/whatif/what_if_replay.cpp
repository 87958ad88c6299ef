#include "core/jobs/whatif/what_if_replay.hpp"

#include <algorithm>

namespace carillon {
namespace {

/// True if devices end by it.
bool ends_devices(const JobEvent& event) {
    return !std::holds_alternative<BegunEvent>(event);
}
bool begins_devices(const JobEvent& event) {
    return std::holds_alternative<BegunEvent>(event) || std::holds_alternative<WrittenEvent>(event);
}

bool is_cancel(const JobEvent& event) {
    const auto* ended = std::get_if<EndedEvent>(&event);
    return ended != nullptr && (ended->end == EndKind::cancel_pending || ended->end == EndKind::cancel_rest);
}

std::size_t devices_of(const JobEvent& event) {
    if (const auto* begun = std::get_if<BegunEvent>(&event)) return begun->devices.size();
    if (const auto* known = std::get_if<Outcomes2Event>(&event)) return known->outcomes.size();
    if (const auto* written = std::get_if<WrittenEvent>(&event)) return written->devices.size();
    if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) return confirmed->devices.size();
    if (const auto* canceled = std::get_if<CanceledEvent>(&event)) return canceled->indexes.size();
    return WhatIf::piece_devices_max;  // All that have not ended.
}

bool is_by_hand(const DirectedEvent& directed) {
    return directed.cause == DirectedEvent::by_hand &&
           (directed.by.policy != hub_actor || directed.what == DirectedEvent::closed);
}

/// True for a decision behind which the hub puts a seal.
bool is_sealed_at_once(const JobLogEvent& event) {
    if (const auto* directed = std::get_if<DirectedEvent>(&event))
        return directed->what == DirectedEvent::paused;
    if (const auto* judged = std::get_if<WaveJudgedEvent>(&event))
        return judged->what == WaveJudgedEvent::passed || judged->what == WaveJudgedEvent::failed;
    return false;
}

/// True if `event` was decided in one go with `before`, the one in front of it.
bool is_consequence(const JobLogEvent& before, const JobLogEvent& event) {
    if (time_of(before) != time_of(event)) return false;
    const auto* directed = std::get_if<DirectedEvent>(&event);
    const auto* judged = std::get_if<WaveJudgedEvent>(&event);
    if (std::holds_alternative<TestedEvent>(before)) return judged != nullptr;
    if (std::holds_alternative<RuleTrippedEvent>(before))
        return std::holds_alternative<RuleTrippedEvent>(event) ||
               (directed != nullptr && directed->cause == DirectedEvent::by_rule);
    if (std::holds_alternative<WaveJudgedEvent>(before))
        return std::holds_alternative<WaveOpenedEvent>(event) ||
               (directed != nullptr && directed->cause == DirectedEvent::by_wave);
    const auto* act = std::get_if<DirectedEvent>(&before);
    return act != nullptr && act->what == DirectedEvent::promoted && judged != nullptr;
}

}  // namespace

JobDefinition with_rollout(const JobDefinition& definition, const Rollout& rollout) {
    JobDefinition changed = definition;
    changed.rollout = std::make_shared<const Rollout>(rollout);
    return changed;
}

WhatIfReplay::WhatIfReplay(std::shared_ptr<const RecordedJob> recorded, const Rollout& changed,
                           std::string changes)
    : recorded_(std::move(recorded)),
      changed_(with_rollout(*recorded_->definition, changed)),
      changes_(std::move(changes)),
      job_(std::make_unique<ReplayedJob>(*recorded_->definition, recorded_->sizes(), recorded_->places(),
                                         recorded_->started)) {
    for (const auto& part : recorded_->parts) dropped_.emplace_back(part.devices);
    rewind();
    answer_.is_replay = true;
    answer_.devices = recorded_->devices;
    answer_.ended = recorded_->started;
}

void WhatIfReplay::rewind() {
    tapes_.clear();
    for (const auto& part : recorded_->parts) tapes_.emplace_back(part.tape);
    next_decision_ = 0;
}

bool WhatIfReplay::step() {
    if (is_over_) return false;
    return is_rehearsed_ ? play() : rehearse();
}

// --- what the coordinator had heard when -----------------------------------------------------------

/// The seal that was put behind a decision with it, which says what the coordinator knew; null if none was.
const SealEvent* WhatIfReplay::seal_of(std::size_t decision) const {
    const auto& log = recorded_->log;
    bool is_sealed = false;
    for (auto at = decision; at < log.size(); ++at) {
        if (const auto* seal = std::get_if<SealEvent>(&log[at])) return is_sealed ? seal : nullptr;
        if (at > decision && !is_consequence(log[at - 1], log[at])) return nullptr;
        is_sealed = is_sealed || is_sealed_at_once(log[at]);
    }
    return nullptr;
}

/// How many devices had ended when it was decided, where that is on record.
std::optional<std::uint64_t> WhatIfReplay::ended_before(std::size_t decision) const {
    const auto& log = recorded_->log;
    if (const auto* directed = std::get_if<DirectedEvent>(&log[decision])) return directed->totals.ended;
    const auto* tripped = std::get_if<RuleTrippedEvent>(&log[decision]);
    if (tripped == nullptr) return std::nullopt;
    // Rules count from the last time that the job was resumed.
    for (auto at = decision; at-- > 0;) {
        const auto* directed = std::get_if<DirectedEvent>(&log[at]);
        if (directed != nullptr && directed->what == DirectedEvent::resumed)
            return tripped->ended + directed->totals.ended;
    }
    return tripped->ended;
}

/// True if so many devices have ended as the decision says.
bool WhatIfReplay::is_reached(std::size_t decision) {
    const auto& counts = job_->run().counts();
    if (const auto* judged = std::get_if<WaveJudgedEvent>(&recorded_->log[decision])) {
        const auto wave = judged->wave < counts.waves.size() ? counts.waves[judged->wave] : GateCounts();
        return wave.ended() + wave.canceled >= judged->counts.ended() + judged->counts.canceled;
    }
    const auto ended = ended_before(decision);
    return !ended || counts.totals().ended >= *ended;
}

/// What stands between decisions; of it what was counted of lost connections is known from then on.
void WhatIfReplay::skip_states() {
    const auto& log = recorded_->log;
    for (; next_decision_ < log.size() && !is_decided(log[next_decision_]); ++next_decision_) {
        if (std::holds_alternative<SignalsEvent>(log[next_decision_])) job_->apply(log[next_decision_]);
    }
}

/// The part whose next event comes first, of those that `is_wanted`.
template <class Wanted>
std::uint32_t WhatIfReplay::first_part(Wanted is_wanted) const {
    std::uint32_t first = own;
    for (std::uint32_t i = 0; i < tapes_.size(); ++i) {
        if (!tapes_[i].has_event() || !is_wanted(i, tapes_[i])) continue;
        if (first == own || time_of(tapes_[i].event()) < time_of(tapes_[first].event())) first = i;
    }
    return first;
}

/// Of an event of the moment of a decision: false if it can only follow that, as devices of a wave begin when
/// it is open.
bool WhatIfReplay::may_come(std::uint32_t part, const JobEvent& event) const {
    if (is_cancel(event)) return job_->is_cancelled();
    const auto is_open = [&](const auto& device) { return job_->is_open(part, device.index); };
    if (const auto* begun = std::get_if<BegunEvent>(&event))
        return std::all_of(begun->devices.begin(), begun->devices.end(), is_open);
    const auto* written = std::get_if<WrittenEvent>(&event);
    return written == nullptr || std::all_of(written->devices.begin(), written->devices.end(), is_open);
}

/// The part whose next event the coordinator had heard of before `decision`; `own` if there is none left.
std::uint32_t WhatIfReplay::heard_before(std::size_t decision) {
    const auto& event = recorded_->log[decision];
    if (std::holds_alternative<JobEndedEvent>(event))
        return first_part([](std::uint32_t, const TapeReader&) { return true; });
    const bool is_next = taken_decision_ && *taken_decision_ + 1 == decision;
    if (is_next && is_consequence(recorded_->log[*taken_decision_], event)) return own;
    if (const auto* seal = seal_of(decision)) {
        return first_part([seal](std::uint32_t part, const TapeReader& tape) {
            return part < seal->heads.size() && tape.sequence() <= seal->heads[part].sequence;
        });
    }
    const auto time = time_of(event);
    const bool has_all = is_reached(decision);
    const bool has_counts =
        !std::holds_alternative<WaveOpenedEvent>(event) && !std::holds_alternative<ChangedEvent>(event);
    return first_part([&](std::uint32_t part, const TapeReader& tape) {
        const auto at = time_of(tape.event());
        if (at < time) return !has_all || !has_counts || !ends_devices(tape.event());
        return at == time && !has_all && may_come(part, tape.event());
    });
}

/// True if time alone should have brought something before `now`, with what a timer may be late.
bool WhatIfReplay::is_due(WallTime now) const {
    const auto next = job_->run().control.next(job_->run().counts(), WallTime{0});
    return next && next->ticks + WallTime::ticks_per_second <= now.ticks;
}

/// The recorded policy: where it would have decided and did not, the coordinator had heard more at once.
bool WhatIfReplay::rehearse() {
    const auto& log = recorded_->log;
    std::size_t devices = 0;
    for (std::size_t done = 0; done < piece_max && devices < piece_devices_max; ++done) {
        skip_states();
        const bool is_behind = next_decision_ == log.size();
        const auto part = is_behind ? first_part([](std::uint32_t, const TapeReader&) { return true; })
                                    : heard_before(next_decision_);
        if (part == own && is_behind) {
            job_ = std::make_unique<ReplayedJob>(changed_, recorded_->sizes(), recorded_->places(),
                                                 recorded_->started);
            rewind();
            is_rehearsed_ = true;
            return true;
        }
        Point point(part);
        if (part == own) {
            const auto& event = log[next_decision_];
            if (!job_->is_cancelled() && is_due(time_of(event))) point.set_late();
            points_.push_back(point);
            taken_decision_ = next_decision_++;
            if (!std::holds_alternative<JobEndedEvent>(event)) job_->apply(event);
            continue;
        }
        const auto& event = tapes_[part].event();
        if (!job_->is_cancelled() && is_due(time_of(event))) point.set_late();
        if (begins_devices(event) && job_->run().control.is_paused()) point.set_in_spite();
        job_->apply(part, event);
        job_->report(part);
        if (!job_->is_cancelled() &&
            !job_->run().control.decide(job_->run().counts(), time_of(event)).empty())
            point.set_unheard();
        points_.push_back(point);
        devices += devices_of(event);
        tapes_[part].advance();
    }
    return true;
}

// --- the other policy ------------------------------------------------------------------------------

bool WhatIfReplay::play() {
    std::size_t devices = 0;
    for (std::size_t done = 0; done < piece_max && devices < piece_devices_max; ++done) {
        if (next_point_ == points_.size()) {
            stop(job_->run().control.is_paused() ? WhatIfAnswer::End::paused : WhatIfAnswer::End::open);
            return false;
        }
        const auto point = points_[next_point_++];
        if (point.part() == own) {
            take_own(point);
        } else {
            devices += devices_of(tapes_[point.part()].event());
            take_part(point);
        }
        if (is_over_) return false;
    }
    return true;
}

/// Lets happen what time alone brings. What comes within a second has the next event as its moment, as a
/// timer of the hub is late too.
void WhatIfReplay::run_timers(WallTime until) {
    while (is_due(until)) {
        const auto next = *job_->run().control.next(job_->run().counts(), WallTime{0});
        const auto before = answer_.decisions.size();
        job_->decide(next, answer_.decisions);
        if (answer_.decisions.size() == before) return;
        if (job_->is_cancelled()) return finish(next, JobStatus::cancelled);
    }
}

/// True if nothing begins any more, what was on its way when the job was paused left aside.
bool WhatIfReplay::is_held(Point point, WallTime now) const {
    const auto& pause = job_->run().control.pause();
    if (!pause) return false;
    return !point.is_in_spite() || now.ticks - pause->at.ticks > WallTime::ticks_per_second;
}

/// The event without the devices that have not begun here; nothing if none is left.
std::optional<JobEvent> WhatIfReplay::as_it_is(Point point, const JobEvent& event) {
    auto& dropped = dropped_[point.part()];
    const bool held = is_held(point, time_of(event));
    const auto drop = [&](std::uint32_t index) {
        if (held || !job_->is_open(point.part(), index)) dropped[index] = has_left_out_ = true;
        return static_cast<bool>(dropped[index]);
    };
    auto copy = event;
    if (auto* begun = std::get_if<BegunEvent>(&copy)) {
        std::erase_if(begun->devices, [&](const auto& device) { return drop(device.index); });
        if (begun->devices.empty()) return std::nullopt;
    } else if (auto* written = std::get_if<WrittenEvent>(&copy)) {
        std::erase_if(written->devices, [&](const auto& device) { return drop(device.index); });
        if (written->devices.empty()) return std::nullopt;
    } else if (auto* known = std::get_if<Outcomes2Event>(&copy)) {
        std::erase_if(known->outcomes, [&](const auto& outcome) { return dropped[outcome.index]; });
    } else if (auto* confirmed = std::get_if<ConfirmedEvent>(&copy)) {
        std::erase_if(confirmed->devices, [&](const auto& device) { return dropped[device.index]; });
    } else if (auto* canceled = std::get_if<CanceledEvent>(&copy)) {
        std::erase_if(canceled->indexes, [&](std::uint32_t index) { return dropped[index]; });
    } else if (is_cancel(copy) && !job_->is_cancelled()) {
        return std::nullopt;  // One that this policy has not asked for does not happen.
    }
    return copy;
}

void WhatIfReplay::take_part(Point point) {
    auto& tape = tapes_[point.part()];
    const auto event = tape.event();
    tape.advance();
    const auto now = time_of(event);
    if (!point.is_late()) run_timers(now);
    if (is_over_) return;
    const auto* ended = std::get_if<EndedEvent>(&event);
    if (ended != nullptr && ended->end == EndKind::deadline && has_left_out_ &&
        job_->run().control.is_paused()) {
        // Whether anybody had let it go on by then, nobody knows.
        return stop(WhatIfAnswer::End::paused);
    }
    answer_.ended = now;
    if (const auto happens = as_it_is(point, event)) job_->apply(point.part(), *happens);
    job_->report(point.part());
    if (point.is_unheard() || job_->is_cancelled()) return;
    job_->decide(now, answer_.decisions);
    if (job_->is_cancelled()) finish(now, JobStatus::cancelled);
}

/// A change that was made meanwhile holds, but for what is asked about.
void WhatIfReplay::take_change(const ChangedEvent& change) {
    auto event = change;
    if (*changed_.rollout != *recorded_->definition->rollout) {
        const auto then = Rollout::parse(change.after, changed_.type);
        const auto changes = JsonDocument::parse(changes_);
        if (!then || !changes) return;
        const auto asked = then->patched(changes->root(), changed_.type);
        if (!asked) return;
        event.before = job_->run().control.rollout().text;
        event.after = asked->text;
        if (event.before == event.after) return;
    }
    job_->apply(event);
    answer_.decisions.emplace_back(std::move(event));
}

/// What a person did is done again, unless it is so already.
void WhatIfReplay::take_wish(const DirectedEvent& directed, WallTime now) {
    const auto& control = job_->run().control;
    const bool is_so = (directed.what == DirectedEvent::paused && control.is_paused()) ||
                       (directed.what == DirectedEvent::resumed && !control.is_paused()) ||
                       job_->is_cancelled();
    if (is_so) return;
    std::vector<JobLogEvent> events;
    if (directed.what == DirectedEvent::promoted) {
        auto promoted =
            control.promote_by(directed.by, directed.wave, directed.why, job_->run().counts(), now);
        if (!promoted) return;
        events = *std::move(promoted);
    } else {
        auto event = directed;
        event.totals = job_->run().counts().totals();
        events.emplace_back(std::move(event));
    }
    for (auto& event : events) {
        job_->apply(event);
        answer_.decisions.push_back(std::move(event));
    }
}

void WhatIfReplay::take_own(Point point) {
    skip_states();
    const auto& event = recorded_->log[next_decision_++];
    const auto now = time_of(event);
    if (!point.is_late()) run_timers(now);
    if (is_over_) return;
    answer_.ended = now;
    if (const auto* ended = std::get_if<JobEndedEvent>(&event)) {
        const auto counts = job_->run().counts().sum();
        const bool is_all = counts.succeeded + counts.failed + counts.canceled == recorded_->devices;
        if (is_all || job_->is_cancelled()) finish(now, ended->status);
        return;
    }
    if (const auto* change = std::get_if<ChangedEvent>(&event)) return take_change(*change);
    const auto* directed = std::get_if<DirectedEvent>(&event);
    if (directed != nullptr && is_by_hand(*directed)) return take_wish(*directed, now);
    job_->decide(now, answer_.decisions);
    if (!job_->is_cancelled()) return;
    const bool was_cancelled =
        std::any_of(recorded_->log.begin(), recorded_->log.end(), [](const auto& each) {
            const auto* act = std::get_if<DirectedEvent>(&each);
            return act != nullptr && act->what == DirectedEvent::cancelling;
        });
    // If it was cancelled by then anyway, what its devices answered still is on record.
    if (!was_cancelled) finish(now, JobStatus::cancelled);
}

std::uint64_t WhatIfReplay::must_missed() {
    std::uint64_t missed = 0;
    for (std::uint32_t i = 0; i < recorded_->parts.size(); ++i) {
        for (const auto index : recorded_->parts[i].must_succeed) {
            if (job_->state(i).at(index) != TargetState::succeeded) ++missed;
        }
    }
    return missed;
}

void WhatIfReplay::stop(WhatIfAnswer::End end) {
    is_over_ = true;
    answer_.end = end;
}

void WhatIfReplay::finish(WallTime now, JobStatus status) {
    answer_.ended = now;
    job_->end(status, must_missed(), now, answer_.decisions);
    stop(status == JobStatus::completed ? WhatIfAnswer::End::completed : WhatIfAnswer::End::cancelled);
}

WhatIfAnswer WhatIfReplay::take() {
    answer_.touched = job_->touched();
    answer_.counts = job_->counts();
    for (std::size_t i = 0; i < recorded_->parts.size(); ++i)
        answer_.unknown += job_->state(i).counts().running;
    answer_.verdict = verdict_of(answer_.decisions);
    return std::move(answer_);
}

}  // namespace carillon
