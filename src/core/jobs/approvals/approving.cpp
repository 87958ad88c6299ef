// Jobs that somebody has to approve before they begin. Rules: docs/rollout-reference.md.

#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "core/jobs/placing.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <numeric>

namespace carillon {

namespace {

Error not_asked(std::string_view why) {
    return {Errc::iot_hub_unauthorized_access, std::string(why)};
}

}  // namespace

std::unique_ptr<JobCoordinator::Approving> JobCoordinator::make_approving(std::uint64_t number,
                                                                          const JobDefinition& definition) {
    // Of an undo that follows from a job's rules, what was approved spoke already.
    if (rules_.is_empty() || definition.creator.policy == hub_actor) return nullptr;
    auto approving = std::make_unique<Approving>();
    approving->stored.creator = definition.creator.policy;
    shard_.committer().batch().put(Table::jobs, job_approval_key(number), encode_approval(approving->stored));
    return approving;
}

/// What is approved: the job as it was sent, its rollout with all changes, and its devices.
std::string JobCoordinator::hash_of(const Active& job) const {
    const auto rollout = job.run ? job.run->control.rollout().text : std::string();
    return hex_encode(
        as_text(sha256({encode_job_definition(job.entry->definition()), rollout, job.approving->digest})));
}

void JobCoordinator::demand_approval(Active& job, const Placing& placing) {
    if (!job.approving) return;
    auto& approving = *job.approving;
    approving.asked.reset();
    // Looked at again, it may have so few devices that no rule asks any more.
    job.entry->show_approval(nullptr);
    approving.digest = JobPlans::digest_of(placing.digests);
    const auto devices = std::accumulate(placing.sizes.begin(), placing.sizes.end(), std::uint64_t{0});
    // Nobody knows how many devices come to match a continuous job.
    const bool is_continuous = job.run && job.run->control.is_continuous();
    JobApproval asked;
    asked.rules = rules_.matching(job.entry->definition(), is_continuous ? UINT64_MAX : devices);
    if (asked.rules.empty() || (devices == 0 && !is_continuous)) return;
    asked.hash = hash_of(job);
    asked.creator = approving.stored.creator;
    asked.devices = devices;
    // Approvals that were given before a restart count if all is as it was.
    if (approving.stored.hash == asked.hash) asked.given = approving.stored.given;
    const bool is_complete = asked.is_complete();
    approving.asked = std::move(asked);
    show_approval(job);
    if (!is_complete) job.life.demand_approval();
}

void JobCoordinator::show_approval(Active& job) {
    job.entry->show_approval(std::make_shared<const JobApproval>(*job.approving->asked));
}

WallTime JobCoordinator::last_moment(const Active& job) const {
    return job.run ? deadline_of(job) : job.entry->definition().deadline();
}

void JobCoordinator::ask(Active& job) {
    const auto& asked = *job.approving->asked;
    log.info("job waits for approval job={} hash={} missing={}", job.entry->definition().id, asked.hash,
             asked.missing());
    job.entry->set_status(JobStatus::scheduled);
    if (job.run) show(job);
    arm_approval(job.entry->number());
}

/// At its deadline it has waited long enough.
void JobCoordinator::arm_approval(std::uint64_t number) {
    auto* job = find(number);
    if (!job || job->life.phase() != JobPhase::approval) return;
    shard_.timers().cancel(job->approving->timer);
    const auto left = last_moment(*job).ticks - now().ticks;
    if (left <= 0 && !(job->run && job->run->is_writing))
        return give_up_waiting(number, "approval: nobody who may has approved it before its deadline");
    const auto ticks = std::clamp<std::int64_t>(left, WallTime::ticks_per_second / 10,
                                                std::int64_t{60} * WallTime::ticks_per_second);
    job->approving->timer = shard_.timers().at(shard_.clock().now() + std::chrono::nanoseconds(ticks * 100),
                                               [this, alive = alive_, number] {
                                                   if (*alive) arm_approval(number);
                                               });
}

/// The rollout may have changed; what was approved was another one then.
void JobCoordinator::renew_approval(Active& job) {
    auto& asked = *job.approving->asked;
    auto hash = hash_of(job);
    if (hash == asked.hash) return;
    asked.hash = std::move(hash);
    asked.given.clear();
    show_approval(job);
}

Task<Result<>> JobCoordinator::decide(std::string id, Decision decision) {
    const auto entry = board_.find(id);
    if (!entry) co_return fail(Errc::job_not_found, fmt::format("There is no job with id '{}'.", id));
    const auto number = entry->number();
    while (auto* job = find(number)) {
        if (job->life.phase() != JobPhase::approval) break;
        if (job->run && job->run->is_writing) {
            (void)co_await shard_.committer().durable();
            continue;
        }
        auto& approving = *job->approving;
        auto& asked = *approving.asked;
        const auto& policy = decision.by.policy;
        if (equals_ignoring_case(policy, approving.stored.creator))
            co_return fail(not_asked("Who made a job does not approve it."));
        if (std::none_of(asked.rules.begin(), asked.rules.end(),
                         [&policy](const ApprovalRule& rule) { return rule.takes(policy); }))
            co_return fail(not_asked(fmt::format("Policy '{}' is not asked for this job.", policy)));
        if (to_lower(decision.hash) != asked.hash)
            co_return fail(Errc::precondition_failed, fmt::format("The job's hash is {}.", asked.hash));
        if (decision.is_approval && asked.has(policy)) co_return Result<>();
        ApprovalEvent event;
        event.time = now();
        event.is_approved = decision.is_approval;
        event.by = decision.by;
        event.hash = asked.hash;
        event.why = decision.why;
        if (job->run) put_log(*job, {event});
        log.info("job {} job={} by={}", decision.is_approval ? "approved" : "denied", id, policy);
        if (!decision.is_approval) {
            happen(number, [this](Active& held) { return held.life.cancel(now()); });
            const auto written = co_await shard_.committer().durable();
            if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
            co_return Result<>();
        }
        asked.given.push_back(decision.by);
        approving.stored.hash = asked.hash;
        approving.stored.given = asked.given;
        shard_.committer().batch().put(Table::jobs, job_approval_key(number),
                                       encode_approval(approving.stored));
        const auto written = co_await shard_.committer().durable();
        job = find(number);
        if (!written) {
            // Refused with it is what was written behind it, too.
            if (job && job->life.phase() == JobPhase::approval) {
                auto& given = job->approving->asked->given;
                std::erase_if(given, [&](const JobActor& actor) { return actor.policy == policy; });
                job->approving->stored.given = given;
            }
            co_return fail(Errc::service_unavailable, written.error().detail);
        }
        if (!job || job->life.phase() != JobPhase::approval) co_return Result<>();
        show_approval(*job);
        if (job->approving->asked->is_complete())
            happen(number, [](Active& held) { return held.life.approve(); });
        co_return Result<>();
    }
    co_return fail(Errc::operation_not_allowed_in_current_state,
                   fmt::format("Job '{}' does not wait for an approval.", id));
}

}  // namespace carillon
