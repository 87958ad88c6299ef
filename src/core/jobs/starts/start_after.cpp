// Jobs that wait until another one has succeeded: `startAfter`. Rules: docs/rollout-reference.md.

#include "base/log.hpp"
#include "core/jobs/job_coordinator.hpp"

#include <fmt/core.h>

namespace carillon {

JobCoordinator::Release JobCoordinator::release_of(const Active& job, std::string& why) const {
    const auto& after = *job.run->start_after;
    const auto source = board_.find(after.job);
    if (!source) {
        why = fmt::format("startAfter: job '{}' is gone", after.job);
        return Release::never;
    }
    const auto now_there = source->snapshot();
    const bool is_over = is_terminal(now_there.status);
    if (now_there.counts && (is_over || now_there.status == JobStatus::running)) {
        const auto& counts = *now_there.counts;
        const auto size = counts.device - counts.canceled;
        const auto ended = counts.succeeded + counts.failed;
        const bool holds = after.pass.ended.is_reached(ended, size) &&
                           after.pass.succeeded.is_reached(counts.succeeded, ended);
        // A job of which nothing is left to judge by proves nothing, nor does one that has no devices yet.
        if (holds && (size > 0 || (counts.device == 0 && is_over))) return Release::now;
        why = fmt::format(
            "startAfter: of {} devices of job '{}' {} ended and {} succeeded; needs {} and of them {}", size,
            after.job, ended, counts.succeeded, after.pass.ended.text(), after.pass.succeeded.text());
    } else {
        why = fmt::format("startAfter: job '{}' ended without a start", after.job);
    }
    return is_over ? Release::never : Release::later;
}

bool JobCoordinator::is_released(Active& job) {
    if (!job.run || !job.run->start_after || job.run->released.ticks != 0) return true;
    std::string why;
    const auto release = release_of(job, why);
    if (release == Release::now) {
        job.run->released = now();
        waiting_.erase(job.entry->number());
        return true;
    }
    job.entry->set_status(JobStatus::scheduled);
    waiting_.insert(job.entry->number());
    show(job);
    arm_waiting();
    return false;
}

void JobCoordinator::arm_waiting() {
    if (!is_open_ || waiting_.empty() || waiting_timer_) return;
    waiting_timer_ = shard_.timers().at(shard_.clock().now() + waiting_interval, [this, alive = alive_] {
        if (*alive) look_at_waiting();
    });
}

void JobCoordinator::look_at_waiting() {
    shard_.timers().cancel(waiting_timer_);
    if (!is_open_) return;
    const auto waiting = waiting_;  // Those that may go on leave it.
    for (const auto number : waiting) {
        auto* job = find(number);
        if (!job || !job->run || job->run->is_writing) continue;
        std::string why;
        const auto release = release_of(*job, why);
        if (release == Release::never) give_up_waiting(number, why);
        if (release == Release::now)
            happen(number, [this](Active& held) { return held.life.place(is_due(held)); });
        if (auto* held = find(number); held && release == Release::now) show(*held);
    }
    arm_waiting();
}

/// Ends a job whose start has become impossible, and says why.
void JobCoordinator::give_up_waiting(std::uint64_t number, const std::string& why) {
    auto* job = find(number);
    log.info("job cancelled before its start job={} why={}", job->entry->definition().id, why);
    DirectedEvent event;
    event.time = now();
    event.what = DirectedEvent::cancelling;
    event.by.policy = hub_actor;
    event.why = why;
    if (job->run) put_log(*job, {event});
    happen(number, [this](Active& held) { return held.life.cancel(now()); });
}

}  // namespace carillon
