#pragma once

#include "core/shard.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <vector>

namespace carillon {

/// Bounds of the event log; whichever is reached first removes the oldest messages.
struct TelemetryLimits {
    std::uint64_t bytes_max = 1024ULL * 1024 * 1024;  ///< Of one partition.
    std::int64_t age_max_s = 24 * 3600;               ///< The service's default retention, 1 day.
};

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
    struct Partition {
        std::uint32_t number = 0;
        std::uint64_t first = 0;  ///< Sequence number of the oldest message kept.
        std::uint64_t next = 0;
        std::uint64_t bytes = 0;
    };
    Shard& shard_;
    TelemetryLimits limits_;
    std::vector<Partition> partitions_;
};

}  // namespace carillon
