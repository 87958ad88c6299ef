#pragma once

#include "cluster/shard_map.hpp"
#include "store/postgres/cluster_tables.hpp"

namespace carillon {

/// What the cluster's tables say of shards and nodes. As long as one node owns all lanes, it owns all shards.
ShardMap shard_map_of(const ClusterView& view);

}  // namespace carillon
