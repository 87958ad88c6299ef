#include "server/cluster/node_map.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

NodeRow node_row(const std::string& node, std::int64_t number, const std::string& state) {
    NodeRow row;
    row.incarnation = {node, number};
    row.state = state;
    row.address = "10.0.0." + std::to_string(number);
    return row;
}

/// n1 owns two lanes and beats; an earlier start of n2 is dead.
ClusterView view_of_two() {
    ClusterView view;
    view.nodes = {node_row("n1", 3, "live"), node_row("n2", 1, "dead"), node_row("n2", 2, "live")};
    view.lanes = {{{0, 4, 10}, {"n1", 3}}, {{1, 5, 7}, {"n1", 3}}};
    view.shard_count = 4;
    return view;
}

TEST(NodeMap, TheOwnerOfAllLanesOwnsEachShardOfTheHub) {
    const ShardMap map = shard_map_of(view_of_two());
    ASSERT_EQ(map.shards.size(), 4U);
    EXPECT_EQ(map.shards[3], (ShardMap::Place{"n1", 3, 4}));
    EXPECT_EQ(map.nodes, (std::vector<ShardMap::Node>{{"n1", 3, "10.0.0.3"}, {"n2", 2, "10.0.0.2"}}));
    ASSERT_NE(map.find_owner(3), nullptr);
    EXPECT_EQ(map.find_owner(3)->address, "10.0.0.3");
    EXPECT_EQ(map.find_owner(4), nullptr) << "the hub has no such shard";
    EXPECT_EQ(map.count_owned("n1", 3), 4U);
    EXPECT_EQ(map.count_owned("n1", 2), 0U) << "another start";
    EXPECT_EQ(map.count_owned("n2", 2), 0U);
}

TEST(NodeMap, WhoDoesNotLiveOwnsNothing) {
    ClusterView view = view_of_two();
    view.nodes.front().state = "dead";
    const ShardMap map = shard_map_of(view);
    EXPECT_EQ(map.find_owner(0), nullptr);
    EXPECT_EQ(map.shards.front().node, "n1") << "its row names it until another one claims it";
}

TEST(NodeMap, ARevisionRisesWithEachEpoch) {
    ClusterView view = view_of_two();
    const auto before = shard_map_of(view).revision;
    ++view.lanes.back().lane.epoch;
    EXPECT_EQ(shard_map_of(view).revision, before + 1);
    ++view.lanes.front().lane.seq;
    EXPECT_EQ(shard_map_of(view).revision, before + 1) << "a commit changes no owner";
}

TEST(NodeMap, BeforeAHubIsMadeThereAreNoShards) {
    ClusterView view = view_of_two();
    view.shard_count = 0;
    EXPECT_TRUE(shard_map_of(view).shards.empty());
    EXPECT_EQ(shard_map_of(view).find_owner(0), nullptr);
}

}  // namespace
}  // namespace carillon
