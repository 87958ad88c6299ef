#include "core/jobs/job_method_part.hpp"

#include "core/shard/methods.hpp"
#include "core/shard/throttles.hpp"

#include <algorithm>

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
        return !unsent_.empty() || has_room();
    }
    return has_room() && fill();
}

bool MethodPart::has_room() const {
    return may_begin() && !is_intent_under_way_ && (cursor_ < size() || !ready_.empty()) &&
           busy_ < window_.size() && outcome_bytes_ < outcome_bytes_max && !shard().committer().is_full();
}

MethodPart::Look MethodPart::look(std::uint32_t index) const {
    const auto ordinal = ordinals()[index];
    const Record* record = ordinal == no_ordinal ? nullptr : shard().directory().find(ordinal);
    if (!record) return Look::gone;
    if (!Methods::is_online(*record, call().name)) return Look::offline;
    const bool is_full = record->methods && record->methods->requests.size() >= PendingMethods::in_flight_max;
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
    busy_ += picked.size();
    hub_in_flight_->fetch_add(picked.size(), std::memory_order_relaxed);
    std::sort(picked.begin(), picked.end());
    DispatchedEvent event;
    event.time = shard().clock().wall_now();
    event.indexes = std::move(picked);
    is_intent_under_way_ = true;
    append(std::move(event));
    return false;  // Until the intent is durable.
}

void MethodPart::consider(std::uint32_t index, std::vector<std::uint32_t>& picked) {
    const auto current = state().at(index);
    if (is_terminal(current) || current == TargetState::running || state().is_claimed(index)) return;
    switch (look(index)) {
        case Look::gone:
            return fail_missing(index);
        case Look::offline:
            return leave_behind(index);
        case Look::held:
            state().claim(index);
            held_.push_back(index);
            ++held_at_once_;
            return hold();
        case Look::online:
            state().claim(index);
            picked.push_back(index);
    }
}

void MethodPart::leave_behind(std::uint32_t index) {
    left_behind_.insert(ordinals()[index], index);
}

void MethodPart::hold() {
    if (is_hold_armed_) return;
    is_hold_armed_ = true;
    after(held_delay, [this] {
        is_hold_armed_ = false;
        ready_.insert(ready_.end(), held_.begin(), held_.end());
        held_.clear();
        wake();
    });
}

void MethodPart::send_some() {
    for (std::size_t i = 0; i < send_slice_max && !unsent_.empty(); ++i) {
        const auto index = unsent_.front();
        unsent_.pop_front();
        if (is_terminal(state().at(index))) {
            unburden(1);
        } else if (is_cancelling()) {
            unburden(1);
            Outcome outcome;
            outcome.index = index;
            outcome.kind = OutcomeKind::canceled;
            record(std::move(outcome));
        } else if (time_left() == Duration::zero()) {
            unburden(1);  // The deadline's event is about to end it.
        } else {
            send(index);
        }
    }
}

void MethodPart::send(std::uint32_t index) {
    Record* target = shard().directory().find(ordinals()[index]);
    if (!target) {
        unburden(1);
        return fail_missing(index);
    }
    const auto now = shard().clock().now();
    const auto timeout = std::min<Duration>(std::chrono::seconds(call().response_timeout_s), time_left());
    shard().methods().send(*target, call().name, call().payload, timeout,
                           [weak = weak_from_this(), index, now](Result<MethodAnswer> result) {
                               if (const auto self = weak.lock()) {
                                   static_cast<MethodPart&>(*self).answered(index, now, std::move(result));
                               }
                           });
}

void MethodPart::answered(std::uint32_t index, TimePoint sent, Result<MethodAnswer> result) {
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
        outcome.answer = *std::move(result);
    } else if (result.error().code == Errc::device_not_online ||
               result.error().code == Errc::device_maximum_inflight_method_exceeded) {
        outcome.kind = OutcomeKind::not_sent;
    } else {
        if (result.error().code == Errc::device_connection_closed_remotely) window_.lost();
        outcome.kind = OutcomeKind::failed;
        outcome.failure = failure_of(result.error());
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

void MethodPart::record(Outcome outcome) {
    state().claim(outcome.index);
    outcome_bytes_ += bytes_of(outcome);
    outcomes_.push_back(std::move(outcome));
    wake();
}

void MethodPart::put_outcomes() {
    if (outcomes_.empty()) return;
    OutcomesEvent event;
    event.time = shard().clock().wall_now();
    std::size_t bytes = 0;
    std::size_t count = 0;
    while (count < outcomes_.size() && (count == 0 || bytes < site().limits.outcome_batch_bytes_max)) {
        bytes += bytes_of(outcomes_[count++]);
    }
    const auto end = outcomes_.begin() + static_cast<std::ptrdiff_t>(count);
    event.outcomes.assign(std::make_move_iterator(outcomes_.begin()), std::make_move_iterator(end));
    outcomes_.erase(outcomes_.begin(), end);
    ++outcomes_under_way_;
    append(std::move(event));
}

void MethodPart::flush() {
    while (!outcomes_.empty()) put_outcomes();
}

void MethodPart::closed() {
    ready_.clear();
    held_.clear();
    left_behind_.clear();
}

void MethodPart::returned(std::uint32_t index) {
    // The device may have come back while the event was on its way, when its news went unheard.
    if (!may_begin() && !is_paused()) return;
    leave_behind(index);
    if (look(index) == Look::offline) return;
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
    }
    pause();
}

void MethodPart::device_ready(Record& record_online) {
    const auto index = left_behind_.find(record_online.ordinal);
    if (!index || !Methods::is_online(record_online, call().name)) return;
    const auto current = state().at(*index);
    if (is_terminal(current) || current == TargetState::running || state().is_claimed(*index)) return;
    state().claim(*index);
    ready_.push_back(*index);
    wake();
}

void MethodPart::device_removed(Record& record_gone) {
    const auto index = left_behind_.find(record_gone.ordinal);
    if (!index || is_terminal(state().at(*index)) || state().is_claimed(*index)) return;
    if (state().at(*index) != TargetState::running) fail_missing(*index);
}

}  // namespace carillon
