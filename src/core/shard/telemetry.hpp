#pragma once

#include "core/shard/notices/hub_events.hpp"
#include "core/shard/partition_log.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry_limits.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

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
    std::shared_ptr<PartitionHead> head(std::uint32_t partition) const { return find(partition).head(); }

    /// Whether anything of a log may be stored already.
    enum class LogOrigin : std::uint8_t { stored, made };
    /// Keeps partitions of another log on this shard, from `first` to before `end`, and loads what is stored
    /// of them; of those that it has already, sets the limits. Fails with `store_failed`.
    Result<> open_log(std::uint32_t first, std::uint32_t end, const TelemetryLimits& limits,
                      LogOrigin origin);
    /// Forgets them; what is stored stays.
    void close_log(std::uint32_t first, std::uint32_t end);
    /// A partition of this shard, of its own or of such a log; null if there is none.
    PartitionLog* find_log(std::uint32_t number);

private:
    const PartitionLog& find(std::uint32_t number) const {
        return partitions_[number / shard_.shard_count()];
    }
    std::uint32_t number_of(const DeviceId& device) const;
    void put(PartitionLog& partition, Message message);

    Shard& shard_;
    TelemetryLimits limits_;
    std::vector<PartitionLog> partitions_;  ///< Bound: fixed.
    /// By number. Bound: those who open them say how many.
    std::map<std::uint32_t, PartitionLog> further_;
    HubEvents hub_events_;
};

}  // namespace carillon
