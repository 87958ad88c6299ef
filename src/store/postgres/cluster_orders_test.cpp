// What operators order a cluster to do, and what it makes of that: handover, drain, lost commits, upgrade.
#include "store/postgres/postgres_testing.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using namespace std::chrono_literals;

class ClusterOrders : public ::testing::Test {
protected:
    void SetUp() override {
        claimed_ = server_.reset();
        server_.run_sql("DELETE FROM carillon.setting WHERE name <> 'format'");
        auto opened = ClusterTables::open(server_.conninfo(), "carillon/test");
        ASSERT_TRUE(opened) << opened.error().detail;
        tables_ = *std::move(opened);
    }
    /// A node that stands by.
    Incarnation standby(const std::string& node) {
        const auto self = tables_->join(node, "");
        EXPECT_TRUE(self);
        return *self;
    }
    ClusterView view() {
        auto seen = tables_->view({});
        EXPECT_TRUE(seen) << seen.error().detail;
        return *std::move(seen);
    }
    static std::string successor_of(const ClusterView& view) {
        const NodeRow* const found = view.successor(5s);
        return found == nullptr ? "" : found->incarnation.node;
    }

    TestPostgres& server_ = TestPostgres::instance();
    TestPostgres::Claimed claimed_;
    std::unique_ptr<ClusterTables> tables_;
};

TEST_F(ClusterOrders, AHandoverGivesAllShardsToANodeThatLivesAndShutsOutTheOwner) {
    auto opened = PgStore::open([&] {
        auto options = TestPostgres::options(claimed_, server_.conninfo());
        options.on_fenced = [](const std::string&) {};
        return options;
    }());
    ASSERT_TRUE(opened);
    Batch batch;
    batch.put(Table::jobs, "a", "x");
    ASSERT_TRUE((*opened)->commit(batch));

    const auto n2 = standby("n2");
    EXPECT_TRUE(*tables_->hand_over(claimed_.self, n2));
    EXPECT_EQ(view().owner(), n2);
    for (const FenceRow& row : view().fences) EXPECT_EQ(row.owner, n2) << row.fence.number;
    EXPECT_FALSE((*opened)->commit(batch)) << "the former owner commits";
    EXPECT_FALSE(*tables_->hand_over(claimed_.self, n2)) << "what it does not own";

    const auto claimed = tables_->claim(n2, {});
    ASSERT_TRUE(claimed);
    EXPECT_EQ(claimed->size(), PgStore::shards_in_table);
}

TEST_F(ClusterOrders, NothingIsHandedOverToANodeThatDoesNotLive) {
    const auto n2 = standby("n2");
    ASSERT_TRUE(tables_->leave(n2));
    EXPECT_FALSE(*tables_->hand_over(claimed_.self, n2));
    EXPECT_FALSE(*tables_->hand_over(claimed_.self, {"n3", 1}));
    EXPECT_EQ(view().owner(), claimed_.self);
}

TEST_F(ClusterOrders, AnOwnerThatIsDrainedHandsOverToOneThatIsNot) {
    EXPECT_FALSE(view().wants_handover());
    ASSERT_TRUE(tables_->set_drained("n1", true));
    EXPECT_TRUE(view().wants_handover());
    EXPECT_EQ(successor_of(view()), "") << "nobody else is there";
    standby("n2");
    ASSERT_TRUE(tables_->set_drained("n2", true));
    EXPECT_EQ(successor_of(view()), "");
    const auto n3 = standby("n3");
    EXPECT_EQ(successor_of(view()), "n3");
    EXPECT_TRUE(view().should_leave_it_to_others({"n2", 1}, 5s));
    EXPECT_FALSE(view().should_leave_it_to_others(n3, 5s)) << "it is not drained";
    ASSERT_TRUE(tables_->leave(n3));
    EXPECT_FALSE(view().should_leave_it_to_others({"n2", 1}, 5s)) << "there is nobody to leave it to";
    ASSERT_TRUE(tables_->set_drained("n1", false));
    EXPECT_FALSE(view().wants_handover());
}

