#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "core/jobs/job_progress.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace carillon {

class JobEntry;

/// Somebody who follows one job: looks when there is something new, and sleeps in between. Any
/// thread, one at a time; keeps nothing of the hub but the job's entry.
class JobWatcher {
public:
    /// Ours: how many may follow jobs of one hub at a time.
    static constexpr std::size_t count_max = 1024;
    /// How many there are, of one hub.
    using Count = std::shared_ptr<std::atomic<std::size_t>>;

    /// Fails with `throttling_exception`.
    static Result<std::unique_ptr<JobWatcher>> open(std::shared_ptr<JobEntry> entry, Count count);
    ~JobWatcher();
    JobWatcher(const JobWatcher&) = delete;
    JobWatcher& operator=(const JobWatcher&) = delete;

    JobProgress look(TimePoint now, WallTime wall_now) const;
    /// How many follow jobs of the hub.
    std::size_t count() const { return count_->load(std::memory_order_relaxed); }
    /// Calls `wake` once, on any thread, when the job's revision is another than `seen`; whoever asks
    /// again takes back what it asked before. False, and nothing is called, if it already is another.
    /// `wake` must be quick; it is not called after this watcher has gone, but for a call under way.
    bool wake_at_change(JobRevision seen, UniqueFunction<void()> wake);

private:
    JobWatcher(std::shared_ptr<JobEntry> entry, Count count);

    const std::shared_ptr<JobEntry> entry_;
    const Count count_;
    std::uint64_t waiter_ = 0;
};

}  // namespace carillon
