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

/// n1 owns two shards of which the hub has one, and beats, n2 owns another; an earlier start of n2 is dead.
ClusterView view_of_two() {
    ClusterView view;
    view.nodes = {node_row("n1", 3, "live"), node_row("n2", 1, "dead"), node_row("n2", 2, "live")};
    constexpr auto shard = PgFence::Kind::shard;
    view.fences = {
        {{shard, 0, 4, 10}, {"n1", 3}}, {{shard, 1, 5, 7}, {"n2", 2}}, {{shard, 2, 6, 0}, {"n1", 3}}};
    view.shard_count = 2;
    return view;
}

TEST(NodeMap, EachShardOfTheHubIsItsOwners) {
    const ShardMap map = shard_map_of(view_of_two());
    EXPECT_EQ(map.shards, (std::vector<ShardMap::Place>{{"n1", 3, 4}, {"n2", 2, 5}}));
    EXPECT_EQ(map.nodes, (std::vector<ShardMap::Node>{{"n1", 3, "10.0.0.3"}, {"n2", 2, "10.0.0.2"}}));
    ASSERT_NE(map.find_owner(1), nullptr);
    EXPECT_EQ(map.find_owner(1)->address, "10.0.0.2");
    EXPECT_EQ(map.find_owner(2), nullptr) << "the hub has no such shard";
    EXPECT_EQ(map.count_owned("n1", 3), 1U);
    EXPECT_EQ(map.count_owned("n1", 2), 0U) << "another start";
}

TEST(NodeMap, InOlderTablesTheOwnerOfTheLanesOwnsEachShard) {
    ClusterView view = view_of_two();
    constexpr auto lane = PgFence::Kind::lane;
    view.fences = {{{lane, 0, 4, 10}, {"n1", 3}}, {{lane, 1, 5, 7}, {"n1", 3}}};
    view.shard_count = 4;
    const ShardMap map = shard_map_of(view);
    ASSERT_EQ(map.shards.size(), 4U);
    EXPECT_EQ(map.shards[3], (ShardMap::Place{"n1", 3, 4}));
    view.shard_count = std::size_t{1} << 40;
    EXPECT_EQ(shard_map_of(view).shards.size(), PgStore::shards_in_table) << "nobody believes such a row";
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
    ++view.fences.back().fence.epoch;
    EXPECT_EQ(shard_map_of(view).revision, before + 1);
    ++view.fences.front().fence.seq;
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
