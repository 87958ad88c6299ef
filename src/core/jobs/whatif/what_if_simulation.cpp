#include "core/jobs/whatif/what_if_simulation.hpp"

#include "core/jobs/job_order.hpp"
#include "core/jobs/whatif/what_if_replay.hpp"

#include <algorithm>
#include <string>
#include <tuple>

namespace carillon {

WhatIfSimulation::WhatIfSimulation(std::shared_ptr<const RecordedJob> recorded, const Rollout& changed)
    : recorded_(std::move(recorded)),
      changed_(with_rollout(*recorded_->definition, changed)),
      now_(recorded_->started.ticks) {
    for (const auto& part : recorded_->parts) by_part_.emplace_back(part.devices);
    answer_.devices = recorded_->devices;
    answer_.ended = recorded_->started;
}

// --- what is on record -----------------------------------------------------------------------------

std::uint32_t WhatIfSimulation::add_attempt(std::int64_t begun) {
    attempts_.emplace_back().took = begun;
    return static_cast<std::uint32_t>(attempts_.size() - 1);
}

void WhatIfSimulation::end(Device& device, std::int64_t at, const Attempt& how) {
    if (device.last == none || attempts_[device.last].has_ended) {
        if (device.last == none && device.at_turn == none) {
            device.at_turn = add_attempt(at);
            attempts_.back() = how;
        }
        return;
    }
    auto& attempt = attempts_[device.last];
    const auto took = std::max<std::int64_t>(0, at - attempt.took);
    attempt = how;
    attempt.took = took;
    attempt.has_ended = true;
}

void WhatIfSimulation::note(std::vector<Device>& devices, const JobEvent& event) {
    const auto time = time_of(event).ticks;
    const auto of_failure = [](const Failure& failure) {
        Attempt how;
        how.kind = failure.reason == FailReason::none ? OutcomeKind::answered : OutcomeKind::failed;
        how.reason = failure.reason;
        return how;
    };
    const auto begin = [&](std::uint32_t index) {
        auto& device = devices[index];
        const auto attempt = add_attempt(time);
        if (device.last != none) attempts_[device.last].next = attempt;
        if (device.first == none) device.first = attempt;
        device.last = attempt;
        device.begun = std::min(device.begun, time);
    };
    if (const auto* begun = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : begun->devices) {
            // One that did not leave is made once more.
            const auto last = devices[device.index].last;
            if (last == none || attempts_[last].has_ended) begin(device.index);
        }
    } else if (const auto* known = std::get_if<Outcomes2Event>(&event)) {
        for (const auto& outcome : known->outcomes) {
            if (outcome.kind == OutcomeKind::canceled || outcome.kind == OutcomeKind::not_sent) continue;
            Attempt how;
            how.kind = outcome.kind;
            how.reason = outcome.failure.reason;
            how.status = outcome.answer.status;
            end(devices[outcome.index],
                time - static_cast<std::int64_t>(outcome.age_ms) * WallTime::ticks_per_ms, how);
        }
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (device.failure.reason == FailReason::none) begin(device.index);
            if (!device.is_awaited) end(devices[device.index], time, of_failure(device.failure));
        }
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices)
            end(devices[device.index], time, of_failure(device.failure));
    } else if (const auto* canceled = std::get_if<CanceledEvent>(&event)) {
        for (const auto index : canceled->indexes) {
            auto& device = devices[index];
            if (device.first == none && device.at_turn == none) device.left_out = canceled->reason;
        }
    }
}

void WhatIfSimulation::read_some() {
    if (!tape_) tape_.emplace(recorded_->parts[part_].tape);
    for (std::size_t done = 0; done < piece_max / 8 && tape_->has_event(); ++done) {
        note(by_part_[part_], tape_->event());
        tape_->advance();
    }
    if (tape_->has_event()) return;
    tape_.reset();
    ++part_;
}

