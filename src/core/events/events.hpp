#pragma once

#include "base/result.hpp"
#include "core/events/event_log.hpp"
#include "core/shard/shards.hpp"
#include "core/shard/telemetry.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace carillon {

class MessageRouting;

/// What devices have sent, for those who read it: the partitions of the event log, side by side, the consumer
/// groups, the routes that send it on, and the logs of endpoints. Any thread once the hub runs.
class Events {
public:
    /// `shards` outlives it.
    explicit Events(Shards& shards);
    ~Events();
    /// Where the store is read; not where it is written, so that readers hold up nobody. Before the threads
    /// run.
    void use(StorageExecutor& reading) { reading_.executor = &reading; }
    Result<> load();

    // --- the hub's own log ---------------------------------------------------------------------
    std::uint32_t partition_count() const { return own_.partition_count(); }
    /// Fails with `generic_not_found`.
    Result<PartitionExtent> extent(std::uint32_t partition) const { return own_.extent(partition); }
    /// Fails with `generic_not_found`, with `argument_invalid` for a sequence number beyond the next one,
    /// with `throttling_exception`. What is read comes in the order of its sequence numbers, which have no
    /// gaps. Events that go for their age or the bound on bytes before they are read are passed over.
    Result<std::unique_ptr<PartitionReader>> open(std::uint32_t partition, const EventStart& start) {
        return own_.open(partition, start);
    }
    ConsumerGroups& groups() { return own_.groups(); }
    ReceiverSlots& slots() { return own_.slots(); }

    // --- all logs ------------------------------------------------------------------------------
    EventLog& own() { return own_; }
    std::size_t readers() const { return reading_.readers->load(std::memory_order_relaxed); }
    /// That of an endpoint, by its name in any case; null if it has none.
    std::shared_ptr<EventLog> find_log(std::string_view endpoint) const;
    /// Makes the log of an endpoint, or gives one that is there other limits. On the first shard's thread, or
    /// before the threads run. Fails with `store_failed`.
    Result<> open_log(std::string_view endpoint, std::uint32_t number, const TelemetryLimits& limits,
                      Telemetry::LogOrigin origin);
    /// Nobody finds it any more. The same.
    void close_log(std::string_view endpoint);

    MessageRouting& routing() { return *routing_; }

private:
    Shards& shards_;
    EventReading reading_;
    EventLog own_;
    mutable std::mutex mutex_;  ///< Guards `logs_`; held for short looks.
    /// By the endpoint's name in lower case. Bound: RoutingLimits::endpoints_max
    std::map<std::string, std::shared_ptr<EventLog>> logs_;
    std::unique_ptr<MessageRouting> routing_;
};

}  // namespace carillon
