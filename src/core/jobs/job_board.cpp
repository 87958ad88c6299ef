#include "core/jobs/job_board.hpp"

#include "base/text.hpp"
#include "core/jobs/job_state.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon {

JobEntry::JobEntry(std::uint64_t number, std::shared_ptr<const JobDefinition> definition, std::size_t parts)
    : number_(number), definition_(std::move(definition)), part_count_(parts) {}

JobSnapshot JobEntry::look() const {
    JobSnapshot snapshot;
    snapshot.definition = definition_;
    snapshot.status = status_;
    if (started_.ticks != 0) snapshot.counts = sum_counts();
    snapshot.ended = ended_;
    snapshot.failure_reason = failure_reason_;
    if (rollout_) snapshot.execution_time_max_s = rollout_->rollout->deadline_s;
    return snapshot;
}

JobCounts JobEntry::sum_counts() const {
    JobCounts counts;
    for (const auto& part : parts_) counts += part.counts;
    return counts;
}

JobTally JobEntry::sum_tally() const {
    JobTally tally;
    for (const auto& part : parts_) tally += part.tally;
    tally.trim();
    return tally;
}

JobRevision JobEntry::revision() const {
    using Phase = JobRevision::Phase;
    JobRevision revision;
    if (is_terminal(status_)) {
        revision.phase = Phase::ended;
    } else if (status_ == JobStatus::running) {
        revision.phase = Phase::running;
        for (const auto& part : parts_) revision.position += part.position;
    }
    if (rollout_ && revision.phase != Phase::ended) revision.position += rollout_->sequence;
    // What waits for an approval was queued before, and a revision only rises.
    else if (status_ == JobStatus::queued || (approval_ && status_ == JobStatus::scheduled)) {
        revision.phase = Phase::queued;
    }
    return revision;
}

JobSnapshot JobEntry::snapshot() const {
    const std::lock_guard lock(mutex_);
    return look();
}

JobStatus JobEntry::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

WallTime JobEntry::started() const {
    const std::lock_guard lock(mutex_);
    return started_;
}

WallTime JobEntry::ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

JobCounts JobEntry::counts() const {
    const std::lock_guard lock(mutex_);
    return sum_counts();
}

JobTally JobEntry::tally() const {
    const std::lock_guard lock(mutex_);
    return sum_tally();
}

JobProgress JobEntry::progress(TimePoint now, WallTime wall_now) const {
    const auto seconds = [](WallTime from, WallTime to) {
        return static_cast<double>(std::max<std::int64_t>(0, to.ticks - from.ticks)) /
               static_cast<double>(WallTime::ticks_per_second);
    };
    JobProgress progress;
    progress.number = number_;
    const std::lock_guard lock(mutex_);
    progress.snapshot = look();
    progress.revision = revision();
    progress.approval = approval_;
    if (rollout_) add_rollout(progress);
    if (started_.ticks == 0) return progress;
    progress.tally = sum_tally();
    progress.has_tally = has_tally_;
    const auto& counts = *progress.snapshot.counts;
    const auto done = counts.succeeded + counts.failed + counts.canceled;
    if (is_terminal(status_)) {
        progress.elapsed_s = seconds(started_, ended_);
        if (*progress.elapsed_s > 0) progress.devices_per_s = static_cast<double>(done) / *progress.elapsed_s;
    } else {
        progress.elapsed_s = seconds(started_, wall_now);
        progress.devices_per_s = meter_.rate(now, done);
    }
    return progress;
}

void JobEntry::add_rollout(JobProgress& progress) const {
    progress.rollout = rollout_;
    progress.waves.resize(std::max<std::size_t>(1, rollout_->waves.size()));
    std::uint64_t backing_off = 0;
    std::uint64_t offline = 0;
    std::uint64_t window = 0;
    std::uint64_t budget = 0;
    bool is_held = false;
    for (const auto& share : shares_) {
        for (std::size_t i = 0; i < share.waves.size() && i < progress.waves.size(); ++i) {
            progress.waves[i] += share.waves[i];
        }
        progress.attempts += share.attempts;
        backing_off += share.backing_off;
        offline += share.waits_offline;
        window += share.waits_window;
        budget += share.waits_budget;
        is_held |= share.is_held_by_budget;
    }
    const auto& counts = progress.snapshot.counts;
    if (!counts || is_terminal(status_)) return;
    // The first reason that applies, in this order.
    auto left = counts->pending;
    const auto take = [&left](std::uint64_t count) {
        const auto taken = std::min(left, count);
        left -= taken;
        return taken;
    };
    auto& held = progress.held;
    if (rollout_->pause) {
        held.paused = take(left);
    } else if (rollout_->waits_in_line) {
        held.queue = take(left);
    }
    if (!rollout_->rollout->waves.empty()) {
        std::uint64_t waiting = 0;
        for (std::size_t i = rollout_->open_waves; i < rollout_->waves.size(); ++i) {
            const auto ended = progress.waves[i].ended() + progress.waves[i].canceled;
            waiting += rollout_->waves[i].size - std::min(ended, rollout_->waves[i].size);
        }
        held.wave = take(waiting);
    }
    held.window = take(window);
    held.offline = take(offline);
    held.backoff = take(backing_off);
    held.budget = take(is_held ? left : budget);
    held.pace = take(left);
}

void JobEntry::show(std::shared_ptr<const RolloutView> view) {
    std::unique_lock lock(mutex_);
    rollout_ = std::move(view);
    wake(std::move(lock));
}

void JobEntry::show_approval(std::shared_ptr<const JobApproval> approval) {
    std::unique_lock lock(mutex_);
    approval_ = std::move(approval);
    wake(std::move(lock));
}

