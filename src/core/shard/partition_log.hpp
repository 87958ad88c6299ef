#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/shard/partition_head.hpp"
#include "core/shard/telemetry_limits.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace carillon {

class Batch;
class Shard;

/// The key of an event in `Table::events`; docs/storage.md.
std::string event_key(std::uint32_t partition, std::uint64_t sequence);

/// One partition of an event log: events in the order in which they were put, kept in the store, oldest
/// removed. Keys: docs/storage.md. Lives on its shard's thread, and is told of the end of each of the shard's
/// batches.
class PartitionLog {
public:
    /// `shard` outlives it. `number` is that of the keys.
    PartitionLog(Shard& shard, std::uint32_t number, const TelemetryLimits& limits);

    /// Finds where the log ends. Before anything is put. Fails with `store_failed`.
    Result<> load();
    /// Appends an encoded message to the batch being gathered. Messages come in the order of their times.
    void put(WallTime enqueued, std::string encoded);
    /// Removes what is too old. What is over the limit of bytes goes as it comes.
    void trim(WallTime now);
    /// A batch of the shard's has become durable, or was taken back. Before anybody is told of it.
    void settle(std::uint64_t batch, bool is_durable);
    void set_limits(const TelemetryLimits& limits) { limits_ = limits; }

    std::uint32_t number() const { return number_; }
    /// That of the next event.
    std::uint64_t next() const { return next_; }
    /// How far it reaches; for any thread.
    std::shared_ptr<PartitionHead> head() const { return head_; }
    /// A place at or before the first event that was enqueued at `time` or later, and no more than a run
    /// before it. Where the clock has jumped, about that.
    std::uint64_t find_time(WallTime time) const;

    /// The number of the first partition at or behind `first` of which anything is stored; nothing if there
    /// is none. Fails with `store_failed`.
    static Result<std::optional<std::uint32_t>> find_stored(Shard& shard, std::uint32_t first);
    /// Removes what is stored of the partitions from `first` to before `end`, for good.
    static void erase(Batch& batch, std::uint32_t first, std::uint32_t end);

private:
    /// Where a run of messages begins; stored, so that a start need not read the log, and so that
    /// whole runs are removed at once.
    struct Mark {
        std::uint64_t sequence = 0;
        WallTime enqueued;        ///< Of its first message; of the last one before it while it has none.
        std::uint64_t bytes = 0;  ///< Of the run that begins here.
    };
    /// What the partition will be once a batch is durable.
    struct Staged {
        std::uint64_t batch = 0;
        PartitionExtent extent;
        std::uint64_t removed = 0;
        std::uint64_t bytes = 0;  ///< Added in this batch.
        std::size_t marks = 0;    ///< The same.
    };
    PartitionExtent extent() const;
    Staged& stage();
    void note(WallTime enqueued, std::uint64_t bytes);
    void begin_run(WallTime enqueued);
    void take_back();

    Shard& shard_;
    std::uint32_t number_;
    TelemetryLimits limits_;
    std::uint64_t next_ = 0;  ///< Sequence number of the next message.
    std::uint64_t bytes_ = 0;
    WallTime last_enqueued_;
    std::deque<Mark> marks_;  ///< Bound: TelemetryLimits::bytes_max in runs.
    /// All below it was removed since the start; 0 at first, so that the store learns of what an earlier
    /// process removed, and frees it.
    std::uint64_t removed_ = 0;
    Staged durable_;
    std::deque<Staged> staged_;  ///< Of the batch under way and of the one being gathered. Bound: two.
    std::shared_ptr<PartitionHead> head_ = std::make_shared<PartitionHead>();
};

}  // namespace carillon
