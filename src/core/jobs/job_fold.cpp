#include "core/jobs/job_fold.hpp"

namespace carillon {

bool JobFold::apply(std::uint64_t sequence, const JobEvent& event) {
    if (const auto* targets = std::get_if<TargetsEvent>(&event)) {
        if (!keys_.append_encoded(targets->keys, targets->ordinals.size())) return false;
        last_.resize(keys_.size());
    }
    if (const auto* outcomes = std::get_if<OutcomesEvent>(&event)) {
        for (const auto& outcome : outcomes->outcomes) {
            if (outcome.kind != OutcomeKind::answered || outcome.index >= keys_.size()) continue;
            // An answer that came too late changes nothing, its status included.
            if (is_terminal(state_.at(outcome.index))) continue;
            statuses_.resize(keys_.size());
            statuses_[outcome.index] = outcome.answer.status;
        }
    }
    marks_.push_back({sequence, time_of(event)});
    const auto mark = static_cast<std::uint32_t>(marks_.size() - 1);
    next_sequence_ = sequence + 1;
    return state_.apply(event, [&](std::uint32_t index) { last_[index] = mark; });
}

std::size_t JobFold::memory() const {
    return keys_.memory() + state_.memory() + marks_.capacity() * sizeof(marks_[0]) +
           last_.capacity() * sizeof(last_[0]) + statuses_.capacity() * sizeof(statuses_[0]);
}

}  // namespace carillon
