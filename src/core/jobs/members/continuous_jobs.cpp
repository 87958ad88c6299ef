// What the coordinator does for jobs that go on taking devices. Rules: docs/rollout-reference.md.

#include "core/jobs/job_coordinator.hpp"
#include "model/rollouts/members.hpp"

#include <fmt/core.h>

namespace carillon {

Result<> JobCoordinator::check_members(const Rollout& rollout) const {
    if (!RolloutMembers::of(rollout).is_continuous) return {};
    auto others = static_cast<std::size_t>(continuous_);
    for (const auto& [id, sibling] : siblings_) {
        if (sibling->rollout && RolloutMembers::of(*sibling->rollout).is_continuous) ++others;
    }
    if (others < limits_.continuous_max) return {};
    return fail(Errc::throttling_max_active_job_count_exceeded,
                fmt::format("At most {} active jobs may be continuous (jobs.continuous_max).",
                            limits_.continuous_max));
}

std::shared_ptr<const MemberSources> JobCoordinator::member_sources_of(
    const JobDefinition& definition) const {
    auto known = sources_of(definition);
    auto sources = std::make_shared<MemberSources>();
    sources->from = known.from;
    sources->undo_of = known.undo_of;
    sources->wrote = std::move(known.wrote);
    return sources;
}

/// A job that takes the devices of another one takes no more when that has ended.
std::vector<JobLogEvent> JobCoordinator::close_behind(const Active& job) const {
    const auto& control = job.run->control;
    const auto& from = job.entry->definition().rollout->from;
    if (control.members() != MemberTaking::open || !from) return {};
    const auto source = board_.find(from->job);
    if (source && !is_terminal(source->status())) return {};
    JobActor hub;
    hub.policy = hub_actor;
    auto events = control.close_by(std::move(hub), fmt::format("job '{}' has ended", from->job),
                                   job.run->counts().totals(), now());
    return events ? *std::move(events) : std::vector<JobLogEvent>{};
}

/// A job has ended from which others may take devices.
void JobCoordinator::go_on_behind(const std::string& source) {
    if (continuous_ == 0) return;
    for (const auto& [number, job] : active_) {
        const auto& rollout = job.entry->definition().rollout;
        if (!job.run || !job.run->control.is_continuous() || !rollout->from || rollout->from->job != source)
            continue;
        after(Duration::zero(), [this, held = number] { go_on(held); });
    }
}

}  // namespace carillon
