// What makes a commit on PostgreSQL safe: the fence, and what becomes of answers that are lost.
#include "store/postgres/postgres_testing.hpp"

#include <gtest/gtest.h>
#include <future>

namespace carillon {
namespace {

using namespace std::chrono_literals;

Batch batch_of(const std::string& key, const std::string& value = "x") {
    Batch batch;
    batch.put(Table::jobs, key, value);
    batch.put(Table::twin_log, key, value);
    return batch;
}

/// A store with one shard, as the fence of each shard stands for itself.
class PgFence : public ::testing::Test {
protected:
    void SetUp() override {
        claimed_ = server_.reset();
        options_ = TestPostgres::options(claimed_, server_.conninfo());
        options_.fences.resize(1);
        options_.connect_patience = 20s;
        options_.on_fenced = [this](const std::string& reason) { fenced_ = reason; };
        open();
    }
    void TearDown() override {
        server_.run_sql("ALTER SYSTEM RESET synchronous_standby_names");
        server_.run_sql("SELECT pg_reload_conf()");
    }
    void open() {
        auto opened = PgStore::open(options_);
        ASSERT_TRUE(opened) << opened.error().detail;
        store_ = *std::move(opened);
    }
    bool has(const std::string& key) {
        const auto job = store_->get(Table::jobs, key);
        const auto entry = store_->get(Table::twin_log, key);
        EXPECT_TRUE(job && entry);
        EXPECT_EQ(job->has_value(), entry->has_value()) << "half a batch";
        return job->has_value();
    }
    std::string seq() { return server_.run_sql("SELECT seq FROM carillon.shard WHERE shard = 0"); }
    std::string epoch() { return server_.run_sql("SELECT epoch FROM carillon.shard WHERE shard = 0"); }

    /// Commits wait for a standby that is not there.
    void wait_for_no_one() {
        server_.run_sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        server_.run_sql("SELECT pg_reload_conf()");
        // Sessions learn of it by the checkpointer, a moment later: until one waits, none does.
        for (bool waits = false; !waits;) {
            auto probe = PgConnection::open(server_.conninfo(), "probe");
            ASSERT_TRUE(probe);
            auto commit = std::async(std::launch::async,
                                     [&] { return (*probe)->run_script("CREATE TEMP TABLE t (n int)"); });
            while (!waits && commit.wait_for(10ms) != std::future_status::ready) {
                waits = server_.run_sql(
                            "SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE "
                            "application_name = 'probe' AND wait_event = 'SyncRep') AS done") == "1";
            }
            static_cast<void>(commit.get());
        }
    }
    void wait_no_more() {
        server_.run_sql("ALTER SYSTEM RESET synchronous_standby_names");
        server_.run_sql("SELECT pg_reload_conf()");
    }
    /// Until a session of the shard is in such a wait, as `wait_event`, with a statement that no call before
    /// has met; then does `what` to it. A session that was told to stop waiting is shown as waiting for a
    /// moment longer.
    void when_it_waits(const std::string& event, const std::string& what) {
        const std::string session = "carillon/n1/" + std::to_string(claimed_.self.number) + "/0";
        const std::string statement = "pid || ' ' || query_start";
        for (int tries = 0; tries < 1000; ++tries) {
            const auto met = server_.run_sql(
                "SELECT statement FROM (SELECT " + statement + " AS statement, " + what +
                "(pid) FROM pg_stat_activity WHERE application_name = '" + session + "' AND wait_event = '" +
                event + "' AND " + statement + " <> '" + met_ + "') AS done");
            if (!met.empty()) {
                met_ = met;
                return;
            }
            std::this_thread::sleep_for(10ms);
        }
        FAIL() << "no session waits for " << event;
    }

