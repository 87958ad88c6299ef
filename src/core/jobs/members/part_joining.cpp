// What a part of a continuous job does when devices join it or leave. Rules: docs/rollout-reference.md.

#include "core/jobs/job_part.hpp"
#include "core/jobs/members/member_watch.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

JobPart::Joining JobPart::joining() const {
    if (is_finished_ || is_closed_ || is_stopped_ || !gate_->has_orders()) return Joining::over;
    if (is_paused_) return Joining::later;
    return gate_->orders().members == MemberTaking::none ? Joining::leaving : Joining::open;
}

/// A continuous part ends when nobody can join it any more, and all have ended.
bool JobPart::keeps_open() const {
    return is_continuous_ && (!joins_.empty() || (!is_closed_ && !has_all_members_));
}

void JobPart::follow_orders() {
    if (!is_continuous_) return;
    if (gate_->orders().members == MemberTaking::none) {
        has_all_members_ = true;
        return finish_if_done();
    }
    site_.members.renew(job());
}

void JobPart::members_known() {
    if (gate_->orders().members == MemberTaking::open) return;
    has_all_members_ = true;
    finish_if_done();
}

void JobPart::join(JoinedEvent event, std::vector<ReversalsEvent> reversals,
                   UniqueFunction<void(std::optional<std::uint32_t>)> done) {
    joins_.push_back(std::move(done));
    append(std::move(event));
    for (auto& each : reversals) append(std::move(each));
}

/// Room for those that have joined, before the state has them.
void JobPart::grow(const JoinedEvent& event) {
    joined_.emplace_back(size(), event.time);
    ordinals_.insert(ordinals_.end(), event.ordinals.begin(), event.ordinals.end());
    gate_->grow(size());
    if (!taken_.empty()) taken_.resize(size());
    if (windows_) shut_.resize(size());
}

void JobPart::settle_joined(const JoinedEvent& event, bool is_durable) {
    auto done = std::move(joins_.front());
    joins_.pop_front();
    if (!is_durable) return done(std::nullopt);
    done(size() - static_cast<std::uint32_t>(event.ordinals.size()));
    if (gate_->rollout().offline.ttl) arm_ttl();
    wake();
}

WallTime JobPart::joined_at(std::uint32_t index) const {
    const auto after = std::partition_point(joined_.begin(), joined_.end(),
                                            [index](const auto& event) { return event.first <= index; });
    return after == joined_.begin() ? WallTime{} : std::prev(after)->second;
}

void JobPart::leave(std::uint32_t index) {
    const auto now = state_.at(index);
    const bool is_new = now == TargetState::pending || now == TargetState::attempted;
    if (is_finished_ || is_closed_ || is_stopped_ || !is_new || is_taken(index)) return;
    if (taken_.empty()) taken_.resize(size());
    taken_[index] = left_mark;
    given_up_.push_back(index);
    put_given_up();
}

}  // namespace carillon
