#pragma once

#include "base/result.hpp"
#include "core/events/consumer_groups.hpp"
#include "core/events/partition_reader.hpp"
#include "core/events/receiver_slots.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <memory>

namespace carillon {

class MessageRouting;

/// What devices have sent, for those who read it: the partitions of the event log, side by side, the consumer
/// groups, and the routes that send it on. Any thread once the hub runs.
class Events {
public:
    /// `shards` outlives it.
    explicit Events(Shards& shards);
    ~Events();
    /// Where the store is read; not where it is written, so that readers hold up nobody. Before the threads
    /// run.
    void use(StorageExecutor& reading) { reading_ = &reading; }
    Result<> load();

    std::uint32_t partition_count() const;
    /// Fails with `generic_not_found`.
    Result<PartitionExtent> extent(std::uint32_t partition) const;
    /// Fails with `generic_not_found`, with `argument_invalid` for a sequence number beyond the next one,
    /// with `throttling_exception`. What is read comes in the order of its sequence numbers, which have no
    /// gaps. Events that go for their age or the bound on bytes before they are read are passed over.
    Result<std::unique_ptr<PartitionReader>> open(std::uint32_t partition, const EventStart& start);
    std::size_t readers() const { return readers_->load(std::memory_order_relaxed); }

    ConsumerGroups& groups() { return groups_; }
    ReceiverSlots& slots() { return slots_; }
    MessageRouting& routing() { return *routing_; }

private:
    Result<> check(std::uint32_t partition) const;
    Result<> check(std::uint32_t partition, const EventStart& start) const;

    Shards& shards_;
    StorageExecutor* reading_ = nullptr;
    ConsumerGroups groups_;
    ReceiverSlots slots_;
    PartitionReader::Count readers_ = std::make_shared<std::atomic<std::size_t>>(0);
    std::unique_ptr<MessageRouting> routing_;
};

}  // namespace carillon
