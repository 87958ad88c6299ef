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
    /// Removes what is over the limits; called about once a second.
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
    };
    Result<> load(Partition& partition);
    void note(Partition& partition, WallTime enqueued, std::uint64_t bytes);

    Shard& shard_;
    TelemetryLimits limits_;
    std::vector<Partition> partitions_;
};

}  // namespace carillon
