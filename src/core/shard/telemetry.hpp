#pragma once

#include "core/shard/shard.hpp"
#include "core/shard/telemetry_limits.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace carillon {

/// The device-to-cloud messages of one shard's partitions, in the order they were acknowledged;
/// kept in the store, oldest removed. Keys: docs/storage.md. Its shard's thread only.
class Telemetry {
public:
    Telemetry(Shard& shard, TelemetryLimits limits);

    /// Finds where the log ends. Before the shard's thread runs.
    Result<> load();
    /// Appends; `done` when it is durable, or with the error that refused it.
    void append(Record& record, Message message, UniqueFunction<void(Result<>)> done);
    /// Removes what is too old; called about once a second. What is over the limit of bytes goes as it comes.
    void trim();

private:
    /// Where a run of messages begins; stored, so that a start need not read the log, and so that
    /// whole runs are removed at once.
    struct Mark {
        std::uint64_t sequence = 0;
        WallTime enqueued;
        std::uint64_t bytes = 0;  ///< Of the run that begins here.
    };
    struct Partition {
        std::uint32_t number = 0;
        std::uint64_t next = 0;  ///< Sequence number of the next message.
        std::uint64_t bytes = 0;
        std::deque<Mark> marks;
        /// All below it was removed since the start; 0 at first, so that the store learns of what an earlier
        /// process removed, and frees it.
        std::uint64_t removed = 0;
    };
    Result<> load(Partition& partition);
    void note(Partition& partition, WallTime enqueued, std::uint64_t bytes);
    void trim(Partition& partition, WallTime now);

    Shard& shard_;
    TelemetryLimits limits_;
    std::vector<Partition> partitions_;
};

}  // namespace carillon
