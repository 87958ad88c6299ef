#include "core/jobs/job_fold.hpp"

namespace carillon {
namespace {

/// What one device that joined takes beside its key's text.
constexpr std::size_t joined_node_bytes = 96;

}  // namespace

bool JobFold::apply(std::uint64_t sequence, const JobEvent& event,
                    const std::function<void(std::uint32_t)>& changed) {
    if (const auto* targets = std::get_if<TargetsEvent>(&event)) {
        if (!keys_.append_encoded(targets->keys, targets->ordinals.size())) return false;
        last_.resize(keys_.size());
    }
    if (const auto* came = std::get_if<JoinedEvent>(&event)) {
        KeyList keys;
        if (!keys.append_encoded(came->keys, came->ordinals.size())) return false;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const auto [place, is_new] =
                joined_by_key_.emplace(keys.get(i), static_cast<std::uint32_t>(size()));
            joined_bytes_ += joined_node_bytes + place->first.capacity();
            joined_.push_back(&place->first);
        }
        last_.resize(size());
    }
    const auto note_answers = [this](const std::vector<Outcome>& outcomes) {
        for (const auto& outcome : outcomes) {
            const bool is_answer =
                outcome.kind == OutcomeKind::answered || outcome.kind == OutcomeKind::rejected;
            if (!is_answer || outcome.index >= size()) continue;
            // An answer that came too late changes nothing, its status included.
            if (is_terminal(state_.at(outcome.index))) continue;
            statuses_.resize(size());
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
           last_.capacity() * sizeof(last_[0]) + statuses_.capacity() * sizeof(statuses_[0]) + joined_bytes_;
}

std::optional<std::uint32_t> JobFold::find(std::string_view key) const {
    const auto at = keys_.lower_bound(key);
    if (at < keys_.size() && keys_.get(at) == key) return static_cast<std::uint32_t>(at);
    const auto joined = joined_by_key_.find(key);
    if (joined == joined_by_key_.end()) return std::nullopt;
    return joined->second;
}

JobFold::Walk::Walk(const JobFold& fold, std::string_view from)
    : fold_(fold), base_(from.empty() ? 0 : fold.keys_.lower_bound(from)) {
    settle(fold.joined_by_key_.lower_bound(from));
}

void JobFold::Walk::next() {
    if (*index_ < fold_.keys_.size()) ++base_;
    // Others may have joined since, so it is looked for anew.
    settle(fold_.joined_by_key_.upper_bound(key_));
}

/// Takes the first of those that are left, `joined` being the next that joined.
void JobFold::Walk::settle(Joined joined) {
    index_.reset();
    const bool has_base = base_ < fold_.keys_.size();
    if (has_base) {
        index_ = static_cast<std::uint32_t>(base_);
        key_ = fold_.keys_.get(base_);
    }
    if (joined == fold_.joined_by_key_.end()) return;
    if (has_base && key_ <= joined->first) return;
    index_ = joined->second;
    key_ = joined->first;
}

}  // namespace carillon