    TestPostgres& server_ = TestPostgres::instance();
    TestPostgres::Claimed claimed_;
    PgStoreOptions options_;
    std::unique_ptr<PgStore> store_;
    std::string fenced_;
    std::string met_;  ///< The statement that `when_it_waits` met last.
};

TEST_F(PgFence, EachCommitRaisesTheNumberOfItsShard) {
    ASSERT_TRUE(store_->commit(batch_of("a")));
    ASSERT_TRUE(store_->commit(batch_of("b")));
    EXPECT_EQ(seq(), "2");
    EXPECT_EQ(store_->acknowledged().front().seq, 2);
    EXPECT_EQ(server_.run_sql("SELECT sum(seq) FROM carillon.shard"), "2");
}

TEST_F(PgFence, EachShardCommitsByItsOwnRowAndWhatIsTheHubsByThatOfShard0) {
    options_.fences = claimed_.fences;
    open();
    ASSERT_TRUE(store_->of_shard(1).commit(batch_of("a")));
    ASSERT_TRUE(store_->of_shard(2).commit(batch_of("b")));
    ASSERT_TRUE(store_->of_shard(2).commit(batch_of("c")));
    ASSERT_TRUE(store_->commit(batch_of("d")));
    EXPECT_EQ(server_.run_sql("SELECT string_agg(seq::text, ' ' ORDER BY shard) FROM carillon.shard WHERE "
                              "shard < 4"),
              "1 1 2 0");
    EXPECT_EQ(store_->of_shard(0).get(Table::jobs, "c")->value_or(""), "x") << "they are rows of one hub";
}

TEST_F(PgFence, CommitsByOneRowGoOneAfterTheOther) {
    constexpr int each = 20;
    const auto commit_many = [this](Store& store, const std::string& prefix) {
        for (int i = 0; i < each; ++i) EXPECT_TRUE(store.commit(batch_of(prefix + std::to_string(i))));
    };
    auto hub = std::async(std::launch::async, [&] { commit_many(*store_, "hub"); });
    commit_many(store_->of_shard(0), "shard");
    hub.get();
    EXPECT_EQ(seq(), std::to_string(2 * each));
    EXPECT_EQ(store_->settlements(), 0U);
    EXPECT_TRUE(fenced_.empty()) << fenced_;
}

TEST_F(PgFence, AShardWhoseRowIsHeldUpHoldsUpNoOther) {
    options_.fences = claimed_.fences;
    open();
    auto other = PgConnection::open(server_.conninfo(), "test");
    ASSERT_TRUE(other &&
                (*other)->run_script("BEGIN; SELECT FROM carillon.shard WHERE shard = 1 FOR UPDATE"));
    auto held_up =
        std::async(std::launch::async, [this] { return store_->of_shard(1).commit(batch_of("a")); });
    EXPECT_TRUE(store_->of_shard(2).commit(batch_of("b")));
    EXPECT_EQ(held_up.wait_for(0s), std::future_status::timeout);
    ASSERT_TRUE((*other)->run_script("ROLLBACK"));
    EXPECT_TRUE(held_up.get());
}

TEST_F(PgFence, AClaimOfOneShardShutsOutItsOwnerThereAndNowhereElse) {
    options_.fences = claimed_.fences;
    open();
    server_.run_sql("UPDATE carillon.node SET state = 'dead'");
    auto tables = ClusterTables::open(server_.conninfo(), "carillon/n2/claim");
    ASSERT_TRUE(tables);
    const auto n2 = (*tables)->join("n2", "");
    ASSERT_TRUE(n2);
    const auto claimed = (*tables)->claim(*n2, {1, 3}, {});
    ASSERT_TRUE(claimed) << claimed.error().detail;
    ASSERT_EQ(claimed->size(), 2U);
    EXPECT_EQ(claimed->front().number, 1);
    EXPECT_EQ(claimed->back().number, 3);
    EXPECT_TRUE(store_->of_shard(2).commit(batch_of("a"))) << "nobody has claimed it";
    EXPECT_TRUE(fenced_.empty()) << fenced_;
    EXPECT_FALSE(store_->of_shard(1).commit(batch_of("b")));
    EXPECT_NE(fenced_.find("shard 1 belongs to node n2"), std::string::npos) << fenced_;
    EXPECT_FALSE(has("b"));

    PgStoreOptions options;
    options.conninfo = server_.conninfo();
    options.node = n2->node;
    options.incarnation = n2->number;
    options.fences = *claimed;
    options.on_fenced = [](const std::string& reason) { ADD_FAILURE() << reason; };
    auto taken = PgStore::open(std::move(options));
    ASSERT_TRUE(taken);
    EXPECT_TRUE((*taken)->of_shard(1).commit(batch_of("c")));
    EXPECT_FALSE((*taken)->of_shard(2).commit(batch_of("d"))) << "not its own";
    EXPECT_FALSE((*taken)->commit(batch_of("e"))) << "what is the hub's is with shard 0";
    EXPECT_FALSE(has("d") || has("e"));
}

TEST_F(PgFence, ASettlementRaisesTheEpochOfItsShardAlone) {
    options_.fences = claimed_.fences;
    open();
    server_.run_sql("INSERT INTO carillon.kv_jobs VALUES ('a', 'old')");
    auto other = PgConnection::open(server_.conninfo(), "test");
    ASSERT_TRUE(other && (*other)->run_script("BEGIN; UPDATE carillon.kv_jobs SET value = 'locked'"));
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a", "new")); });
    when_it_waits("transactionid", "pg_terminate_backend");
    ASSERT_TRUE((*other)->run_script("ROLLBACK"));
    EXPECT_TRUE(commit.get());
    EXPECT_EQ(epoch(), "2");
    EXPECT_EQ(server_.run_sql("SELECT max(epoch) FROM carillon.shard WHERE shard > 0"), "1");
    EXPECT_TRUE(store_->of_shard(1).commit(batch_of("b")));
}

TEST_F(PgFence, AClaimShutsOutTheOwnerBefore) {
    ASSERT_TRUE(store_->commit(batch_of("a")));
    server_.claim("n2");
    EXPECT_FALSE(store_->commit(batch_of("b")));
    EXPECT_NE(fenced_.find("belongs to node n2"), std::string::npos) << fenced_;
    EXPECT_FALSE(has("b"));
    EXPECT_TRUE(has("a"));
}

TEST_F(PgFence, AnotherEpochShutsOutTheSameOwner) {
    server_.run_sql("UPDATE carillon.shard SET epoch = epoch + 1");
    EXPECT_FALSE(store_->commit(batch_of("a")));
    EXPECT_FALSE(fenced_.empty());
    EXPECT_FALSE(has("a"));
}

TEST_F(PgFence, WithoutItsRowNothingIsApplied) {
    server_.run_sql("DELETE FROM carillon.shard WHERE shard = 0");
    const auto refused = store_->commit(batch_of("a"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(store_->has_lost());
    EXPECT_NE(refused.error().detail.find("shard 0 is gone"), std::string::npos);
    EXPECT_FALSE(has("a"));
}

TEST_F(PgFence, LossOfAcknowledgedCommitsStopsTheStoreAndSaysBothNumbers) {
    ASSERT_TRUE(store_->commit(batch_of("a")));
    ASSERT_TRUE(store_->commit(batch_of("b")));
    server_.run_sql("UPDATE carillon.shard SET seq = 1");
    const auto refused = store_->commit(batch_of("c"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("commit 1, and had acknowledged epoch 1, commit 2"),
              std::string::npos)
        << refused.error().detail;
    EXPECT_TRUE(fenced_.empty());
    // For good, even if the number comes right again.
    server_.run_sql("UPDATE carillon.shard SET seq = 2");
    EXPECT_FALSE(store_->commit(batch_of("c")));
    EXPECT_FALSE(has("c"));
}

TEST_F(PgFence, ASmallerEpochIsALossToo) {
    server_.run_sql("UPDATE carillon.shard SET epoch = 0, seq = 100");
    EXPECT_FALSE(store_->commit(batch_of("a")));
    EXPECT_TRUE(store_->has_lost());
    EXPECT_TRUE(fenced_.empty());
}

TEST_F(PgFence, ABatchThatPostgresRefusesIsRefusedAndTheNextOneIsNot) {
    // No index takes a key like this one.
    std::string key(20'000, 'k');
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i * i * 31 >> 3);
    const auto refused = store_->commit(batch_of(key));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::store_failed);
    EXPECT_TRUE(store_->commit(batch_of("a")));
    EXPECT_EQ(seq(), "1");
    EXPECT_EQ(store_->settlements(), 0U);
}

TEST_F(PgFence, ACommitCutOffBeforeItWasAppliedIsSentAgain) {
    server_.run_sql("INSERT INTO carillon.kv_jobs VALUES ('a', 'old')");
    auto other = PgConnection::open(server_.conninfo(), "test");
    ASSERT_TRUE(other && (*other)->run_script("BEGIN; UPDATE carillon.kv_jobs SET value = 'locked'"));
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a", "new")); });
    when_it_waits("transactionid", "pg_terminate_backend");
    ASSERT_TRUE((*other)->run_script("ROLLBACK"));
    EXPECT_TRUE(commit.get());
    EXPECT_EQ(store_->get(Table::jobs, "a")->value_or(""), "new");
    EXPECT_EQ(store_->settlements(), 1U);
    EXPECT_EQ(epoch(), "2");
    EXPECT_EQ(seq(), "1");
    EXPECT_TRUE(store_->commit(batch_of("b")));
}

TEST_F(PgFence, ACommitCutOffBehindItsDurabilityIsFoundToBeThere) {
    wait_for_no_one();
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a")); });
    when_it_waits("SyncRep", "pg_terminate_backend");
    // What settles it is a commit too, and waits as well.
    when_it_waits("SyncRep", "pg_backend_pid() <> ");
    EXPECT_EQ(commit.wait_for(0s), std::future_status::timeout) << "answered before any standby has it";
    wait_no_more();
    EXPECT_TRUE(commit.get());
    EXPECT_TRUE(has("a"));
    EXPECT_EQ(store_->settlements(), 1U);
    EXPECT_EQ(seq(), "1");
}

TEST_F(PgFence, ACommitThatStoppedWaitingForItsStandbyIsNotTakenAtItsWord) {
    wait_for_no_one();
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a")); });
    when_it_waits("SyncRep", "pg_cancel_backend");
    when_it_waits("SyncRep", "pg_backend_pid() <> ");
    EXPECT_EQ(commit.wait_for(0s), std::future_status::timeout) << "answered before any standby has it";
    EXPECT_EQ(store_->settlements(), 1U);
    wait_no_more();
    EXPECT_TRUE(commit.get());
    EXPECT_TRUE(has("a"));
    EXPECT_EQ(seq(), "1");
}

TEST_F(PgFence, ASettlementWhoseOwnAnswerIsLostIsAskedAgain) {
    wait_for_no_one();
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a")); });
    for (int i = 0; i < 3; ++i)
        when_it_waits("SyncRep", i % 2 == 0 ? "pg_terminate_backend" : "pg_cancel_backend");
    wait_no_more();
    EXPECT_TRUE(commit.get());
    EXPECT_EQ(store_->settlements(), 1U);
    EXPECT_EQ(seq(), "1");
    EXPECT_TRUE(store_->commit(batch_of("b")));
}

TEST_F(PgFence, ACommitThatIsCancelledWhileItWorksIsRefused) {
    server_.run_sql("INSERT INTO carillon.kv_jobs VALUES ('a', 'old')");
    auto other = PgConnection::open(server_.conninfo(), "test");
    ASSERT_TRUE(other && (*other)->run_script("BEGIN; UPDATE carillon.kv_jobs SET value = 'locked'"));
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a", "new")); });
    when_it_waits("transactionid", "pg_cancel_backend");
    EXPECT_FALSE(commit.get());
    ASSERT_TRUE((*other)->run_script("ROLLBACK"));
    EXPECT_EQ(store_->get(Table::jobs, "a")->value_or(""), "old");
    EXPECT_EQ(seq(), "0");
    EXPECT_TRUE(store_->commit(batch_of("a", "newer")));
}

TEST_F(PgFence, APowerCutOfTheServerLosesNothingAndIsSurvived) {
    std::atomic<bool> ends = false;
    std::vector<std::string> acknowledged;
    auto writer = std::async(std::launch::async, [&] {
        for (int i = 0; !ends; ++i) {
            const std::string key = "key" + std::to_string(i);
            if (store_->commit(batch_of(key))) acknowledged.push_back(key);
        }
    });
    for (int i = 0; i < 2; ++i) {
        std::this_thread::sleep_for(150ms);
        server_.stop_at_once();
        server_.start();
    }
    std::this_thread::sleep_for(100ms);
    ends = true;
    writer.get();
    EXPECT_GT(acknowledged.size(), 10U);
    for (const auto& key : acknowledged) EXPECT_TRUE(has(key)) << key;
    EXPECT_EQ(seq(), std::to_string(acknowledged.size()));
}

TEST_F(PgFence, AnOwnerFrozenInHalfACommitDoesNotHoldUpItsSuccessor) {
    // Its statements have been sent and the Sync has not: its session holds the shard.
    auto frozen =
        PgConnection::open(server_.conninfo(), "carillon/n1/" + std::to_string(claimed_.self.number) + "/0");
    ASSERT_TRUE(frozen && (*frozen)->run_script("BEGIN; UPDATE shard SET seq = seq + 1 WHERE shard = 0"));
    server_.run_sql("UPDATE carillon.node SET state = 'dead'");
    auto tables = ClusterTables::open(server_.conninfo(), "carillon/n2/claim");
    ASSERT_TRUE(tables);
    const auto self = (*tables)->join("n2", "");
    ASSERT_TRUE(self);
    EXPECT_FALSE((*tables)->claim(*self, {}));
    ASSERT_TRUE((*tables)->end_sessions(claimed_.self));
    const auto fences = (*tables)->claim(*self, {});
    ASSERT_TRUE(fences) << fences.error().detail;
    EXPECT_EQ(fences->size(), PgStore::shards_in_table);
    EXPECT_EQ(fences->front().seq, 0);
    EXPECT_FALSE((*frozen)->run_script("COMMIT"));
}

TEST_F(PgFence, GivingUpEndsAWaitForTheServer) {
    server_.stop_at_once();
    auto commit = std::async(std::launch::async, [this] { return store_->commit(batch_of("a")); });
    auto read = std::async(std::launch::async, [this] { return store_->get(Table::jobs, "a"); });
    std::this_thread::sleep_for(50ms);
    store_->give_up_waiting();
    EXPECT_FALSE(commit.get());
    EXPECT_FALSE(read.get());
    server_.start();
}

TEST_F(PgFence, AScanReadsMoreThanOnePageOfOneState) {
    Batch many;
    for (std::uint64_t i = 0; i < 3000; ++i) many.put(Table::events, be_key(i), std::string(i % 300, 'v'));
    ASSERT_TRUE(store_->commit(many));
    std::uint64_t expected = 10;
    Batch removal;
    removal.erase_range(Table::events, be_key(0), be_key(3000));
    const auto visit = [&](std::string_view key, std::string_view value) {
        EXPECT_EQ(key, be_key(expected));
        EXPECT_EQ(value.size(), expected % 300);
        if (expected == 10) {
            EXPECT_TRUE(store_->commit(removal));
        }
        ++expected;
        return true;
    };
    ASSERT_TRUE(store_->scan(Table::events, be_key(10), be_key(2990), visit));
    EXPECT_EQ(expected, 2990U);
    ASSERT_TRUE(store_->scan(Table::events, "", "", [](auto, auto) {
        ADD_FAILURE() << "removed";
        return true;
    }));
}

TEST(ClusterTables, NodesAreNumberedByTheirStartsAndKilledByAStandingBeatOnly) {
    auto& server = TestPostgres::instance();
    const auto claimed = server.reset();
    auto tables = ClusterTables::open(server.conninfo(), "carillon/test");
    ASSERT_TRUE(tables);
    const auto again = (*tables)->join("n1", "10.0.0.1");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->number, claimed.self.number + 1);
    EXPECT_EQ(**(*tables)->beat(claimed.self, "", {}), 1);
    EXPECT_EQ(**(*tables)->beat(claimed.self, "", {}), 2);
    EXPECT_FALSE(*(*tables)->kill(claimed.self, 1)) << "it beat meanwhile";
    EXPECT_TRUE(*(*tables)->kill(claimed.self, 2));
    EXPECT_FALSE(*(*tables)->kill(claimed.self, 2)) << "once only";
    EXPECT_EQ(*(*tables)->beat(claimed.self, "", {}), std::nullopt);
    EXPECT_EQ(*(*tables)->state(claimed.self, {}), "dead");
    EXPECT_EQ(*(*tables)->state(*again, {}), "live");
    EXPECT_EQ(*(*tables)->state({"n1", 99}, {}), std::nullopt);
    const auto view = (*tables)->view({});
    ASSERT_TRUE(view) << view.error().detail;
    EXPECT_EQ(view->owner(), claimed.self);
    EXPECT_EQ(view->fences.size(), PgStore::shards_in_table);
    ASSERT_NE(view->find(*again), nullptr);
    EXPECT_EQ(view->find(*again)->address, "10.0.0.1");
    // The dead one claims nothing any more, not even from itself.
    EXPECT_TRUE((*tables)->claim(*again, {}));
    const auto nothing = (*tables)->claim(claimed.self, {});
    ASSERT_TRUE(nothing);
    EXPECT_TRUE(nothing->empty());
}

TEST(ClusterTables, ADatabaseHasOneClusterOrNone) {
    auto& server = TestPostgres::instance();
    server.reset();
    const auto second = ClusterTables::create(server.conninfo(), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::config_invalid);
    server.run_sql("UPDATE carillon.setting SET value = '999' WHERE name = 'format'");
    EXPECT_FALSE(ClusterTables::open(server.conninfo(), "carillon/test"));
    server.run_sql("DROP SCHEMA carillon CASCADE");
    const auto none = ClusterTables::open(server.conninfo(), "carillon/test");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::not_found_locally);
}

}  // namespace
}  // namespace carillon
