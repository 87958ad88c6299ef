// What a part does when a job that began later takes devices from it. Rules: docs/rollout-reference.md.

#include "core/jobs/job_part.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

void JobPart::give_up_to(std::uint64_t taker, const std::vector<std::uint32_t>& indexes) {
    if (is_finished_ || is_stopped_ || is_closed_) return;
    if (taken_.empty()) taken_.resize(size());
    const bool is_new = takers_.empty() || takers_.back() != taker;
    if (is_new && takers_.size() < takers_max) takers_.push_back(taker);
    for (const auto index : indexes) {
        if (taken_[index] != 0 || is_terminal(state_.at(index))) continue;
        taken_[index] = static_cast<std::uint8_t>(takers_.size());
        // What is in flight ends normally, unless it comes back; what an event on its way begins is left
        // alone by the fold.
        if (state_.at(index) != TargetState::running) given_up_.push_back(index);
    }
    put_given_up();
}

/// One event for each of the jobs that took them.
void JobPart::put_given_up() {
    if (given_up_.empty() || is_paused_ || is_closed_) return;
    auto devices = std::exchange(given_up_, {});
    std::sort(devices.begin(), devices.end(), [this](std::uint32_t a, std::uint32_t b) {
        return std::pair(taken_[a], a) < std::pair(taken_[b], b);
    });
    devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    for (auto from = devices.begin(); from != devices.end();) {
        const auto taker = taken_[*from];
        const auto to =
            std::find_if(from, devices.end(), [&](std::uint32_t index) { return taken_[index] != taker; });
        CanceledEvent event;
        event.time = shard().clock().wall_now();
        event.reason = taker == left_mark ? CancelReason::left : CancelReason::superseded;
        if (taker != left_mark) event.by = takers_[taker - 1U];
        event.indexes.assign(from, to);
        from = to;
        ++giving_up_;
        append(std::move(event));
    }
}

void JobPart::settle_given_up(const CanceledEvent& event, bool is_durable) {
    --giving_up_;
    if (!is_durable && !is_closed_)
        given_up_.insert(given_up_.end(), event.indexes.begin(), event.indexes.end());
}

}  // namespace carillon
