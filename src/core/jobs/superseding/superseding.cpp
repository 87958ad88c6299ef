#include "core/jobs/superseding/superseding.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

Superseding::Superseding(JobSite& site, std::shared_ptr<JobPart> part,
                         std::vector<std::shared_ptr<JobPart>> older)
    : site_(site), part_(std::move(part)), older_(std::move(older)) {}

bool Superseding::step() {
    if (has_begun_) return false;
    if (take(site_.shard.clock().now() + slice_max)) return true;
    wait();
    return false;
}

void Superseding::take_all() {
    while (take(TimePoint::max())) continue;
}

bool Superseding::take(TimePoint enough) {
    const auto& clock = site_.shard.clock();
    for (std::uint32_t looked = 0; own_ < part_->devices(); ++own_) {
        if (looked++ == looked_at_once) {
            if (clock.now() >= enough) return true;
            looked = 0;
        }
        const auto ordinal = part_->ordinal(own_);
        if (ordinal == no_ordinal) continue;
        if (ordinal >= ours_.size()) ours_.resize(std::size_t{ordinal} + 1);
        ours_[ordinal] = true;
    }
    while (other_ < older_.size()) {
        auto& other = *older_[other_];
        std::vector<std::uint32_t> shared;
        const auto end = std::min(other.devices(), index_ + looked_at_once);
        for (; index_ < end; ++index_) {
            const auto ordinal = other.ordinal(index_);
            const bool is_ours = ordinal < ours_.size() && ours_[ordinal];
            if (is_ours && !other.has_ended(index_)) shared.push_back(index_);
        }
        if (!shared.empty()) other.give_up_to(part_->job(), shared);
        if (index_ == other.devices()) {
            index_ = 0;
            ++other_;
        }
        if (other_ < older_.size() && clock.now() >= enough) return true;
    }
    return false;
}

/// Until what was taken is on disk.
void Superseding::wait() {
    const bool is_durable =
        std::all_of(older_.begin(), older_.end(), [](const auto& other) { return other->has_given_up(); });
    if (is_durable) {
        has_begun_ = true;
        return part_->begin();
    }
    site_.shard.committer().on_durable([self = shared_from_this()](const Result<>&) {
        auto& work = static_cast<Superseding&>(*self);
        const bool is_done = std::all_of(work.older_.begin(), work.older_.end(),
                                         [](const auto& other) { return other->has_given_up(); });
        if (is_done) return work.site_.turns.wake(work);
        // The store refused it, and it is written again.
        auto& shard = work.site_.shard;
        shard.timers().at(shard.clock().now() + look_delay,
                          [self] { static_cast<Superseding&>(*self).site_.turns.wake(*self); });
    });
}

}  // namespace carillon
