#include "store/reclaimer.hpp"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace carillon {
namespace {

constexpr std::chrono::milliseconds between_looks{200};
/// Files are merged when a quarter of what they hold beside it was removed.
constexpr std::uint64_t live_parts = 4;

}  // namespace

Reclaimer::Reclaimer(rocksdb::DB& db, rocksdb::ColumnFamilyHandle& table, std::uint64_t idle_bytes)
    : db_(db), table_(table), idle_bytes_(idle_bytes), thread_([this] { run(); }) {}

Reclaimer::~Reclaimer() {
    ends_ = true;
    {
        const std::lock_guard lock(mutex_);  // So that the thread is not about to wait.
    }
    changed_.notify_all();
    thread_.join();
}

void Reclaimer::removed(std::string_view from, std::string_view to) {
    const std::lock_guard lock(mutex_);
    ranges_.add(from, to);
    has_news_ = true;
}

void Reclaimer::run() {
    bool owes_merge = false;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, between_looks, [this] { return ends_.load(); })) {
        // Files cannot be removed while they are merged, so that waits until nothing is removed any more:
        // while messages come, what they go into is merged anyway.
        const bool is_quiet = !std::exchange(has_news_, false);
        if (is_quiet && !owes_merge) continue;
        const RemovedRanges ranges = ranges_;
        lock.unlock();
        const bool is_done = reclaim(ranges, is_quiet ? Merging::where_worth_it : Merging::none);
        lock.lock();
        owes_merge = !is_quiet || !is_done;
    }
}

bool Reclaimer::reclaim(const RemovedRanges& ranges, Merging merging) {
    std::vector<rocksdb::Slice> ends;
    for (const auto& [from, to] : ranges.all()) ends.insert(ends.end(), {from, to});
    std::vector<rocksdb::RangePtr> files;
    std::vector<rocksdb::Range> sizes;
    for (std::size_t i = 0; i < ends.size(); i += 2) {
        files.emplace_back(&ends[i], &ends[i + 1]);
        sizes.emplace_back(ends[i], ends[i + 1]);
    }
    if (!rocksdb::DeleteFilesInRanges(&db_, &table_, files.data(), files.size(), false).ok()) return false;

    if (merging == Merging::none) return true;

    std::vector<std::uint64_t> bytes(sizes.size());
    if (!db_.GetApproximateSizes(&table_, sizes.data(), static_cast<int>(sizes.size()), bytes.data()).ok()) {
        return false;
    }
    std::uint64_t all = 0;
    if (!db_.GetIntProperty(&table_, rocksdb::DB::Properties::kLiveSstFilesSize, &all)) return false;
    std::uint64_t idle = 0;
    for (const std::uint64_t size : bytes) idle += size;
    idle = std::min(idle, all);
    if (idle < idle_bytes_ || idle < (all - idle) / live_parts) return true;
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.canceled = &ends_;
    return db_.CompactRange(options, &table_, &ends.front(), &ends.back()).ok();
}

}  // namespace carillon