void JobEntry::share(std::size_t part, PartShare share) {
    const std::lock_guard lock(mutex_);
    if (is_terminal(status_)) return;
    CARILLON_ASSERT(part < part_count_);
    if (shares_.empty()) shares_.resize(part_count_);
    shares_[part] = std::move(share);
}

WallTime JobEntry::deadline() const {
    const std::lock_guard lock(mutex_);
    return rollout_ ? rollout_->deadline : definition_->deadline();
}

std::uint64_t JobEntry::wake_at_change(JobRevision seen, UniqueFunction<void()> wake) {
    const std::lock_guard lock(mutex_);
    if (revision() != seen) return 0;
    waiters_.push_back({++last_waiter_, std::move(wake)});
    return last_waiter_;
}

void JobEntry::forget(std::uint64_t waiter) {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiters_, [&](const Waiter& held) { return held.number == waiter; });
}

void JobEntry::wake(std::unique_lock<std::mutex> lock) {
    if (waiters_.empty()) return;
    auto waiters = std::exchange(waiters_, {});
    lock.unlock();
    for (auto& waiter : waiters) waiter.wake();
}

void JobEntry::set_status(JobStatus status) {
    std::unique_lock lock(mutex_);
    if (status_ == status) return;
    status_ = status;
    wake(std::move(lock));
}

void JobEntry::set_running(WallTime started) {
    std::unique_lock lock(mutex_);
    status_ = JobStatus::running;
    started_ = started;
    wake(std::move(lock));
}

void JobEntry::set_terminal(const JobRecord& record) {
    std::unique_lock lock(mutex_);
    status_ = record.status;
    started_ = record.started;
    ended_ = record.ended;
    failure_reason_ = record.failure_reason;
    meter_.clear();
    has_tally_ = record.tally.has_value();
    if (record.counts) {
        parts_ = std::vector<Part>(1);
        parts_[0].counts = *record.counts;
        if (record.tally) parts_[0].tally = *record.tally;
    }
    wake(std::move(lock));
}

void JobEntry::publish(std::size_t part, const PartState& state, std::uint64_t position, TimePoint now) {
    std::unique_lock lock(mutex_);
    if (is_terminal(status_)) return;
    CARILLON_ASSERT(part < part_count_);
    if (parts_.empty()) parts_.resize(part_count_);  // A job that waits, perhaps for days, has none.
    parts_[part].counts = state.counts();
    parts_[part].tally = state.tally();
    parts_[part].position = position;
    if (status_ != JobStatus::running) return;  // Nobody sees these counters yet.
    const auto counts = sum_counts();
    meter_.note(now, counts.succeeded + counts.failed + counts.canceled);
    wake(std::move(lock));
}

bool JobBoard::add(const std::shared_ptr<JobEntry>& entry) {
    const std::lock_guard lock(mutex_);
    if (!by_id_.emplace(entry->definition().id, entry).second) return false;
    by_number_.emplace(entry->number(), entry);
    return true;
}

void JobBoard::remove(const JobEntry& entry) {
    const Started started{entry.started().ticks, entry.number()};
    const std::lock_guard lock(mutex_);
    by_start_.erase(started);
    by_number_.erase(entry.number());
    by_id_.erase(entry.definition().id);
}

std::shared_ptr<JobEntry> JobBoard::find(std::string_view id) const {
    const std::string key(id);
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(key);
    return found == by_id_.end() ? nullptr : found->second;
}

std::shared_ptr<JobEntry> JobBoard::find_number(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
}

std::size_t JobBoard::size() const {
    const std::lock_guard lock(mutex_);
    return by_id_.size();
}

void JobBoard::newest_first(std::uint64_t before,
                            const std::function<bool(const std::shared_ptr<JobEntry>&)>& visit) const {
    constexpr std::size_t stretch = 256;
    std::vector<std::shared_ptr<JobEntry>> entries;
    for (;;) {
        entries.clear();
        {
            const std::lock_guard lock(mutex_);
            auto at = by_number_.lower_bound(before);
            while (at != by_number_.begin() && entries.size() < stretch) entries.push_back((--at)->second);
        }
        if (entries.empty()) return;
        for (const auto& entry : entries) {
            if (!visit(entry)) return;
        }
        before = entries.back()->number();
    }
}

JobListPage JobBoard::list(const JobFilter& filter, std::string_view position, std::size_t page_size) const {
    JobListPage page;
    if (filter.nothing) return page;
    std::uint64_t last = 0;
    std::size_t bytes = 0;
    const auto visit = [&](const std::shared_ptr<JobEntry>& entry) {
        auto job = entry->snapshot();
        if (filter.type && *filter.type != job.definition->type) return true;
        if (filter.status && *filter.status != job.status) return true;
        if (page.jobs.size() == page_size ||
            bytes >= job_list_bytes_max) {  // One more exists, so there is a next page.
            page.position = fmt::format("{}", last);
            return false;
        }
        last = entry->number();
        bytes += job_json_bytes(job);
        page.jobs.push_back(std::move(job));
        return true;
    };
    newest_first(parse_u64(position).value_or(UINT64_MAX), visit);
    return page;
}

void JobBoard::add_started(const std::shared_ptr<JobEntry>& entry) {
    const Started started{entry->started().ticks, entry->number()};
    const std::lock_guard lock(mutex_);
    by_start_.emplace(started, entry);
}

std::shared_ptr<JobEntry> JobBoard::next_started(const Started& from) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_start_.lower_bound(from);
    return found == by_start_.end() ? nullptr : found->second;
}

}  // namespace carillon
