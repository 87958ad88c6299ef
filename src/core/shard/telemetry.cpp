#include "core/shard/telemetry.hpp"

#include "core/shard/placement.hpp"

#include <utility>

namespace carillon {

Telemetry::Telemetry(Shard& shard, TelemetryLimits limits)
    : shard_(shard), limits_(limits), hub_events_(shard, *this) {
    const auto count = event_partition_count(shard.shard_count());
    for (auto number = shard.number(); number < count;
         number += static_cast<std::uint32_t>(shard.shard_count())) {
        partitions_.emplace_back(shard, number, limits);
    }
}

Result<> Telemetry::load() {
    for (auto& partition : partitions_) {
        if (auto loaded = partition.load(); !loaded) return loaded;
    }
    return hub_events_.load();
}

void Telemetry::append(Record& record, Message message, UniqueFunction<void(Result<>)> done) {
    ++shard_.traffic().messages;
    put(record.key.device, std::move(message));
    shard_.committer().on_durable(std::move(done));
}

std::uint32_t Telemetry::number_of(const DeviceId& device) const {
    return static_cast<std::uint32_t>(event_partition(device.str(), shard_.shard_count()));
}

std::uint64_t Telemetry::next_sequence(const DeviceId& device) const {
    return find(number_of(device)).next();
}

void Telemetry::put(const DeviceId& device, Message message) {
    put(partitions_[number_of(device) / shard_.shard_count()], std::move(message));
}

void Telemetry::put(Message message) {
    put(partitions_.front(), std::move(message));
}

void Telemetry::put(PartitionLog& partition, Message message) {
    message.enqueued = shard_.clock().wall_now();
    partition.put(message.enqueued, encode_message(message));
}

void Telemetry::trim() {
    const WallTime now = shard_.clock().wall_now();
    for (auto& partition : partitions_) partition.trim(now);
    for (auto& [number, partition] : further_) partition.trim(now);
}

void Telemetry::settle(std::uint64_t batch, bool is_durable) {
    for (auto& partition : partitions_) partition.settle(batch, is_durable);
    for (auto& [number, partition] : further_) partition.settle(batch, is_durable);
}

Result<> Telemetry::open_log(std::uint32_t first, std::uint32_t end, const TelemetryLimits& limits,
                             LogOrigin origin) {
    for (std::uint32_t number = first; number < end; ++number) {
        const auto [place, is_new] = further_.try_emplace(number, shard_, number, limits);
        place->second.set_limits(limits);
        if (!is_new || origin == LogOrigin::made) continue;
        if (auto loaded = place->second.load(); !loaded) {
            close_log(first, end);
            return loaded;
        }
    }
    return {};
}

void Telemetry::close_log(std::uint32_t first, std::uint32_t end) {
    further_.erase(further_.lower_bound(first), further_.lower_bound(end));
}

PartitionLog* Telemetry::find_log(std::uint32_t number) {
    const auto place = further_.find(number);
    if (place != further_.end()) return &place->second;
    const bool is_own = number / shard_.shard_count() < partitions_.size() &&
                        number % shard_.shard_count() == shard_.number();
    return is_own ? &partitions_[number / shard_.shard_count()] : nullptr;
}

}  // namespace carillon
