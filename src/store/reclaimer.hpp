#pragma once

#include "store/removed_ranges.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>

namespace rocksdb {
class DB;
class ColumnFamilyHandle;
}  // namespace rocksdb

namespace carillon {

/// Gives the disk back what ranges of one table held that were removed. RocksDB only notes a removal and
/// frees the space when it happens to merge those files, which may be never. A thread of its own deletes the
/// files that hold nothing else, about a second after the removal, and merges the others when what they hold
/// in vain is more than a share of the rest, once nothing is removed for a moment.
class Reclaimer {
public:
    /// Merges are not worth their while below `idle_bytes`. Database and table outlive this object.
    Reclaimer(rocksdb::DB& db, rocksdb::ColumnFamilyHandle& table, std::uint64_t idle_bytes);
    ~Reclaimer();
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;

    /// [from, to) was removed, on disk, and will not be written again. Safe from any thread.
    void removed(std::string_view from, std::string_view to);

private:
    void run();
    /// False if it is to be tried again.
    enum class Merging { none, where_worth_it };
    bool reclaim(const RemovedRanges& ranges, Merging merging);

    rocksdb::DB& db_;
    rocksdb::ColumnFamilyHandle& table_;
    const std::uint64_t idle_bytes_;
    std::atomic<bool> ends_ = false;
    std::mutex mutex_;  ///< Guards the two below.
    std::condition_variable changed_;
    RemovedRanges ranges_;
    bool has_news_ = false;
    std::thread thread_;
};

}  // namespace carillon