/// By the order of the job or, without one, as they began.
void WhatIfSimulation::put_in_order() {
    const auto places = recorded_->places();
    std::vector<std::tuple<std::int64_t, std::uint32_t, std::uint32_t>> line;
    line.reserve(recorded_->devices);
    for (std::uint32_t part = 0; part < by_part_.size(); ++part) {
        for (std::uint32_t i = 0; i < by_part_[part].size(); ++i)
            line.emplace_back(places.empty() ? by_part_[part][i].begun : places[part][i], part, i);
    }
    std::sort(line.begin(), line.end());
    devices_.reserve(line.size());
    std::vector<std::vector<std::uint32_t>> at(by_part_.size());
    for (std::size_t part = 0; part < by_part_.size(); ++part) at[part].resize(by_part_[part].size());
    for (const auto& [rank, part, index] : line) {
        at[part][index] = static_cast<std::uint32_t>(devices_.size());
        devices_.push_back(by_part_[part][index]);
    }
    by_part_ = {};
    for (std::size_t part = 0; part < at.size(); ++part) {
        for (const auto index : recorded_->parts[part].must_succeed) must_succeed_.push_back(at[part][index]);
    }
    std::vector<std::vector<std::uint32_t>> order(1);
    order[0].resize(devices_.size());
    for (std::uint32_t i = 0; i < devices_.size(); ++i) order[0][i] = i;
    job_ = std::make_unique<ReplayedJob>(changed_, std::vector<std::uint64_t>{devices_.size()},
                                         std::move(order), now());
}

// --- what follows ----------------------------------------------------------------------------------

bool WhatIfSimulation::step() {
    if (is_over_) return false;
    if (part_ < by_part_.size()) {
        read_some();
        return true;
    }
    if (!job_) {
        put_in_order();
        return true;
    }
    for (std::size_t done = 0; done < piece_max; ++done) {
        if (!go_on()) return false;
    }
    return true;
}

/// A wave that waits at a manual gate is promoted at once.
void WhatIfSimulation::promote_gates() {
    const auto& control = job_->run().control;
    for (std::uint32_t i = 0; i < control.open_waves(); ++i) {
        if (control.waves()[i].state != WaveState::gate) continue;
        JobActor hub;
        hub.policy = hub_actor;
        auto events = control.promote_by(hub, i, "what-if", job_->run().counts(), now());
        if (!events) continue;
        for (auto& event : *events) {
            job_->apply(event);
            answer_.decisions.push_back(std::move(event));
        }
    }
}

/// One moment; false at the end.
bool WhatIfSimulation::go_on() {
    const auto& control = job_->run().control;
    job_->decide(now(), answer_.decisions);
    promote_gates();
    if (job_->is_cancelled()) {
        finish(WhatIfAnswer::End::cancelled);
        return false;
    }
    if (!control.is_paused() && begin_some()) return true;
    const auto next = next_moment();
    const auto deadline = recorded_->started.plus_s(control.rollout().deadline_s).ticks;
    if (!next || *next >= deadline) {
        const auto counts = job_->counts();
        const bool is_all = counts.succeeded + counts.failed + counts.canceled == devices_.size();
        finish(is_all                ? WhatIfAnswer::End::completed
               : control.is_paused() ? WhatIfAnswer::End::paused
                                     : WhatIfAnswer::End::open);
        return false;
    }
    now_ = *next;
    // One device at a time, so that a rule trips at the device that trips it.
    if (later_.empty() || later_.top().at > now_) return true;
    const auto [at, device, is_end] = later_.top();
    later_.pop();
    if (is_end) {
        end_attempt(device);
    } else {
        again_.insert(device);
    }
    return true;
}

/// When something may happen next: what is due already, else later than now.
std::optional<std::int64_t> WhatIfSimulation::next_moment() {
    std::optional<std::int64_t> next;
    const auto take = [&next](std::int64_t at) { next = next ? std::min(*next, at) : at; };
    if (!later_.empty()) take(std::max(later_.top().at, now_));
    if (job_->run().control.is_paused()) return next;
    // What is due now, and has not happened, will not happen by waiting.
    const auto take_later = [&](std::int64_t at) {
        if (at > now_) take(at);
    };
    if (const auto token = job_->run().gate.next(steady()))
        take_later(recorded_->started.ticks + (token->time_since_epoch().count() + 99) / 100);
    if (const auto wall = job_->run().control.next(job_->run().counts(), now())) take_later(wall->ticks);
    return next;
}

/// True if the device ends at its turn, without a beginning.
bool WhatIfSimulation::pass_over(std::uint32_t device) {
    const auto& here = devices_[device];
    if (here.left_out) {
        CanceledEvent event;
        event.time = now();
        event.reason = *here.left_out;
        event.indexes = {device};
        job_->apply(0, event);
        job_->report(0, 0, in_flight_, used_);
        return true;
    }
    if (here.at_turn == none) return false;
    settle(device, attempts_[here.at_turn], 0, 0);
    return true;
}

/// True if something happened.
bool WhatIfSimulation::begin_some() {
    auto& gate = job_->run().gate;
    const auto& control = job_->run().control;
    gate.set_rate(control.rollout().pace.rate, steady());
    gate.set_cap(control.in_flight_max());
    gate.open(steady());
    if (cursor_ < devices_.size() && job_->is_open(0, cursor_) && pass_over(cursor_)) {
        ++cursor_;
        return true;
    }
    std::uint64_t wanted = std::min<std::uint64_t>(again_.size(), Gate::batch_max);
    for (auto at = cursor_; at < devices_.size() && wanted < Gate::batch_max && job_->is_open(0, at); ++at) {
        if (devices_[at].left_out || devices_[at].at_turn != none) break;
        ++wanted;
    }
    job_->report(0, wanted, in_flight_, used_);
    const auto permits = gate.give(steady());
    if (permits.empty()) return false;
    for (auto count = permits[0].granted - granted_; count > 0; --count) {
        if (again_.empty()) {
            begin(cursor_++);
        } else {
            const auto device = *again_.begin();
            again_.erase(again_.begin());
            begin(device);
        }
    }
    granted_ = permits[0].granted;
    job_->report(0, 0, in_flight_, used_);
    return true;
}

void WhatIfSimulation::begin(std::uint32_t device) {
    ++used_;
    auto& here = devices_[device];
    BegunEvent event;
    event.time = now();
    event.devices.push_back({device, std::uint32_t{here.made} + 1});
    ++here.made;
    job_->apply(0, event);
    // One of which nobody knows what comes of it takes no place: nobody knows for how long.
    if (here.first == none || !attempts_[here.first].has_ended) return;
    ++in_flight_;
    later_.push({now_ + attempts_[here.first].took, device, true});
}

bool WhatIfSimulation::is_repeated(const Attempt& how) const {
    const auto& retry = job_->run().control.rollout().retry;
    if (!retry) return false;
    if (how.kind == OutcomeKind::rejected)
        return retry->on.has(FailureKind::rejected) || retry->on_status.contains(how.status);
    return how.kind == OutcomeKind::failed && retry->on.has(kind_of(how.reason));
}

void WhatIfSimulation::end_attempt(std::uint32_t device) {
    auto& here = devices_[device];
    const auto how = attempts_[here.first];
    here.first = how.next;
    --in_flight_;
    const auto& retry = job_->run().control.rollout().retry;
    if (!is_repeated(how) || here.made >= retry->attempts) return settle(device, how, here.made, 0);
    // The wait is drawn anew: names of devices are not kept.
    const auto wait = retry_wait_ms(*retry, changed_.seed, std::to_string(device), here.made);
    later_.push({now_ + wait * WallTime::ticks_per_ms, device, false});
    settle(device, how, here.made, wait + 1);
}

void WhatIfSimulation::settle(std::uint32_t device, const Attempt& how, std::uint32_t number,
                              std::int64_t again_ms) {
    Outcomes2Event event;
    event.time = now();
    auto& outcome = event.outcomes.emplace_back();
    outcome.index = device;
    outcome.kind = how.kind;
    outcome.failure.reason = how.reason;
    outcome.answer.status = how.status;
    outcome.attempt = number;
    outcome.again_ms = static_cast<std::uint64_t>(again_ms);
    job_->apply(0, event);
    job_->report(0, 0, in_flight_, used_);
}

std::uint64_t WhatIfSimulation::must_missed() const {
    return static_cast<std::uint64_t>(
        std::count_if(must_succeed_.begin(), must_succeed_.end(), [this](std::uint32_t device) {
            return job_->state(0).at(device) != TargetState::succeeded;
        }));
}

void WhatIfSimulation::finish(WhatIfAnswer::End end) {
    is_over_ = true;
    answer_.end = end;
    answer_.ended = now();
    const auto missed = must_missed();
    if (end == WhatIfAnswer::End::completed) job_->end(JobStatus::completed, missed, now(), answer_.decisions);
    if (end == WhatIfAnswer::End::cancelled) job_->end(JobStatus::cancelled, missed, now(), answer_.decisions);
}

WhatIfAnswer WhatIfSimulation::take() {
    if (job_) {
        answer_.touched = job_->touched();
        answer_.counts = job_->counts();
        answer_.unknown = job_->state(0).counts().running;
    }
    answer_.verdict = verdict_of(answer_.decisions);
    return std::move(answer_);
}

}  // namespace carillon
