#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/jobs/job_record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// Where a job stands between its acceptance and its end. Callers see fewer: see docs/jobs.md.
enum class JobPhase : std::uint8_t {
    scheduled,   ///< Its start is to come.
    queued,      ///< Due; waits for a place, or for a moment after a failed start.
    evaluating,  ///< Its parts look for their targets.
    approval,    ///< They have found them, and somebody has to approve the job before it begins.
    starting,    ///< The record that says `running` is on its way to disk.
    running,
    cancelling,  ///< The cancel is durable; its parts finish.
    ending,      ///< The record of its end is on its way to disk.
    ended,
};

/// Which of a job's records is on its way to disk.
enum class JobWrite : std::uint8_t { start, cancel, end };

/// What is to be done for a job, in the order given.
struct JobAction {
    enum Kind : std::uint8_t {
        schedule,    ///< Hold it until its start.
        queue,       ///< Let it stand in line.
        leave,       ///< Take it out of schedule and line.
        prepare,     ///< Each part finds its targets and answers `part_prepared` with `attempt()`.
        discard,     ///< Each part forgets the targets it has prepared.
        ask,         ///< Its targets wait for an approval.
        begin,       ///< Each part begins, and says `part_finished` once.
        cancel,      ///< Each part cancels what has not ended.
        write,       ///< Store `record`; answer `written` with `step`.
        retry,       ///< Answer `retry` after a while.
        take_place,  ///< It is at work, one of `running_max`.
        free_place,  ///< It is not any more.
        finish,      ///< The end is durable; the job is over.
    };
    Kind kind;
    JobWrite step = JobWrite::end;  ///< Of `write`.
    JobRecord record = {};          ///< Of `write`; counters are the caller's to add.
};
using JobActions = std::vector<JobAction>;

/// The life of one job as a state machine: events in, actions out. Has no clock, store or thread, so an
/// event may come late or twice: what does not fit the phase answers with no action. State machine:
/// docs/jobs.md.
class JobLifecycle {
public:
    /// A job that was accepted, or that a store holds without a start; `place` it next.
    explicit JobLifecycle(std::size_t parts) : parts_(parts), waits_for_(parts) {}
    /// A job that a store holds as running: its parts go on by themselves.
    static JobLifecycle resumed(std::size_t parts, const JobRecord& record);

    JobPhase phase() const { return phase_; }
    /// When its targets were looked for, the time its start is known by; 0 before.
    WallTime started() const { return started_; }
    /// Counts the times its targets were looked for.
    std::uint64_t attempt() const { return attempt_; }
    /// Devices the parts found; complete from `starting` on.
    std::uint64_t targets() const { return targets_; }
    bool is_at_work() const { return is_at_work_; }

    // --- events ------------------------------------------------------------------------------------
    /// Accepted, or its start has come.
    JobActions place(bool is_due);
    /// It is the first in line and there is a place. `condition` is the refusal of its condition, if any.
    JobActions turn(WallTime now, const Result<>& condition);
    /// One part has found its targets, durably, or could not.
    JobActions part_prepared(std::uint64_t attempt, std::size_t part, const Result<std::uint64_t>& targets,
                             WallTime now);
    /// Before the last part answers: what the parts find needs an approval.
    void demand_approval() { needs_approval_ = true; }
    /// It runs without any target too, as it goes on taking devices.
    void take_members() { takes_members_ = true; }
    /// It is approved.
    JobActions approve();
    /// Its targets are not those that it may go over. It ends as failed, without a start.
    JobActions refuse(std::uint64_t attempt, WallTime now, std::string reason);
    /// One part has ended all its devices, durably.
    JobActions part_finished(std::size_t part, WallTime now);
    /// True while the answer of this part is waited for: what it prepares, or that it has finished.
    bool is_waiting_for(std::size_t part) const { return waits_for_[part]; }
    /// Somebody wants it canceled. In phases that cannot be left at once, nothing: ask again at the next
    /// phase.
    JobActions cancel(WallTime now);
    /// The record of `step` is durable, or was refused.
    JobActions written(JobWrite step, bool is_durable, bool is_due);
    /// The while is over. Nothing if the job has gone on meanwhile: it may have left the line and come back
    /// for another reason, and even be ending by then.
    JobActions retry(WallTime now, bool is_due);

private:
    JobActions give_back();
    JobAction write_start();
    JobActions end(JobStatus status, WallTime now, std::string failure_reason = {});
    JobAction write_end(WallTime now) const;

    void wait_for_all();
    /// True if that was the last one.
    bool has_heard(std::size_t part);

    std::size_t parts_;
    JobPhase phase_ = JobPhase::queued;
    std::uint64_t attempt_ = 0;
    std::vector<bool> waits_for_;  ///< By part: it has not reported.
    std::size_t parts_left_ = 0;   ///< So many have not.
    std::uint64_t targets_ = 0;
    bool has_refusal_ = false;  ///< A part could not prepare.
    bool needs_approval_ = false;
    bool takes_members_ = false;
    bool is_at_work_ = false;
    bool awaits_retry_ = false;  ///< `retry` was asked for, and it has not gone on since.
    bool is_unstarted_ = false;  ///< Ending without a start: goes back in line if that cannot be stored.
    WallTime started_;
    JobStatus end_status_ = JobStatus::completed;
    std::string failure_reason_;
};

}  // namespace carillon