TEST_F(ClusterOrders, ANodeThatHasNotBeatenForLongIsNoSuccessor) {
    standby("n2");
    ASSERT_TRUE(tables_->set_drained("n1", true));
    EXPECT_EQ(successor_of(view()), "n2");
    server_.run_sql("UPDATE carillon.node SET wall = wall - interval '6 s' WHERE id = 'n2'");
    EXPECT_EQ(successor_of(view()), "");
}

TEST_F(ClusterOrders, ANodeThatKeepsDyingLeavesTheHubToOthersForAWhile) {
    const auto die = [this](const Incarnation& node) {
        server_.run_sql("UPDATE carillon.node SET state = 'dead' WHERE id = '" + node.node +
                        "' AND incarnation = " + std::to_string(node.number));
    };
    die(standby("n2"));
    auto n2 = standby("n2");
    const auto n3 = standby("n3");
    EXPECT_EQ(view().find(n2)->recent_ends, 1);
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s)) << "once may happen";
    // Nobody has said yet that this start is dead; its process is gone all the same.
    n2 = standby("n2");
    EXPECT_EQ(view().find(n2)->recent_ends, 2);
    EXPECT_EQ(view().find(n3)->recent_ends, 0);
    EXPECT_TRUE(view().should_leave_it_to_others(n2, 5s));
    EXPECT_FALSE(view().should_leave_it_to_others(n3, 5s));

    ASSERT_TRUE(tables_->set_drained("n1", true));
    server_.run_sql("UPDATE carillon.node SET wall = clock_timestamp() - interval '1 s' WHERE id = 'n3'");
    EXPECT_EQ(successor_of(view()), "n3") << "the other one beat later";
    ASSERT_TRUE(tables_->request_handover({claimed_.self, "n2"}));
    EXPECT_EQ(successor_of(view()), "n2") << "a handover to it was requested";

    // Who is drained is worse.
    ASSERT_TRUE(tables_->set_drained("n3", true));
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s));
    EXPECT_TRUE(view().should_leave_it_to_others(n3, 5s));
    ASSERT_TRUE(tables_->set_drained("n3", false));

    ASSERT_TRUE(tables_->leave(n3));
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s)) << "there is nobody else";
    const auto n3_again = standby("n3");
    EXPECT_EQ(view().find(n3_again)->recent_ends, 0) << "it had ended in order";
    for (int i = 0; i < 2; ++i) die(standby("n4"));
    standby("n4");
    die(n3_again);
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s)) << "the other one dies as well";

    standby("n3");
    EXPECT_TRUE(view().should_leave_it_to_others(n2, 5s));
    server_.run_sql("UPDATE carillon.node SET beat = 19 WHERE id = 'n2' AND state = 'live'");
    EXPECT_TRUE(view().should_leave_it_to_others(n2, 5s));
    server_.run_sql("UPDATE carillon.node SET beat = 20 WHERE id = 'n2' AND state = 'live'");
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s)) << "it lives for long enough";
    n2 = standby("n2");
    EXPECT_TRUE(view().should_leave_it_to_others(n2, 5s));
    server_.run_sql(
        "UPDATE carillon.node SET wall = wall - interval '11 min' WHERE id = 'n2' AND incarnation < " +
        std::to_string(n2.number));
    EXPECT_FALSE(view().should_leave_it_to_others(n2, 5s)) << "that was long ago";
}

TEST(NodeRow, IsHeldBackForLongerTheMoreOftenItHasDied) {
    const auto beats_of = [](std::int64_t ends) {
        NodeRow node;
        node.recent_ends = ends;
        while (node.is_held_back()) ++node.beat;
        return node.beat;
    };
    EXPECT_EQ(beats_of(0), 0);
    EXPECT_EQ(beats_of(1), 0);
    EXPECT_EQ(beats_of(2), 20);
    EXPECT_EQ(beats_of(3), 40);
    EXPECT_EQ(beats_of(5), 160);
    EXPECT_EQ(beats_of(6), 300);
    EXPECT_EQ(beats_of(1000), 300);
}

TEST_F(ClusterOrders, AnOrderToMoveIsForTheOwnerThatWasMeantAndEndsWithIt) {
    standby("n2");
    const auto n3 = standby("n3");
    ASSERT_TRUE(tables_->request_handover({{"n1", claimed_.self.number + 1}, "n3"}));
    EXPECT_FALSE(view().wants_handover()) << "another start of the node";
    ASSERT_TRUE(tables_->request_handover({claimed_.self, "n3"}));
    EXPECT_TRUE(view().wants_handover());
    EXPECT_EQ(successor_of(view()), "n3");
    EXPECT_TRUE(*tables_->hand_over(claimed_.self, n3));
    EXPECT_FALSE(view().handover);
}

