#include "server/cluster/node_map.hpp"

#include "core/shard/placement.hpp"

#include <algorithm>

namespace carillon {

ShardMap shard_map_of(const ClusterView& view) {
    ShardMap map;
    // Epochs only rise, and all rows are of one moment.
    for (const LaneRow& row : view.lanes) map.revision += row.lane.epoch;
    const ShardMap::Place place{view.owner().node, view.owner().number, view.lanes.front().lane.epoch};
    map.shards.assign(std::min(view.shard_count, shards_max), place);
    for (const NodeRow& node : view.nodes) {
        if (node.is_live())
            map.nodes.push_back({node.incarnation.node, node.incarnation.number, node.address});
    }
    return map;
}

}  // namespace carillon
