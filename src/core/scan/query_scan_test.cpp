#include "core/scan/query_scan.hpp"

#include "core/queries/queries.hpp"
#include "store/memory_store.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <utility>

namespace carillon {
namespace {

/// Time that passes whenever somebody looks: every second look ends a slice.
class HastyClock final : public Clock {
public:
    TimePoint now() const override { return TimePoint(scan_slice_max * ++looks_); }
    WallTime wall_now() const override { return WallTime::from_unix_s(1'790'000'000); }

private:
    mutable int looks_ = 0;
};

class NoStorage final : public StorageExecutor {
public:
    void run(UniqueFunction<void()>) override {}
};

struct QueryScanTest : ::testing::Test {
    boost::asio::io_context io;
    HastyClock clock;
    SeededRandom random{1};
    MemoryStore store;
    NoStorage storage;
    ShardContext context{.executor = io.get_executor(),
                         .background = io.get_executor(),
                         .clock = clock,
                         .random = random,
                         .store = store,
                         .storage = storage,
                         .shard_count = 1,
                         .telemetry = {}};
    Shard shard{0, context};

    static IdentityKey key(int i) { return *IdentityKey::parse("d" + std::to_string(10'000 + i)); }
    void add(int i) {
        Record& record = shard.directory().add(key(i));
        record.committed.emplace();
        record.committed->identity = PackedIdentity(Identity(key(i)));
    }
    static std::shared_ptr<const ScanPlan> plan(std::string_view statement) {
        return std::make_shared<const ScanPlan>(*query::parse_query(statement));
    }
};

TEST_F(QueryScanTest, GivesWayBetweenSlicesAndGoesOnWhenItsPlaceIsGone) {
    for (int i = 0; i < 500; ++i) add(i);
    std::vector<FoundRow> rows;
    bool is_done = false;
    auto ended = [&](std::exception_ptr, Result<std::vector<FoundRow>> found) {
        rows = *std::move(found);
        is_done = true;
    };
    boost::asio::co_spawn(io, scan_rows(shard, plan("SELECT * FROM devices"), std::nullopt, 1000), ended);
    io.poll_one();
    int turns = 0;
    for (; !is_done; ++turns) {
        // Other work of the shard: everything from the scan's place to number 400 goes at once.
        if (turns == 2) {
            for (int i = 10; i < 400; ++i) shard.directory().remove(*shard.directory().find(key(i)));
        }
        ASSERT_GT(io.poll_one(), 0U);
    }
    EXPECT_GT(turns, 3);
    ASSERT_GE(rows.size(), 100U);
    EXPECT_EQ(rows.front().key, key(0));
    EXPECT_EQ(rows.back().key, key(499));
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(),
                               [](const FoundRow& a, const FoundRow& b) { return a.key < b.key; }));
}

TEST_F(QueryScanTest, AggregatesGiveWayToo) {
    for (int i = 0; i < 500; ++i) add(i);
    GatheredGroups groups;
    bool is_done = false;
    auto ended = [&](std::exception_ptr, GatheredGroups found) {
        groups = std::move(found);
        is_done = true;
    };
    boost::asio::co_spawn(io, scan_groups(shard, plan("SELECT COUNT() AS n FROM devices")), ended);
    int turns = 0;
    for (; !is_done; ++turns) ASSERT_GT(io.poll_one(), 0U);
    EXPECT_GT(turns, 5);
    EXPECT_EQ((*groups)->rows(), std::vector<std::string>{R"({"n":500})"});
}

TEST_F(QueryScanTest, NamedDevicesAreLookedUpWithoutAScan) {
    for (int i = 0; i < 500; ++i) add(i);
    std::vector<FoundRow> rows;
    bool is_done = false;
    auto ended = [&](std::exception_ptr, Result<std::vector<FoundRow>> found) {
        rows = *std::move(found);
        is_done = true;
    };
    auto named = plan("SELECT * FROM devices WHERE deviceId IN ['d10003', 'd10499', 'd9']");
    boost::asio::co_spawn(io, scan_rows(shard, named, std::nullopt, 1000), ended);
    int turns = 0;
    for (; !is_done; ++turns) ASSERT_GT(io.poll_one(), 0U);
    EXPECT_LT(turns, 10) << "a scan of 500 rows takes a turn for each";
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].key, key(3));
    EXPECT_EQ(rows[1].key, key(499));
}

TEST_F(QueryScanTest, AStatementThatIsOverTheLimitsOfARowIsRefusedAndNamesTheRow) {
    for (int i = 0; i < 50; ++i) add(i);
    // Each level copies and reads all that is inside it: a megabyte in all.
    std::string text = "deviceId";
    for (int i = 0; i < 30; ++i) text = "CONCAT(LOWER(" + text + "),'" + std::string(1800, 'x') + "')";
    const std::string where = " WHERE deviceId > 'd10030' AND LENGTH(" + text + ") > 0";
    ASSERT_TRUE(query::parse_query("SELECT * FROM devices" + where));
    Result<std::vector<FoundRow>> rows;
    GatheredGroups groups;
    bool is_done = false;
    auto rows_ended = [&](std::exception_ptr, Result<std::vector<FoundRow>> found) {
        rows = std::move(found);
        is_done = true;
    };
    auto groups_ended = [&](std::exception_ptr, GatheredGroups found) {
        groups = std::move(found);
        is_done = true;
    };
    auto all = plan("SELECT * FROM devices" + where);
    boost::asio::co_spawn(io, scan_rows(shard, all, std::nullopt, 1000), rows_ended);
    while (!std::exchange(is_done, false)) ASSERT_GT(io.poll_one(), 0U);
    io.restart();
    auto counted = plan("SELECT COUNT() AS n FROM devices" + where);
    boost::asio::co_spawn(io, scan_groups(shard, counted), groups_ended);
    while (!is_done) ASSERT_GT(io.poll_one(), 0U);
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, Errc::argument_invalid);
    EXPECT_NE(rows.error().detail.find("'d10031'"), std::string::npos) << rows.error().detail;
    ASSERT_FALSE(groups);
    EXPECT_EQ(groups.error().code, Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon
