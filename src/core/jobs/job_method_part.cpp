#include "core/jobs/job_method_part.hpp"

#include "core/shard/methods.hpp"
#include "core/shard/throttles.hpp"
#include "model/key_list.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

std::size_t bytes_of(const Outcome& outcome) {
    return 16 + outcome.answer.payload.size() + outcome.failure.text.size();
}

}  // namespace

MethodPart::MethodPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets)
    : JobPart(site, std::move(entry), std::move(targets)),
      hub_in_flight_(site.methods_in_flight),
      window_(site.limits.method_window_max) {}

MethodPart::~MethodPart() {
    unburden(busy_);
}

void MethodPart::unburden(std::size_t count) {
    busy_ -= count;
    hub_in_flight_->fetch_sub(count, std::memory_order_relaxed);
}

bool MethodPart::step() {
    if (is_stopped()) return false;
    if (outcomes_under_way_ == 0 && !is_paused()) put_outcomes();
    if (!unsent_.empty()) {
        send_some();
        if (gate() && unsent_.empty()) report_soon();
        return !unsent_.empty() || (gate() ? may_begin() : has_room());
    }
    if (gate()) return step_gated();
    return has_room() && fill();
}

bool MethodPart::has_room() const {
    return may_begin() && !rests() && !is_intent_under_way_ && (cursor_ < size() || !ready_.empty()) &&
           busy_ < window_.size() && outcome_bytes_ < outcome_bytes_max && !shard().committer().is_full();
}

MethodPart::Look MethodPart::look(std::uint32_t index) const {
    const auto ordinal = ordinals()[index];
    const Record* record = ordinal == no_ordinal ? nullptr : shard().directory().find(ordinal);
    if (!record) return Look::gone;
    const auto window = has_windows() ? window_of(index) : WindowLook::open;
    if (window != WindowLook::open) return window == WindowLook::none ? Look::zoneless : Look::shut;
    if (!Methods::is_online(*record, call().name)) return Look::offline;
    const bool is_full = record->methods && record->methods->is_full();
    return is_full || record->link->is_congested() ? Look::held : Look::online;
}

bool MethodPart::fill() {
    const auto in_flight = hub_in_flight_->load(std::memory_order_relaxed);
    const auto hub_room = in_flight < hub_in_flight_max ? hub_in_flight_max - in_flight : 0;
    auto& throttles = site().throttles;
    const auto room = throttles.take_some(ThrottleClass::job_devices,
                                          std::min({dispatch_batch_max, window_.size() - busy_, hub_room}),
                                          shard().clock().now());
    if (room == 0) {
        hold();  // Other jobs use the hub up, or its throttle; nobody tells us when there is room again.
        return false;
    }
    std::vector<std::uint32_t> picked;
    held_at_once_ = 0;
    for (std::size_t looked = 0; looked < look_slice_max && picked.size() < room; ++looked) {
        if (!ready_.empty()) {
            const auto index = ready_.front();
            ready_.pop_front();
            state().release(index);
            consider(index, picked);
        } else if (cursor_ < size()) {
            consider(cursor_++, picked);
        } else {
            break;
        }
    }
    throttles.give_back(ThrottleClass::job_devices, room - picked.size());
    if (held_at_once_ > picked.size()) window_.congested();
    if (!outcomes_.empty() && outcomes_under_way_ == 0) put_outcomes();
    if (picked.empty()) return has_room();
    begin(std::move(picked));
    return false;  // Until the intent is durable.
}

/// Stores the intent to send to these devices.
void MethodPart::begin(std::vector<std::uint32_t> picked) {
    busy_ += picked.size();
    hub_in_flight_->fetch_add(picked.size(), std::memory_order_relaxed);
    std::sort(picked.begin(), picked.end());
    is_intent_under_way_ = true;
    if (gate()) {
        intent_devices_ = picked.size();
        BegunEvent event;
        event.time = shard().clock().wall_now();
        for (const auto index : picked) event.devices.push_back({index, state().attempts(index) + 1});
        return append(std::move(event));
    }
    DispatchedEvent event;
    event.time = shard().clock().wall_now();
    event.indexes = std::move(picked);
    append(std::move(event));
}

void MethodPart::consider(std::uint32_t index, std::vector<std::uint32_t>& picked) {
    const auto current = state().at(index);
    if (is_terminal(current) || current == TargetState::running || state().is_claimed(index)) return;
    switch (look(index)) {
        case Look::gone:
            return fail_missing(index);
        case Look::shut:  // Windows are of jobs with a rollout, which do not come here.
        case Look::zoneless:
        case Look::offline:
            return leave_behind(index);
        case Look::held:
            state().claim(index);
            held_.push_back(index);
            ++held_at_once_;
            return hold();
        case Look::online:
            if (!take_budgets(index)) return;
            state().claim(index);
            picked.push_back(index);
    }
}

void MethodPart::unpark(std::uint32_t index) {
    if (gate()) return consider_gated(index);
    state().claim(index);
    ready_.push_back(index);
}

void MethodPart::leave_behind(std::uint32_t index) {
    left_behind_.insert(ordinals()[index], index);
}

void MethodPart::hold() {
    if (is_hold_armed_) return;
    is_hold_armed_ = true;
    after(held_delay, [this] {
        is_hold_armed_ = false;
        if (gate()) {
            for (const auto index : held_) stand_in_line(index);
        } else {
            ready_.insert(ready_.end(), held_.begin(), held_.end());
        }
        held_.clear();
        wake();
    });
}

void MethodPart::send_some() {
    const auto left = time_left();
    for (std::size_t i = 0; i < send_slice_max && !unsent_.empty(); ++i) {
        const auto index = unsent_.front();
        unsent_.pop_front();
        if (is_terminal(state().at(index))) {
            unburden(1);
        } else if (is_cancelling() || is_taken(index)) {
            unburden(1);
            Outcome outcome;
            outcome.index = index;
            outcome.kind = is_cancelling() ? OutcomeKind::canceled : OutcomeKind::not_sent;
            record(std::move(outcome));
        } else if (left == Duration::zero()) {
            unburden(1);  // The deadline's event is about to end it.
        } else {
            send(index, std::min<Duration>(std::chrono::seconds(call().response_timeout_s), left));
        }
    }
}

void MethodPart::send(std::uint32_t index, Duration timeout) {
    Record* target = shard().directory().find(ordinals()[index]);
    if (!target) {
        unburden(1);
        return fail_missing(index);
    }
    const auto now = shard().clock().now();
    shard().methods().send(*target, call().name, call().payload, timeout,
                           [weak = weak_from_this(), index, now](Result<MethodAnswer> result) {
                               if (const auto self = weak.lock()) {
                                   static_cast<MethodPart&>(*self).answered(index, now, std::move(result));
                               }
                           });
}

void MethodPart::answered(std::uint32_t index, TimePoint sent, Result<MethodAnswer>&& result) {
    unburden(1);
    // A late answer of a device that has ended counts no more; nor does a link we closed ourselves.
    if (is_stopped() || state().at(index) != TargetState::running || state().is_claimed(index)) {
        return wake();
    }
    Outcome outcome;
    outcome.index = index;
    if (result) {
        window_.answered(shard().clock().now() - sent, busy_);
        outcome.kind = OutcomeKind::answered;
        if (gate() && !gate()->rollout().ok_status.contains(result->status))
            outcome.kind = OutcomeKind::rejected;
        outcome.answer = *std::move(result);
    } else if (result.error().code == Errc::device_not_online ||
               result.error().code == Errc::device_maximum_inflight_method_exceeded) {
        outcome.kind = OutcomeKind::not_sent;
    } else {
        if (result.error().code == Errc::device_connection_closed_remotely) window_.lost();
        outcome.kind = OutcomeKind::failed;
        outcome.failure = gate() ? rollout_failure_of(result.error()) : failure_of(result.error());
        // A device that is being removed loses its connection first; the removal is the reason.
        const Record* target = shard().directory().find(ordinals()[index]);
        if (!target || !target->exists()) outcome.failure.reason = FailReason::device_not_found;
    }
    record(std::move(outcome));
}

void MethodPart::fail_missing(std::uint32_t index) {
    Outcome outcome;
    outcome.index = index;
    outcome.kind = OutcomeKind::failed;
    outcome.failure.reason = FailReason::device_not_found;
    record(std::move(outcome));
}

void MethodPart::record(Outcome&& outcome) {
    if (gate()) judge(outcome);
    state().claim(outcome.index);
    outcome_bytes_ += bytes_of(outcome);
    outcomes_.push_back(std::move(outcome));
    wake();
}

void MethodPart::put_outcomes() {
    if (outcomes_.empty()) return;
    std::size_t bytes = 0;
    std::size_t count = 0;
    while (count < outcomes_.size() && (count == 0 || bytes < site().limits.outcome_batch_bytes_max)) {
        bytes += bytes_of(outcomes_[count++]);
    }
    std::vector<Outcome> known = std::exchange(outcomes_, {});
    const auto end = known.begin() + static_cast<std::ptrdiff_t>(count);
    outcomes_.reserve(known.size());
    outcomes_.assign(std::make_move_iterator(end), std::make_move_iterator(known.end()));
    known.erase(end, known.end());
    ++outcomes_under_way_;
    const auto now = shard().clock().wall_now();
    if (!gate()) return append(OutcomesEvent{now, std::move(known)});
    for (auto& outcome : known) {
        // It was known at `known_at`, and is told from now on by how long ago that was.
        const auto age = std::max<std::int64_t>(0, now.ticks - outcome.known_at.ticks);
        outcome.age_ms = static_cast<std::uint64_t>(age) / WallTime::ticks_per_ms;
    }
    append(Outcomes2Event{now, std::move(known)});
}

void MethodPart::flush() {
    while (!outcomes_.empty()) put_outcomes();
}

void MethodPart::closed() {
    ready_.clear();
    held_.clear();
    left_behind_.clear();
    waiting_ = {};
    if (gate()) return_permits();
}

void MethodPart::returned(std::uint32_t index) {
    // The device may have come back while the event was on its way, when its news went unheard.
    if (!may_begin() && !is_paused()) return;
    leave_behind(index);
    const auto seen = look(index);
    if (seen == Look::shut) return shut_out(index, WindowLook::shut);
    if (seen == Look::zoneless) return shut_out(index, WindowLook::none);
    if (seen == Look::offline) {
        if (gate()) give_up(index);
        return;
    }
    state().claim(index);
    held_.push_back(index);
    hold();
}

void MethodPart::applied(const JobEvent& event) {
    if (const auto* dispatched = std::get_if<DispatchedEvent>(&event)) {
        is_intent_under_way_ = false;
        unsent_.insert(unsent_.end(), dispatched->indexes.begin(), dispatched->indexes.end());
    } else if (const auto* done = std::get_if<OutcomesEvent>(&event)) {
        --outcomes_under_way_;
        for (const auto& outcome : done->outcomes) {
            outcome_bytes_ -= bytes_of(outcome);
            if (outcome.kind == OutcomeKind::not_sent &&
                state().at(outcome.index) == TargetState::attempted) {
                returned(outcome.index);
            }
        }
    } else if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        is_intent_under_way_ = false;
        intent_devices_ = 0;
        for (const auto& device : intent->devices) unsent_.push_back(device.index);
    } else if (const auto* known = std::get_if<Outcomes2Event>(&event)) {
        --outcomes_under_way_;
        for (const auto& outcome : known->outcomes) {
            outcome_bytes_ -= bytes_of(outcome);
            const auto now = state().at(outcome.index);
            if (outcome.again_ms > 0 && now == TargetState::again) {
                wait_for_next(outcome.index, until_of(outcome, known->time));
            } else if (outcome.kind == OutcomeKind::not_sent && !is_terminal(now) &&
                       now != TargetState::running) {
                returned(outcome.index);
            }
        }
    }
    wake();
}

void MethodPart::refused(JobEvent event) {
    if (auto* dispatched = std::get_if<DispatchedEvent>(&event)) {
        is_intent_under_way_ = false;
        unburden(dispatched->indexes.size());
        if (may_begin() || is_paused()) {
            ready_.insert(ready_.end(), dispatched->indexes.begin(), dispatched->indexes.end());
        }
    } else if (auto* done = std::get_if<OutcomesEvent>(&event)) {
        --outcomes_under_way_;
        outcomes_.insert(outcomes_.end(), std::make_move_iterator(done->outcomes.begin()),
                         std::make_move_iterator(done->outcomes.end()));
    } else if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        is_intent_under_way_ = false;
        intent_devices_ = 0;
        unburden(intent->devices.size());
        if (may_begin() || is_paused()) {
            for (const auto& device : intent->devices) stand_in_line(device.index);
        }
        report_soon();
    } else if (auto* known = std::get_if<Outcomes2Event>(&event)) {
        --outcomes_under_way_;
        outcomes_.insert(outcomes_.end(), std::make_move_iterator(known->outcomes.begin()),
                         std::make_move_iterator(known->outcomes.end()));
    }
    pause();
}

void MethodPart::device_ready(Record& record_online) {
    const auto index = left_behind_.find(record_online.ordinal);
    if (!index || !Methods::is_online(record_online, call().name)) return;
    const auto current = state().at(*index);
    if (is_terminal(current) || current == TargetState::running || state().is_claimed(*index)) return;
    if (has_windows()) {
        clear_shut(*index);
        if (const auto window = window_of(*index); window != WindowLook::open)
            return shut_out(*index, window);
    }
    state().claim(*index);
    if (gate()) {
        stand_in_line(*index);
    } else {
        ready_.push_back(*index);
    }
    wake();
}

void MethodPart::device_removed(Record& record_gone) {
    const auto index = left_behind_.find(record_gone.ordinal);
    if (!index || is_terminal(state().at(*index)) || state().is_claimed(*index)) return;
    if (state().at(*index) != TargetState::running) fail_missing(*index);
}

// --- with a rollout ------------------------------------------------------------------------------

bool MethodPart::step_gated() {
    if (!may_begin()) return false;
    if (rests()) {
        return_permits();
        return false;
    }
    const bool is_expiring = expire_some();
    if (gate()->is_held()) {
        return_permits();
        return is_expiring;
    }
    const auto seen = cursor_;
    look_ahead();
    put_skipped();
    begin_some();
    if (outcomes_under_way_ == 0) put_outcomes();
    if (cursor_ != seen || gate()->balance() > 0) report_soon();
    return is_expiring || (cursor_ < gate()->open_end() && ready_.size() < Gate::outstanding_max);
}

/// Devices of this job that may be added to those in flight, as far as links and hub allow.
std::size_t MethodPart::window_room() const {
    const auto in_flight = hub_in_flight_->load(std::memory_order_relaxed);
    const auto hub_room = in_flight < hub_in_flight_max ? hub_in_flight_max - in_flight : 0;
    if (!gate()->rollout().pace.adaptive) return hub_room;
    return std::min(hub_room, busy_ < window_.size() ? window_.size() - busy_ : 0);
}

/// Finds who could begin next, so that the gate is asked for no more than can be used.
void MethodPart::look_ahead() {
    for (std::size_t looked = 0;
         looked < look_slice_max && ready_.size() < Gate::outstanding_max && cursor_ < gate()->open_end();
         ++looked) {
        consider_gated(gate()->at(cursor_++));
    }
}

void MethodPart::consider_gated(std::uint32_t index) {
    const auto current = state().at(index);
    if (is_terminal(current) || current == TargetState::running || state().is_claimed(index)) return;
    if (is_taken(index)) return;
    clear_shut(index);
    switch (look(index)) {
        case Look::gone:
            return fail_missing(index);
        case Look::shut:
        case Look::zoneless:
            leave_behind(index);
            return shut_out(index, look(index) == Look::shut ? WindowLook::shut : WindowLook::none);
        case Look::offline:
            leave_behind(index);
            return give_up(index);
        case Look::held:
            state().claim(index);
            held_.push_back(index);
            ++held_at_once_;
            return hold();
        case Look::online:
            state().claim(index);
            stand_in_line(index);
    }
}

/// The device is claimed, and there; in a job with an order the first places come first.
void MethodPart::stand_in_line(std::uint32_t index) {
    auto at = ready_.end();
    if (gate()->has_order()) {
        at = std::upper_bound(ready_.begin(), ready_.end(), index, [this](std::uint32_t a, std::uint32_t b) {
            return gate()->place(a) < gate()->place(b);
        });
    }
    ready_.insert(at, index);
    report_soon();
}

void MethodPart::begin_some() {
    if (is_intent_under_way_ || ready_.empty() || gate()->balance() == 0) return;
    if (outcome_bytes_ >= outcome_bytes_max || shard().committer().is_full()) return hold();
    auto& throttles = site().throttles;
    const auto room = throttles.take_some(
        ThrottleClass::job_devices,
        std::min({dispatch_batch_max, window_room(), static_cast<std::size_t>(gate()->balance())}),
        shard().clock().now());
    if (room == 0) return hold();
    std::vector<std::uint32_t> picked;
    held_at_once_ = 0;
    while (!ready_.empty() && picked.size() < room) {
        const auto index = ready_.front();
        ready_.pop_front();
        state().release(index);
        if (is_terminal(state().at(index)) || is_taken(index)) continue;
        if (look(index) == Look::online) {
            if (!take_budgets(index)) continue;
            state().claim(index);
            picked.push_back(index);
        } else {
            consider_gated(index);
        }
    }
    throttles.give_back(ThrottleClass::job_devices, room - picked.size());
    if (held_at_once_ > picked.size()) window_.congested();
    gate()->use(picked.size());
    if (!picked.empty()) begin(std::move(picked));
    if (ready_.empty()) return_permits();
}

/// A device that is not there at its turn: what the offline policy says.
void MethodPart::give_up(std::uint32_t index) {
    const auto& offline = gate()->rollout().offline;
    if (is_patient() || state().is_claimed(index)) return;
    if (offline.then == OfflineThen::skip) {
        if (gate()->is_held()) return;
        state().claim(index);
        return skip(index);
    }
    if (!is_overdue(index)) return;
    Outcome outcome;
    outcome.index = index;
    outcome.kind = OutcomeKind::failed;
    // After an attempt what that said counts.
    const bool was_begun = state().at(index) == TargetState::again;
    outcome.failure.reason = was_begun ? state().reason(index) : FailReason::not_online;
    record(std::move(outcome));
}

/// Looks again at all devices whose turn was and that were not there.
void MethodPart::expire() {
    if (!may_begin()) return;
    expiring_ = 0;
    arm_ttl();
    wake();
}

/// A slice of that; true if there is more.
bool MethodPart::expire_some() {
    for (std::size_t looked = 0; looked < look_slice_max && expiring_ < cursor_; ++looked) {
        const auto index = gate()->at(expiring_++);
        const auto current = state().at(index);
        if (is_terminal(current) || current == TargetState::running || state().is_claimed(index)) continue;
        if (has_windows()) {
            consider_gated(index);
        } else if (look(index) == Look::offline) {
            give_up(index);
        }
    }
    return expiring_ < cursor_;
}

/// Adds what a job with a rollout stores of an outcome, the next attempt included.
void MethodPart::judge(Outcome& outcome) const {
    outcome.known_at = shard().clock().wall_now();
    const bool was_begun = state().at(outcome.index) == TargetState::running;
    outcome.attempt = was_begun ? state().attempts(outcome.index) : 0;
    const auto& retry = gate()->rollout().retry;
    const bool is_rejected = outcome.kind == OutcomeKind::rejected;
    if (!retry || !was_begun || (!is_rejected && outcome.kind != OutcomeKind::failed)) return;
    if (outcome.attempt >= retry->attempts || is_cancelling()) return;
    const bool is_listed =
        is_rejected ? retry->on.has(FailureKind::rejected) || retry->on_status.contains(outcome.answer.status)
                    : retry->on.has(kind_of(outcome.failure.reason));
    const Record* record = is_listed ? shard().directory().find(ordinals()[outcome.index]) : nullptr;
    if (!record || !record->exists()) return;
    const auto wait =
        retry_wait_ms(*retry, definition().seed, KeyList::text_of(record->key), outcome.attempt);
    // What could not begin any more fails with what it has.
    if (outcome.known_at.ticks + wait * WallTime::ticks_per_ms >= deadline().ticks) return;
    outcome.again_ms = static_cast<std::uint64_t>(wait) + 1;
}

void MethodPart::wait_for_next(std::uint32_t index, WallTime until) {
    if (!may_begin() && !is_paused()) return;
    state().claim(index);
    waiting_.push({until, index});
    arm_waiting();
}

void MethodPart::arm_waiting() {
    const auto armed = ++armed_wait_;
    if (waiting_.empty()) return;
    const auto most = std::chrono::duration_cast<std::chrono::nanoseconds>(timer_distance_max).count() / 100;
    const auto ticks =
        std::clamp<std::int64_t>(waiting_.top().until.ticks - shard().clock().wall_now().ticks, 0, most);
    after(std::chrono::nanoseconds(ticks * 100), [this, armed] {
        if (armed == armed_wait_ && !is_stopped()) end_waiting();
    });
}

void MethodPart::end_waiting() {
    const auto now = shard().clock().wall_now();
    while (!waiting_.empty() && waiting_.top().until <= now) {
        const auto index = waiting_.top().index;
        waiting_.pop();
        state().release(index);
        consider_gated(index);
    }
    arm_waiting();
    wake();
}

void MethodPart::ordered(bool is_first) {
    if (is_first) {
        // Of a device that failed more than once the last counts.
        const auto since_before = std::exchange(backing_off(), {});
        for (auto at = since_before.rbegin(); at != since_before.rend(); ++at) {
            const auto index = at->first;
            if (state().at(index) == TargetState::again && !state().is_claimed(index))
                wait_for_next(index, at->second);
        }
        // What was in flight before a restart may or may not have acted.
        for (std::uint32_t i = 0; i < size() && state().counts().running > 0; ++i) {
            if (state().at(i) != TargetState::running) continue;
            Outcome outcome;
            outcome.index = i;
            outcome.kind = OutcomeKind::failed;
            outcome.failure.reason = FailReason::restart;
            record(std::move(outcome));
        }
    }
    // A time to live may be over by now, and who may be skipped may be looked at again.
    expire();
}

void MethodPart::fill(GateReport& report) const {
    report.in_flight = state().counts().running + intent_devices_;
    report.wanted = rests() ? 0 : std::min({ready_.size(), Gate::outstanding_max, window_room()});
    // Those that another job took are not gone from the line.
    report.backing_off = std::min<std::uint64_t>(waiting_.size(), state().counts().pending);
    const auto passed =
        state().counts().pending - std::min<std::uint64_t>(state().counts().pending, size() - cursor_);
    const auto known =
        ready_.size() + held_.size() + waiting_.size() + skipped() + intent_devices_ + shut() + parked();
    report.waits_window = shut();
    report.waits_offline = passed > known ? passed - known : 0;
}

void MethodPart::add_places(GateReport& report) const {
    report.places.reserve(report.wanted);
    for (std::size_t i = 0; i < report.wanted; ++i) report.places.push_back(gate()->place(ready_[i]));
}

bool MethodPart::is_quiet() const {
    return gate()->balance() == 0 && !is_intent_under_way_ && unsent_.empty();
}

}  // namespace carillon
