#include "core/jobs/job_state.hpp"

namespace carillon {

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
        static_cast<std::uint16_t>(static_cast<unsigned>(to) | static_cast<unsigned>(reason) << reason_shift);
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

bool PartState::take(const Outcome& outcome) {
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
