#include "core/jobs/job_state.hpp"

namespace carillon {

DeviceJobStatus status_of(TargetState state) {
    switch (state) {
        case TargetState::pending:
        case TargetState::attempted:
        case TargetState::again:
            break;
        case TargetState::running:
            return DeviceJobStatus::running;
        case TargetState::succeeded:
            return DeviceJobStatus::completed;
        case TargetState::failed:
            return DeviceJobStatus::failed;
        case TargetState::canceled:
            return DeviceJobStatus::canceled;
    }
    return DeviceJobStatus::pending;
}

std::uint64_t& PartState::count_of(TargetState state) {
    switch (state) {
        case TargetState::running:
            return counts_.running;
        case TargetState::succeeded:
            return counts_.succeeded;
        case TargetState::failed:
            return counts_.failed;
        case TargetState::canceled:
            return counts_.canceled;
        case TargetState::pending:
        case TargetState::attempted:
        case TargetState::again:
            break;
    }
    return counts_.pending;
}

bool PartState::move(std::uint32_t index, TargetState to, FailReason reason) {
    const auto from = at(index);
    if (is_terminal(from)) return false;
    --count_of(from);
    ++count_of(to);
    states_[index] =
        static_cast<std::uint16_t>(static_cast<unsigned>(to) | static_cast<unsigned>(reason) << reason_shift |
                                   (states_[index] & risk_bit));
    return true;
}

TargetState PartState::state_after(OutcomeKind kind) {
    switch (kind) {
        case OutcomeKind::answered:
            return TargetState::succeeded;
        case OutcomeKind::not_sent:
            return TargetState::attempted;
        case OutcomeKind::canceled:
            return TargetState::canceled;
        case OutcomeKind::failed:
        case OutcomeKind::rejected:
            break;
    }
    return TargetState::failed;
}

bool PartState::fail(std::uint32_t index, const Failure& failure) {
    if (!move(index, TargetState::failed, failure.reason)) return false;
    tally_.add_failure(failure);
    return true;
}

bool PartState::fail(std::uint32_t index, FailReason reason) {
    if (!move(index, TargetState::failed, reason)) return false;
    tally_.add_failure(reason);
    return true;
}

bool PartState::begin(const BegunEvent::Device& device) {
    // Of its last attempt, in case this one does not leave.
    if (!move(device.index, TargetState::running, reason(device.index))) return false;
    if (attempts_.size() < states_.size()) attempts_.resize(states_.size());
    attempts_[device.index] = static_cast<std::uint8_t>(device.attempt);
    ++all_attempts_;
    return true;
}

bool PartState::take(const Outcome& outcome) {
    const bool is_rejected = outcome.kind == OutcomeKind::rejected;
    if (outcome.again_ms > 0) {
        return move(outcome.index, TargetState::again,
                    is_rejected ? FailReason::rejected : outcome.failure.reason);
    }
    if (is_rejected) {
        if (!fail(outcome.index, FailReason::rejected)) return false;
        tally_.add_answer(outcome.answer.status);
        return true;
    }
    if (outcome.kind == OutcomeKind::not_sent && outcome.index < attempts_.size() &&
        !is_terminal(at(outcome.index))) {
        // What did not leave is no attempt.
        if (attempts_[outcome.index] > 0) --attempts_[outcome.index];
        --all_attempts_;
        if (attempts_[outcome.index] > 0) {
            return move(outcome.index, TargetState::again, reason(outcome.index));
        }
    }
    if (outcome.kind == OutcomeKind::failed) return fail(outcome.index, outcome.failure);
    if (!move(outcome.index, state_after(outcome.kind))) return false;
    if (outcome.kind == OutcomeKind::answered) tally_.add_answer(outcome.answer.status);
    return true;
}

bool PartState::end(std::uint32_t index, EndKind kind) {
    const auto state = at(index);
    if (is_terminal(state)) return false;
    const bool is_running = state == TargetState::running;
    switch (kind) {
        case EndKind::deadline: {
            if (state == TargetState::again) return fail(index, reason(index));
            const auto waited =
                state == TargetState::attempted ? FailReason::not_online : FailReason::deadline;
            return fail(index, is_running ? FailReason::timeout : waited);
        }
        case EndKind::cancel_pending:
            return !is_running && move(index, TargetState::canceled);
        case EndKind::cancel_rest:
            return move(index, TargetState::canceled);
        case EndKind::restart:
            return is_running && fail(index, FailReason::restart);
    }
    return false;
}

}  // namespace carillon
