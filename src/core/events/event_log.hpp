#pragma once

#include "base/result.hpp"
#include "core/events/consumer_groups.hpp"
#include "core/events/event_start.hpp"
#include "core/events/partition_reader.hpp"
#include "core/events/receiver_slots.hpp"
#include "core/shard/partition_head.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

class PartitionLog;
class Shards;

/// Where logs are read, and how many read; one for all logs of a hub.
struct EventReading {
    StorageExecutor* executor = nullptr;
    PartitionReader::Count readers = std::make_shared<std::atomic<std::size_t>>(0);
};

/// A log of events as its readers see it: the hub's own or that of an endpoint. It has partitions, as many as
/// the hub's own has, consumer groups, and readers that keep each other out. Any thread once the hub runs.
class EventLog {
public:
    /// The hub's own. Each partition is on the shard of its devices.
    static constexpr std::uint32_t built_in = 0;
    /// Ours: logs of endpoints that a hub makes in its life. A number is not given twice, as what is removed
    /// of a log is removed for good.
    static constexpr std::uint32_t number_max = 0xFFFF;

    /// Both outlive it. Those of endpoints are on the first shard, which has opened them.
    EventLog(Shards& shards, const EventReading& reading, std::uint32_t number);
    /// Before the threads run, or for a log that is new. Fails with `store_failed`.
    Result<> load();

    std::uint32_t number() const { return number_; }
    std::uint32_t partition_count() const;
    /// Fails with `generic_not_found`.
    Result<PartitionExtent> extent(std::uint32_t partition) const;
    /// As `Events::open`.
    Result<std::unique_ptr<PartitionReader>> open(std::uint32_t partition, const EventStart& start) const;

    /// The endpoint has been deleted: ends its readers over AMQP; those over REST look themselves.
    void close();
    bool is_closed() const { return is_closed_.load(std::memory_order_relaxed); }

    ConsumerGroups& groups() { return groups_; }
    ReceiverSlots& slots() { return slots_; }

    /// The numbers under which the store has the partitions of a log: from the first to before the second.
    static std::pair<std::uint32_t, std::uint32_t> stored_numbers(std::uint32_t number);
    static std::uint32_t stored_number(std::uint32_t number, std::uint32_t partition);
    /// Removes what is stored of a log and its consumer groups.
    static void erase(Batch& batch, std::uint32_t number);
    /// The logs of endpoints of which something is stored. Fails with `store_failed`.
    static Result<std::vector<std::uint32_t>> stored_logs(Shards& shards);

private:
    Result<> check(std::uint32_t partition) const;

    Shards& shards_;
    const EventReading& reading_;
    const std::uint32_t number_;
    std::vector<std::shared_ptr<PartitionHead>> heads_;  ///< By partition. Bound: fixed.
    ConsumerGroups groups_;
    ReceiverSlots slots_;
    std::atomic<bool> is_closed_ = false;
};

}  // namespace carillon
