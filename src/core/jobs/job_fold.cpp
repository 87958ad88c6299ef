#include "core/jobs/job_fold.hpp"

namespace carillon {

bool JobFold::apply(std::uint64_t sequence, const JobEvent& event,
                    const std::function<void(std::uint32_t)>& changed) {
    if (const auto* targets = std::get_if<TargetsEvent>(&event)) {
        if (!keys_.append_encoded(targets->keys, targets->ordinals.size())) return false;
        last_.resize(keys_.size());
    }
    const auto note_answers = [this](const std::vector<Outcome>& outcomes) {
        for (const auto& outcome : outcomes) {
            const bool is_answer =
                outcome.kind == OutcomeKind::answered || outcome.kind == OutcomeKind::rejected;
            if (!is_answer || outcome.index >= keys_.size()) continue;
            // An answer that came too late changes nothing, its status included.
            if (is_terminal(state_.at(outcome.index))) continue;
            statuses_.resize(keys_.size());
            statuses_[outcome.index] = outcome.answer.status;
        }
    };
    if (const auto* outcomes = std::get_if<OutcomesEvent>(&event)) note_answers(outcomes->outcomes);
    if (const auto* known = std::get_if<Outcomes2Event>(&event)) note_answers(known->outcomes);
    marks_.push_back({sequence, time_of(event)});
    const auto mark = static_cast<std::uint32_t>(marks_.size() - 1);
    next_sequence_ = sequence + 1;
    return state_.apply(event, [&](std::uint32_t index) {
        last_[index] = mark;
        if (changed) changed(index);
    });
}

std::size_t JobFold::memory() const {
    return keys_.memory() + state_.memory() + marks_.capacity() * sizeof(marks_[0]) +
           last_.capacity() * sizeof(last_[0]) + statuses_.capacity() * sizeof(statuses_[0]);
}

}  // namespace carillon