TEST_F(ClusterOrders, AnOwnerThatStopsNamesNobody) {
    standby("n2");
    ASSERT_TRUE(tables_->request_handover({claimed_.self, HandoverRequest::any_node}));
    EXPECT_TRUE(view().wants_handover());
    EXPECT_FALSE(view().handover->is_named());
    EXPECT_EQ(successor_of(view()), "n2");
}

TEST_F(ClusterOrders, ALossIsAcceptedForThoseThatHadJoinedByThen) {
    const auto before = tables_->server_time();
    ASSERT_TRUE(before);
    EXPECT_EQ(view().loss_accepted_at, 0);
    ASSERT_TRUE(tables_->accept_loss());
    const auto after = tables_->server_time();
    ASSERT_TRUE(after);
    EXPECT_GT(view().loss_accepted_at, *before);
    EXPECT_LT(view().loss_accepted_at, *after);
}

TEST_F(ClusterOrders, TheHubsShardsAreSeenOnceItIsMade) {
    EXPECT_EQ(view().shard_count, 0U);
    server_.run_sql("INSERT INTO carillon.kv_meta VALUES ('shards', '8'), ('shards2', '16')");
    EXPECT_EQ(view().shard_count, 8U);
}

TEST_F(ClusterOrders, ANodeSaysWhatItIsWithItsBeat) {
    ASSERT_TRUE(tables_->beat(claimed_.self, R"({"role":"active"})", {}));
    EXPECT_EQ(view().find(claimed_.self)->report, R"({"role":"active"})");
    const std::string long_report(ClusterTables::report_bytes_max + 1, 'x');
    EXPECT_TRUE(tables_->beat(claimed_.self, long_report, {})) << "it beats all the same";
    EXPECT_EQ(view().find(claimed_.self)->report, R"({"role":"active"})");
}

TEST_F(ClusterOrders, AnUpgradeIsFinishedWhenNoOlderProgramRuns) {
    // As a program of format 1 has made it, and one of its nodes runs.
    claimed_ = server_.reset_to_lanes();
    server_.run_sql(
        "ALTER TABLE carillon.node DROP COLUMN report; UPDATE carillon.setting SET value = '1' WHERE name = "
        "'format'; DELETE FROM carillon.setting WHERE name = 'program.n1'");
    auto opened = ClusterTables::open(server_.conninfo(), "carillon/test");
    ASSERT_TRUE(opened) << "the older format is worked with";
    ClusterTables& tables = **opened;
    EXPECT_TRUE(tables.beat(claimed_.self, "{}", {}));
    const auto early = tables.finish_upgrade();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, Errc::config_invalid);
    EXPECT_NE(early.error().detail.find("n1"), std::string::npos);

    ASSERT_TRUE(tables.leave(claimed_.self));
    const auto again = tables.join("n1", "");
    ASSERT_TRUE(again);
    ASSERT_TRUE(tables.finish_upgrade());
    EXPECT_EQ(server_.run_sql("SELECT value FROM carillon.setting WHERE name = 'format'"),
              std::to_string(ClusterTables::format));
    EXPECT_TRUE(tables.finish_upgrade()) << "a second time";
    EXPECT_TRUE(tables.beat(*again, "{}", {}));
    const auto seen = tables.view({});
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->find(*again)->report, "{}");
}

class UpgradeToShards : public ClusterOrders {
protected:
    void SetUp() override {
        ClusterOrders::SetUp();
        claimed_ = server_.reset_to_lanes();
        auto opened = ClusterTables::open(server_.conninfo(), "carillon/test");
        ASSERT_TRUE(opened);
        tables_ = *std::move(opened);
        auto options = TestPostgres::options(claimed_, server_.conninfo());
        options.on_fenced = [this](const std::string& reason) { fenced_ = reason; };
        auto store = PgStore::open(std::move(options));
        ASSERT_TRUE(store);
        store_ = *std::move(store);
    }
    bool commit(std::size_t shard, const std::string& key) {
        Batch batch;
        batch.put(Table::jobs, key, "x");
        return store_->of_shard(shard).commit(batch).has_value();
    }
    std::unique_ptr<ClusterTables> opened() {
        auto tables = ClusterTables::open(server_.conninfo(), "carillon/test");
        EXPECT_TRUE(tables);
        return *std::move(tables);
    }

