#pragma once

#include "cluster/shard_map.hpp"
#include "store/postgres/cluster_tables.hpp"

namespace carillon {

/// What the cluster's tables say of shards and nodes. In tables older than format 3, who owns the lanes owns
/// all shards.
ShardMap shard_map_of(const ClusterView& view);

}  // namespace carillon
