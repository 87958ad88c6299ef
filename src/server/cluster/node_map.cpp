#include "server/cluster/node_map.hpp"

#include "core/shard/placement.hpp"

#include <algorithm>

namespace carillon {

static_assert(shards_max == PgStore::shards_in_table);

ShardMap shard_map_of(const ClusterView& view) {
    ShardMap map;
    // Epochs only rise, and all rows are of one moment. There are more shards than lanes were, and an upgrade
    // gives each the highest epoch of these.
    for (const FenceRow& row : view.fences) map.revision += row.fence.epoch;
    const std::size_t count = std::min(view.shard_count, shards_max);
    const bool is_by_shard = view.fences.front().fence.kind == PgFence::Kind::shard;
    for (std::size_t shard = 0; shard < count; ++shard) {
        if (is_by_shard && shard >= view.fences.size()) break;
        const FenceRow& row = view.fences[is_by_shard ? shard : 0];
        map.shards.push_back({row.owner.node, row.owner.number, row.fence.epoch});
    }
    for (const NodeRow& node : view.nodes) {
        if (node.is_live())
            map.nodes.push_back({node.incarnation.node, node.incarnation.number, node.address});
    }
    return map;
}

}  // namespace carillon
