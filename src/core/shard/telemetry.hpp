#pragma once

#include "core/shard/notices/hub_events.hpp"
#include "core/shard/partition_head.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry_limits.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// The key of an event in `Table::events`; docs/storage.md.
std::string event_key(std::uint32_t partition, std::uint64_t sequence);

/// The device-to-cloud messages of one shard's partitions, in the order they were acknowledged, and among
/// them the events that the shard makes itself; kept in the store, oldest removed. Keys: docs/storage.md. Its
/// shard's thread only.
class Telemetry {
public:
    Telemetry(Shard& shard, TelemetryLimits limits);

    /// Finds where the log ends. Before the shard's thread runs.
    Result<> load();
    /// Appends; `done` when it is durable, or with the error that refused it.
    void append(Record& record, Message message, UniqueFunction<void(Result<>)> done);
    /// Appends to the partition of `device`, in the batch being gathered.
    void put(const DeviceId& device, Message message);
    /// The same of a message that is of no device; to the first partition of the shard.
    void put(Message message);
    /// That of the next message of the device.
    std::uint64_t next_sequence(const DeviceId& device) const;
    HubEvents& hub_events() { return hub_events_; }
    /// Removes what is too old; called about once a second. What is over the limit of bytes goes as it comes.
    void trim();
    /// A batch of the shard's has become durable, or was taken back. Before anybody is told of it.
    void settle(std::uint64_t batch, bool is_durable);

    /// How far a partition of this shard reaches; any thread.
    std::shared_ptr<PartitionHead> head(std::uint32_t partition) const;
    /// A place in a partition of this shard at or before its first event that was enqueued at `time` or
    /// later, and no more than a run before it. Where the clock has jumped, about that.
    std::uint64_t find_time(std::uint32_t partition, WallTime time) const;

private:
    /// Where a run of messages begins; stored, so that a start need not read the log, and so that
    /// whole runs are removed at once.
    struct Mark {
        std::uint64_t sequence = 0;
        WallTime enqueued;        ///< Of its first message; of the last one before it while it has none.
        std::uint64_t bytes = 0;  ///< Of the run that begins here.
    };
    /// What a partition will be once a batch is durable.
    struct Staged {
        std::uint64_t batch = 0;
        PartitionExtent extent;
        std::uint64_t removed = 0;
        std::uint64_t bytes = 0;  ///< Added in this batch.
        std::size_t marks = 0;    ///< The same.
    };
    struct Partition {
        std::uint32_t number = 0;
        std::uint64_t next = 0;  ///< Sequence number of the next message.
        std::uint64_t bytes = 0;
        WallTime last_enqueued;
        std::deque<Mark> marks;
        /// All below it was removed since the start; 0 at first, so that the store learns of what an earlier
        /// process removed, and frees it.
        std::uint64_t removed = 0;
        Staged durable;
        std::deque<Staged> staged;  ///< Of the batch under way and of the one being gathered.
        std::shared_ptr<PartitionHead> head = std::make_shared<PartitionHead>();
    };
    Result<> load(Partition& partition);
    void put(Partition& partition, Message message);
    const Partition& find(std::uint32_t number) const { return partitions_[number / shard_.shard_count()]; }
    std::uint32_t number_of(const DeviceId& device) const;
    Staged& stage(Partition& partition);
    void note(Partition& partition, WallTime enqueued, std::uint64_t bytes);
    void begin_run(Partition& partition, WallTime enqueued);
    void trim(Partition& partition, WallTime now);
    static PartitionExtent extent(const Partition& partition);
    static void take_back(Partition& partition);

    Shard& shard_;
    TelemetryLimits limits_;
    std::vector<Partition> partitions_;
    HubEvents hub_events_;
};

}  // namespace carillon
