#include "core/jobs/job_lifecycle.hpp"

#include <utility>

namespace carillon {

JobLifecycle JobLifecycle::resumed(std::size_t parts, const JobRecord& record) {
    JobLifecycle life(parts);
    life.phase_ = record.is_cancelling ? JobPhase::cancelling : JobPhase::running;
    life.wait_for_all();
    life.started_ = record.started;
    life.is_at_work_ = true;
    return life;
}

JobActions JobLifecycle::place(bool is_due) {
    if (phase_ != JobPhase::scheduled && phase_ != JobPhase::queued) return {};
    awaits_retry_ = false;
    phase_ = is_due ? JobPhase::queued : JobPhase::scheduled;
    return {{is_due ? JobAction::queue : JobAction::schedule}};
}

JobActions JobLifecycle::turn(WallTime now, const Result<>& condition) {
    if (phase_ != JobPhase::queued) return {};
    if (!condition) return end(JobStatus::failed, now, condition.error().detail);
    phase_ = JobPhase::evaluating;
    awaits_retry_ = false;
    ++attempt_;
    wait_for_all();
    targets_ = 0;
    has_refusal_ = false;
    needs_approval_ = false;
    started_ = now;
    is_at_work_ = true;
    return {{JobAction::take_place}, {JobAction::prepare}};
}

void JobLifecycle::wait_for_all() {
    waits_for_.assign(parts_, true);
    parts_left_ = parts_;
}

bool JobLifecycle::has_heard(std::size_t part) {
    waits_for_[part] = false;
    return --parts_left_ == 0;
}

JobActions JobLifecycle::part_prepared(std::uint64_t attempt, std::size_t part,
                                       const Result<std::uint64_t>& targets, WallTime now) {
    if (phase_ != JobPhase::evaluating || attempt != attempt_ || !waits_for_[part]) return {};
    if (targets) {
        targets_ += *targets;
    } else {
        has_refusal_ = true;
    }
    if (!has_heard(part)) return {};
    if (has_refusal_) return give_back();
    if (targets_ == 0 && !takes_members_) {
        auto actions = end(JobStatus::completed, now);
        actions.insert(actions.begin(), {JobAction::discard});
        return actions;
    }
    if (needs_approval_) {
        // It holds no place meanwhile.
        phase_ = JobPhase::approval;
        is_at_work_ = false;
        return {{JobAction::free_place}, {JobAction::ask}};
    }
    return {write_start()};
}

JobAction JobLifecycle::write_start() {
    phase_ = JobPhase::starting;
    JobAction write{JobAction::write, JobWrite::start};
    write.record.status = JobStatus::running;
    write.record.started = started_;
    return write;
}

JobActions JobLifecycle::approve() {
    if (phase_ != JobPhase::approval) return {};
    is_at_work_ = true;
    return {{JobAction::take_place}, write_start()};
}

JobActions JobLifecycle::refuse(std::uint64_t attempt, WallTime now, std::string reason) {
    if (phase_ != JobPhase::evaluating || attempt != attempt_) return {};
    started_ = {};
    auto actions = end(JobStatus::failed, now, std::move(reason));
    actions.insert(actions.begin(), {JobAction::discard});
    return actions;
}

/// The start failed for a reason that passes, such as a full disk: from the beginning, in a while.
JobActions JobLifecycle::give_back() {
    phase_ = JobPhase::queued;
    started_ = {};
    is_at_work_ = false;
    awaits_retry_ = true;
    return {{JobAction::discard}, {JobAction::free_place}, {JobAction::retry}};
}

JobActions JobLifecycle::part_finished(std::size_t part, WallTime now) {
    if (phase_ != JobPhase::running && phase_ != JobPhase::cancelling) return {};
    if (!waits_for_[part] || !has_heard(part)) return {};
    return end(phase_ == JobPhase::cancelling ? JobStatus::cancelled : JobStatus::completed, now);
}

JobActions JobLifecycle::cancel(WallTime now) {
    switch (phase_) {
        case JobPhase::scheduled:
        case JobPhase::queued:
        case JobPhase::evaluating:
        case JobPhase::approval: {
            JobActions actions{{JobAction::leave}};
            if (phase_ == JobPhase::evaluating || phase_ == JobPhase::approval)
                actions.push_back({JobAction::discard});
            if (std::exchange(is_at_work_, false)) actions.push_back({JobAction::free_place});
            started_ = {};
            is_unstarted_ = true;
            actions.push_back(end(JobStatus::cancelled, now).front());
            return actions;
        }
        case JobPhase::running: {
            JobAction write{JobAction::write, JobWrite::cancel};
            write.record.status = JobStatus::running;
            write.record.is_cancelling = true;
            write.record.started = started_;
            return {std::move(write)};
        }
        case JobPhase::starting:
        case JobPhase::cancelling:
        case JobPhase::ending:
        case JobPhase::ended:
            break;
    }
    return {};
}

JobActions JobLifecycle::written(JobWrite step, bool is_durable, bool is_due) {
    switch (step) {
        case JobWrite::start:
            if (phase_ != JobPhase::starting) return {};
            if (!is_durable) return give_back();
            phase_ = JobPhase::running;
            wait_for_all();
            return {{JobAction::begin}};
        case JobWrite::cancel:
            // The last part may have finished meanwhile; the job then ends as it would have.
            if (phase_ != JobPhase::running || !is_durable) return {};
            phase_ = JobPhase::cancelling;
            return {{JobAction::cancel}};
        case JobWrite::end:
            break;
    }
    if (phase_ != JobPhase::ending) return {};
    if (is_durable) {
        phase_ = JobPhase::ended;
        if (std::exchange(is_at_work_, false)) return {{JobAction::free_place}, {JobAction::finish}};
        return {{JobAction::finish}};
    }
    if (!std::exchange(is_unstarted_, false)) {
        awaits_retry_ = true;
        return {{JobAction::retry}};
    }
    phase_ = JobPhase::queued;
    return place(is_due);
}

JobActions JobLifecycle::retry(WallTime now, bool is_due) {
    if (!std::exchange(awaits_retry_, false)) return {};
    if (phase_ == JobPhase::queued) return place(is_due);
    if (phase_ == JobPhase::ending) return {write_end(now)};
    return {};
}

JobActions JobLifecycle::end(JobStatus status, WallTime now, std::string failure_reason) {
    phase_ = JobPhase::ending;
    awaits_retry_ = false;
    end_status_ = status;
    failure_reason_ = std::move(failure_reason);
    return {write_end(now)};
}

JobAction JobLifecycle::write_end(WallTime now) const {
    JobAction write{JobAction::write, JobWrite::end};
    write.record.status = end_status_;
    write.record.started = started_;
    write.record.ended = now;
    write.record.failure_reason = failure_reason_;
    return write;
}

}  // namespace carillon
