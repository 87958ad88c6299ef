#include "core/events/events.hpp"

#include "core/events/routing/message_routing.hpp"
#include "core/shard/telemetry.hpp"

#include <fmt/core.h>

namespace carillon {

Events::Events(Shards& shards)
    : shards_(shards), groups_(shards), routing_(std::make_unique<MessageRouting>(shards, *this)) {}

Events::~Events() = default;

Result<> Events::load() {
    auto loaded = groups_.load();
    return loaded ? routing_->load() : std::move(loaded);
}

std::uint32_t Events::partition_count() const {
    return static_cast<std::uint32_t>(event_partition_count(shards_.count()));
}

Result<> Events::check(std::uint32_t partition) const {
    if (partition < partition_count()) return {};
    return fail(Errc::generic_not_found, fmt::format("There is no partition {}: the hub has 0 to {}.",
                                                     partition, partition_count() - 1));
}

Result<PartitionExtent> Events::extent(std::uint32_t partition) const {
    if (auto checked = check(partition); !checked) return fail(std::move(checked).error());
    return shards_[partition % shards_.count()].telemetry().head(partition)->extent();
}

/// A reader that comes with a number of another hub, or of this one before a backup was restored, would wait
/// for long and then miss what came meanwhile. Words: azure-sdk-for-net, traces of "The supplied offset …".
Result<> Events::check(std::uint32_t partition, const EventStart& start) const {
    const auto reached = extent(partition);
    if (!reached) return fail(reached.error());
    if (start.kind != EventStart::Kind::sequence || start.sequence <= reached->next) return {};
    return fail(Errc::argument_invalid,
                fmt::format("The supplied sequence number '{}' is invalid. The last sequence number in "
                            "partition {} is '{}'.",
                            start.sequence, partition, static_cast<std::int64_t>(reached->next) - 1));
}

Result<std::unique_ptr<PartitionReader>> Events::open(std::uint32_t partition, const EventStart& start) {
    if (auto checked = check(partition, start); !checked) return fail(std::move(checked).error());
    return PartitionReader::open(shards_, *reading_, partition, start, readers_);
}

}  // namespace carillon
