#pragma once

#include "base/unique_function.hpp"
#include "core/jobs/job_pages.hpp"
#include "core/jobs/job_progress.hpp"
#include "core/jobs/job_record.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon {

class PartState;

/// A job as every thread may read it. The coordinator writes states, each part its committed
/// counters; whatever is read satisfies `device = pending + running + succeeded + failed + canceled`.
class JobEntry {
public:
    JobEntry(std::uint64_t number, std::shared_ptr<const JobDefinition> definition, std::size_t parts);

    std::uint64_t number() const { return number_; }
    const JobDefinition& definition() const { return *definition_; }
    const std::shared_ptr<const JobDefinition>& shared_definition() const { return definition_; }

    JobSnapshot snapshot() const;
    JobStatus status() const;
    /// When the targets were found; 0 as long as the job is not running.
    WallTime started() const;
    WallTime ended() const;
    /// The sum of the parts' counters.
    JobCounts counts() const;
    /// The sum of what the parts counted by reason.
    JobTally tally() const;
    JobProgress progress(TimePoint now, WallTime wall_now) const;

    /// Calls `wake` once, on whatever thread, as soon as the revision is another than `seen`; it must
    /// be quick and call nothing of the board. Gives 0, and calls nothing, if that is so already, else
    /// what `forget` takes.
    std::uint64_t wake_at_change(JobRevision seen, UniqueFunction<void()> wake);
    void forget(std::uint64_t waiter);

    void set_status(JobStatus status);  ///< queued or scheduled
    void set_running(WallTime started);
    /// Takes a stored terminal state; without counters of its own the record hides the parts'.
    void set_terminal(const JobRecord& record);
    void show_approval(std::shared_ptr<const JobApproval> approval);
    /// Of a job with a rollout: what its coordinator shows, and what a part counts.
    void show(std::shared_ptr<const RolloutView> view);
    void share(std::size_t part, PartShare share);
    /// The deadline, with all changes made since.
    WallTime deadline() const;
    /// `position` is the sequence behind the last event that `state` has taken.
    void publish(std::size_t part, const PartState& state, std::uint64_t position, TimePoint now);

private:
    struct Part {
        JobCounts counts;
        JobTally tally;
        std::uint64_t position = 0;
    };
    void add_rollout(JobProgress& progress) const;
    struct Waiter {
        std::uint64_t number;
        UniqueFunction<void()> wake;
    };
    JobCounts sum_counts() const;
    JobTally sum_tally() const;
    JobRevision revision() const;
    JobSnapshot look() const;
    void wake(std::unique_lock<std::mutex> lock);

    const std::uint64_t number_;
    const std::shared_ptr<const JobDefinition> definition_;
    const std::size_t part_count_;
    mutable std::mutex mutex_;  ///< Guards all below; held for a copy, or to add up the parts.
    JobStatus status_ = JobStatus::queued;
    WallTime started_;
    WallTime ended_;
    std::string failure_reason_;
    std::vector<Part> parts_;  ///< None before the first is published; one once the job has ended.
    bool has_tally_ = true;
    std::shared_ptr<const RolloutView> rollout_;
    std::shared_ptr<const JobApproval> approval_;
    std::vector<PartShare> shares_;  ///< Of a job with a rollout, from its first report on.
    RateMeter meter_;
    std::vector<Waiter> waiters_;
    std::uint64_t last_waiter_ = 0;
};

/// All jobs that are known. Any thread.
class JobBoard {
public:
    /// False if the id is taken.
    bool add(const std::shared_ptr<JobEntry>& entry);
    void remove(const JobEntry& entry);
    std::shared_ptr<JobEntry> find(std::string_view id) const;
    std::shared_ptr<JobEntry> find_number(std::uint64_t number) const;
    std::size_t size() const;

    /// Visits jobs with numbers below `before`, newest first, until `visit` answers false. The lock
    /// is not held during the visits.
    void newest_first(std::uint64_t before,
                      const std::function<bool(const std::shared_ptr<JobEntry>&)>& visit) const;
    /// A page of `newest_first` for a list of jobs.
    JobListPage list(const JobFilter& filter, std::string_view position, std::size_t page_size) const;

    /// Jobs that ran come in the order in which their targets were found.
    using Started = std::pair<std::int64_t, std::uint64_t>;  ///< Ticks, job number.
    void add_started(const std::shared_ptr<JobEntry>& entry);
    /// The first at or after `from`; null at the end.
    std::shared_ptr<JobEntry> next_started(const Started& from) const;

private:
    mutable std::mutex mutex_;  ///< Guards all below; held for a look-up or a stretch of a list.
    std::unordered_map<std::string, std::shared_ptr<JobEntry>> by_id_;
    std::map<std::uint64_t, std::shared_ptr<JobEntry>> by_number_;
    std::map<Started, std::shared_ptr<JobEntry>> by_start_;
};

}  // namespace carillon
