#include "core/events/event_log.hpp"

#include "core/shard/shards.hpp"
#include "core/shard/telemetry.hpp"

#include <fmt/core.h>
#include <utility>

namespace carillon {

namespace {

/// Partitions of a log; a hub has at most `shards_max` of each.
constexpr unsigned log_shift = 16;

}  // namespace

std::uint32_t EventLog::stored_number(std::uint32_t number, std::uint32_t partition) {
    return number << log_shift | partition;
}

std::pair<std::uint32_t, std::uint32_t> EventLog::stored_numbers(std::uint32_t number) {
    const std::uint32_t first = stored_number(number, 0);
    return {first, first + (1U << log_shift) - 1};
}

void EventLog::close() {
    is_closed_.store(true, std::memory_order_relaxed);
    slots_.oust_all();
}

void EventLog::erase(Batch& batch, std::uint32_t number) {
    const auto [first, end] = stored_numbers(number);
    PartitionLog::erase(batch, first, end);
    ConsumerGroups::erase(batch, number);
}

Result<std::vector<std::uint32_t>> EventLog::stored_logs(Shards& shards) {
    std::vector<std::uint32_t> logs;
    for (std::uint32_t number = built_in + 1; number <= number_max; number = logs.back() + 1) {
        const auto found = PartitionLog::find_stored(shards.first(), stored_number(number, 0));
        if (!found) return fail(found.error());
        if (!*found) break;
        logs.push_back(**found >> log_shift);
    }
    return logs;
}

EventLog::EventLog(Shards& shards, const EventReading& reading, std::uint32_t number)
    : shards_(shards), reading_(reading), number_(number), groups_(shards, number) {
    const auto count = static_cast<std::uint32_t>(event_partition_count(shards.count()));
    for (std::uint32_t partition = 0; partition < count; ++partition) {
        Shard& shard = number == built_in ? shards[partition % shards.count()] : shards.first();
        const PartitionLog* const part = shard.telemetry().find_log(stored_number(number, partition));
        CARILLON_ASSERT(part != nullptr);  // Whoever makes this has opened it.
        heads_.push_back(part->head());
    }
}

Result<> EventLog::load() {
    return groups_.load();
}

std::uint32_t EventLog::partition_count() const {
    return static_cast<std::uint32_t>(heads_.size());
}

Result<> EventLog::check(std::uint32_t partition) const {
    if (partition < heads_.size()) return {};
    return fail(Errc::generic_not_found, fmt::format("There is no partition {}: the hub has 0 to {}.",
                                                     partition, partition_count() - 1));
}

Result<PartitionExtent> EventLog::extent(std::uint32_t partition) const {
    if (auto checked = check(partition); !checked) return fail(std::move(checked).error());
    return heads_[partition]->extent();
}

Result<std::unique_ptr<PartitionReader>> EventLog::open(std::uint32_t partition,
                                                        const EventStart& start) const {
    const auto reached = extent(partition);
    if (!reached) return fail(reached.error());
    // A reader that comes with a number of another hub, or of this one before a backup was restored, would
    // wait for long and then miss what came meanwhile. Words: azure-sdk-for-net, traces of "The supplied
    // offset …".
    if (start.kind == EventStart::Kind::sequence && start.sequence > reached->next) {
        return fail(Errc::argument_invalid,
                    fmt::format("The supplied sequence number '{}' is invalid. The last sequence number in "
                                "partition {} is '{}'.",
                                start.sequence, partition, static_cast<std::int64_t>(reached->next) - 1));
    }
    Shard& shard = number_ == built_in ? shards_[partition % shards_.count()] : shards_.first();
    return PartitionReader::open(
        {shards_, shard, *reading_.executor, heads_[partition], stored_number(number_, partition), partition},
        start, reading_.readers);
}

}  // namespace carillon
