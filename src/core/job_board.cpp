#include "core/job_board.hpp"

#include "base/text.hpp"

#include <fmt/core.h>

namespace carillon {

JobEntry::JobEntry(std::uint64_t number, std::shared_ptr<const JobDefinition> definition, std::size_t parts)
    : number_(number), definition_(std::move(definition)), parts_(parts) {}

JobSnapshot JobEntry::snapshot() const {
    JobSnapshot snapshot;
    snapshot.definition = definition_;
    const std::lock_guard lock(mutex_);
    snapshot.status = status_;
    if (started_.ticks != 0) {
        JobCounts counts;
        for (const auto& part : parts_) counts += part;
        snapshot.counts = counts;
    }
    snapshot.ended = ended_;
    snapshot.failure_reason = failure_reason_;
    return snapshot;
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
    JobCounts counts;
    for (const auto& part : parts_) counts += part;
    return counts;
}

void JobEntry::set_status(JobStatus status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
}

void JobEntry::set_running(WallTime started) {
    const std::lock_guard lock(mutex_);
    status_ = JobStatus::running;
    started_ = started;
}

void JobEntry::set_terminal(const JobRecord& record) {
    const std::lock_guard lock(mutex_);
    status_ = record.status;
    started_ = record.started;
    ended_ = record.ended;
    failure_reason_ = record.failure_reason;
    if (record.counts) {
        parts_.assign(1, *record.counts);
        parts_.shrink_to_fit();
    }
}

void JobEntry::publish(std::size_t part, const JobCounts& counts) {
    const std::lock_guard lock(mutex_);
    if (part < parts_.size() && !is_terminal(status_)) parts_[part] = counts;
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

Jobs::ListPage JobBoard::list(const Jobs::Filter& filter, std::string_view position,
                              std::size_t page_size) const {
    Jobs::ListPage page;
    if (filter.nothing) return page;
    std::uint64_t last = 0;
    const auto visit = [&](const std::shared_ptr<JobEntry>& entry) {
        auto job = entry->snapshot();
        if (filter.type && *filter.type != job.definition->type) return true;
        if (filter.status && *filter.status != job.status) return true;
        if (page.jobs.size() == page_size) {  // One more exists, so there is a next page.
            page.position = fmt::format("{}", last);
            return false;
        }
        last = entry->number();
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
