#include "core/events/events.hpp"

#include "core/shard/telemetry.hpp"

#include <fmt/core.h>

namespace carillon {

Events::Events(Shards& shards) : shards_(shards), groups_(shards) {}

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

Result<std::unique_ptr<PartitionReader>> Events::open(std::uint32_t partition, const EventStart& start) {
    if (auto checked = check(partition); !checked) return fail(std::move(checked).error());
    return PartitionReader::open(shards_, *reading_, partition, start, readers_);
}

}  // namespace carillon