    std::unique_ptr<PgStore> store_;
    std::string fenced_;
};

TEST_F(UpgradeToShards, BeforeItsEndAnyLaneGuardsAnyShard) {
    EXPECT_EQ(claimed_.fences.size(), 8U);
    EXPECT_TRUE(commit(0, "a"));
    EXPECT_TRUE(commit(31, "b"));
    EXPECT_EQ(server_.run_sql("SELECT sum(seq) FROM carillon.lane"), "2");
    EXPECT_EQ(view().fences.size(), 8U);
    EXPECT_TRUE(view().old_lanes.empty());
}

TEST_F(UpgradeToShards, AnOwnerGoesOnByItsLanesUntilAnotherNodeTakesTheHub) {
    ASSERT_TRUE(commit(0, "a"));
    const auto before = opened();  // Knows of no upgrade.
    ASSERT_TRUE(before->view({}));
    ASSERT_TRUE(opened()->finish_upgrade());
    EXPECT_TRUE(commit(1, "b")) << "the hub is served while its tables are upgraded";
    EXPECT_EQ(view().owner(), claimed_.self);
    EXPECT_EQ(view().fences.size(), PgStore::shards_in_table);
    EXPECT_EQ(view().old_lanes.size(), 8U);
    for (const PgFence& lane : store_->acknowledged()) {
        const auto seen = view();
        ASSERT_NE(seen.find(lane), nullptr);
        EXPECT_EQ(seen.find(lane)->fence.seq, lane.seq);
    }

    const auto n2 = standby("n2");
    const auto none = opened()->claim(n2, {});
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty()) << "its owner lives";
    EXPECT_TRUE(commit(2, "c"));
    ASSERT_TRUE(*tables_->kill(claimed_.self, 0));
    const auto stale = before->claim(n2, {});
    ASSERT_TRUE(stale);
    EXPECT_TRUE(stale->empty()) << "who knows of lanes only has taken them";
    const auto taken = opened()->claim(n2, {});
    ASSERT_TRUE(taken);
    ASSERT_EQ(taken->size(), PgStore::shards_in_table);
    EXPECT_EQ(taken->front().epoch, claimed_.fences.front().epoch + 1);
    EXPECT_FALSE(commit(1, "d")) << "the former owner commits";
    EXPECT_NE(fenced_.find("another node has claimed the shards"), std::string::npos) << fenced_;
    EXPECT_FALSE(store_->has_lost());
    EXPECT_TRUE(view().old_lanes.empty());
    EXPECT_EQ(server_.run_sql(
                  "SELECT string_agg(convert_from(key, 'UTF8'), ' ' ORDER BY key) FROM carillon.kv_jobs"),
              "a b c");
}

TEST_F(UpgradeToShards, AnOwnerByLanesHandsShardsOver) {
    ASSERT_TRUE(opened()->finish_upgrade());
    const auto n2 = standby("n2");
    EXPECT_FALSE(*opened()->hand_over(claimed_.self, {"n3", 1})) << "it does not live";
    EXPECT_TRUE(commit(0, "a")) << "it has handed nothing over";
    EXPECT_TRUE(*opened()->hand_over(claimed_.self, n2));
    EXPECT_EQ(view().owner(), n2);
    EXPECT_FALSE(commit(0, "b"));
    EXPECT_FALSE(fenced_.empty());
    const auto taken = opened()->claim(n2, {});
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->size(), PgStore::shards_in_table);
}

TEST_F(UpgradeToShards, AHubThatNobodyServesIsUpgradedToo) {
    ASSERT_TRUE(tables_->leave(claimed_.self));
    ASSERT_TRUE(opened()->finish_upgrade());
    const auto n2 = standby("n2");
    const auto taken = opened()->claim(n2, {});
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->size(), PgStore::shards_in_table);
}

}  // namespace
}  // namespace carillon
