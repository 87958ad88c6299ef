#include "core/jobs/job_watcher.hpp"

#include "core/jobs/job_board.hpp"

#include <utility>

namespace carillon {

JobWatcher::JobWatcher(std::shared_ptr<JobEntry> entry, Count count)
    : entry_(std::move(entry)), count_(std::move(count)) {}

Result<std::unique_ptr<JobWatcher>> JobWatcher::open(std::shared_ptr<JobEntry> entry, Count count) {
    if (count->fetch_add(1, std::memory_order_relaxed) >= count_max) {
        count->fetch_sub(1, std::memory_order_relaxed);
        return fail(Errc::throttling_exception, "Too many clients follow jobs of this hub.");
    }
    return std::unique_ptr<JobWatcher>(new JobWatcher(std::move(entry), std::move(count)));
}

JobWatcher::~JobWatcher() {
    if (waiter_ != 0) entry_->forget(waiter_);
    count_->fetch_sub(1, std::memory_order_relaxed);
}

JobProgress JobWatcher::look(TimePoint now, WallTime wall_now) const {
    return entry_->progress(now, wall_now);
}

bool JobWatcher::wake_at_change(JobRevision seen, UniqueFunction<void()> wake) {
    if (waiter_ != 0) entry_->forget(std::exchange(waiter_, 0));
    waiter_ = entry_->wake_at_change(seen, std::move(wake));
    return waiter_ != 0;
}

}  // namespace carillon
