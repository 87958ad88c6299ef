#include "store/memory_store.hpp"
#include "store/postgres/postgres_testing.hpp"
#include "store/rocks_store.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <atomic>
#include <thread>

namespace carillon {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

/// One driver under test; `reopen` is what a restart of the process does to it.
class Driver {
public:
    virtual ~Driver() = default;
    virtual Store& store() = 0;
    virtual void reopen() = 0;
};

class MemoryDriver final : public Driver {
public:
    Store& store() override { return *store_; }
    void reopen() override { store_ = std::make_unique<MemoryStore>(*store_); }

private:
    std::unique_ptr<MemoryStore> store_ = std::make_unique<MemoryStore>();
};

class RocksDriver final : public Driver {
public:
    RocksDriver() { reopen(); }
    Store& store() override { return *store_; }
    void reopen() override {
        store_.reset();
        auto opened = RocksStore::open(folder_.path() / "store");
        if (opened) store_ = *std::move(opened);
        ASSERT_TRUE(opened) << opened.error().detail;
    }

private:
    TestFolder folder_;
    std::unique_ptr<RocksStore> store_;
};

/// A restart is what a fail-over is too: another incarnation claims the fences.
class PostgresDriver final : public Driver {
public:
    PostgresDriver() { open(server_.reset()); }
    Store& store() override { return *store_; }
    void reopen() override {
        store_.reset();
        open(server_.claim("n1"));
    }

private:
    void open(const TestPostgres::Claimed& claimed) {
        auto opened = PgStore::open(TestPostgres::options(claimed, server_.conninfo()));
        if (opened) store_ = *std::move(opened);
        ASSERT_TRUE(opened) << opened.error().detail;
    }
    TestPostgres& server_ = TestPostgres::instance();
    std::unique_ptr<PgStore> store_;
};

/// The promises of the port, held against every driver.
class StorePort : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (std::string_view(GetParam()) == "memory") driver_ = std::make_unique<MemoryDriver>();
        if (std::string_view(GetParam()) == "rocksdb") driver_ = std::make_unique<RocksDriver>();
        if (std::string_view(GetParam()) == "postgres") driver_ = std::make_unique<PostgresDriver>();
    }
    Store& store() { return driver_->store(); }
    void reopen() { driver_->reopen(); }

    void commit(const Batch& batch) {
        const auto done = store().commit(batch);
        ASSERT_TRUE(done) << done.error().detail;
    }
    std::optional<std::string> get(Table table, std::string_view key) {
        auto found = store().get(table, key);
        EXPECT_TRUE(found);
        return found ? *found : std::nullopt;
    }
    Rows scan(Table table, std::string_view from = {}, std::string_view to = {}) {
        Rows rows;
        const auto visit = [&rows](std::string_view key, std::string_view value) {
            rows.emplace_back(key, value);
            return true;
        };
        EXPECT_TRUE(store().scan(table, from, to, visit));
        return rows;
    }
    void put(Table table, std::string key, std::string value) {
        Batch batch;
        batch.put(table, std::move(key), std::move(value));
        commit(batch);
    }

private:
    std::unique_ptr<Driver> driver_;
};

TEST_P(StorePort, AnAbsentKeyIsNothingAndNoError) {
    EXPECT_EQ(get(Table::meta, "x"), std::nullopt);
    put(Table::meta, "x", "");
    EXPECT_EQ(get(Table::meta, "x"), "");
}

TEST_P(StorePort, TablesDoNotShareKeys) {
    Batch batch;
    for (std::size_t table = 0; table < table_count; ++table) {
        batch.put(static_cast<Table>(table), "key", std::to_string(table));
    }
    commit(batch);
    for (std::size_t table = 0; table < table_count; ++table) {
        EXPECT_EQ(get(static_cast<Table>(table), "key"), std::to_string(table));
    }
}

TEST_P(StorePort, OperationsApplyInTheOrderTheyWereAdded) {
    Batch batch;
    batch.put(Table::jobs, "a", "1");
    batch.put(Table::jobs, "a", "2");
    batch.put(Table::jobs, "b", "1");
    batch.erase(Table::jobs, "b");
    batch.erase(Table::jobs, "c");
    batch.put(Table::jobs, "c", "1");
    batch.put(Table::jobs, "d", "1");
    batch.erase_range(Table::jobs, "d", "e");
    batch.erase_range(Table::jobs, "f", "g");
    batch.put(Table::jobs, "f", "1");
    commit(batch);
    EXPECT_EQ(scan(Table::jobs), (Rows{{"a", "2"}, {"c", "1"}, {"f", "1"}}));
}

TEST_P(StorePort, ABatchAppendedToAnotherFollowsIt) {
    Batch first;
    first.put(Table::jobs, "a", "first");
    Batch second;
    second.put(Table::jobs, "a", "second");
    second.put(Table::jobs, "b", "second");
    first.append(std::move(second));
    EXPECT_EQ(first.ops().size(), 3U);
    EXPECT_EQ(first.bytes(), 3 + 5 + 6 + 6U);
    commit(first);
    EXPECT_EQ(scan(Table::jobs), (Rows{{"a", "second"}, {"b", "second"}}));
}

TEST_P(StorePort, EraseRangeTakesItsStartAndSparesItsEnd) {
    for (const char* key : {"a", "b", "ba", "c", "d"}) put(Table::events, key, "x");
    Batch batch;
    batch.erase_range(Table::events, "b", "c");
    commit(batch);
    EXPECT_EQ(scan(Table::events), (Rows{{"a", "x"}, {"c", "x"}, {"d", "x"}}));
}

TEST_P(StorePort, AnEmptyOrInvertedRangeErasesNothing) {
    put(Table::events, "b", "x");
    Batch batch;
    batch.erase_range(Table::events, "b", "b");
    batch.erase_range(Table::events, "c", "a");
    batch.erase_range(Table::events, "a", "");
    commit(batch);
    EXPECT_EQ(scan(Table::events), (Rows{{"b", "x"}}));
}

TEST_P(StorePort, ScanTakesItsStartAndSparesItsEnd) {
    for (const char* key : {"a", "b", "c", "d"}) put(Table::identities, key, "x");
    EXPECT_EQ(scan(Table::identities, "b", "d"), (Rows{{"b", "x"}, {"c", "x"}}));
    EXPECT_EQ(scan(Table::identities, "bb", "cc"), (Rows{{"c", "x"}}));
    EXPECT_EQ(scan(Table::identities, "c", ""), (Rows{{"c", "x"}, {"d", "x"}}));
    EXPECT_EQ(scan(Table::identities, "e", ""), Rows{});
    EXPECT_EQ(scan(Table::identities, "c", "c"), Rows{});
}

TEST_P(StorePort, ScanOrdersByUnsignedBytes) {
    const std::string zero(1, '\0');
    const std::vector<std::string> keys = {zero,       zero + zero, "\x01", "A",   "a",
                                           "a" + zero, "\x7f",      "\x80", "\xff"};
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) put(Table::meta, *key, "x");
    std::vector<std::string> seen;
    for (const auto& row : scan(Table::meta)) seen.push_back(row.first);
    EXPECT_EQ(seen, keys);
    EXPECT_EQ(scan(Table::meta, "\x80", "\xff"), (Rows{{"\x80", "x"}}));
}

TEST_P(StorePort, ScanStopsWhereItsVisitorSaysSo) {
    for (const char* key : {"a", "b", "c"}) put(Table::identities, key, "x");
    int visits = 0;
    const auto visit = [&visits](std::string_view, std::string_view) { return ++visits < 2; };
    ASSERT_TRUE(store().scan(Table::identities, "", "", visit));
    EXPECT_EQ(visits, 2);
}

TEST_P(StorePort, ScanSeesOneStateWhileItsVisitorWrites) {
    for (const char* key : {"a", "b", "c"}) put(Table::identities, key, "old");
    Rows rows;
    const auto visit = [&](std::string_view key, std::string_view value) {
        rows.emplace_back(key, value);
        Batch batch;
        batch.put(Table::identities, "b", "new");
        batch.erase(Table::identities, "c");
        batch.put(Table::identities, "d", "new");
        EXPECT_TRUE(store().commit(batch));
        return true;
    };
    ASSERT_TRUE(store().scan(Table::identities, "", "", visit));
    EXPECT_EQ(rows, (Rows{{"a", "old"}, {"b", "old"}, {"c", "old"}}));
    EXPECT_EQ(scan(Table::identities), (Rows{{"a", "old"}, {"b", "new"}, {"d", "new"}}));
}

TEST_P(StorePort, LargeAndBinaryValuesComeBackUnchanged) {
    std::string large(8 * 1024 * 1024, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i >> 7);
    const std::string key(1024, '\xfe');
    put(Table::events, key, large);
    reopen();
    EXPECT_TRUE(get(Table::events, key) == large);
}

TEST_P(StorePort, WhatWasCommittedIsThereAfterReopening) {
    Batch batch;
    for (int i = 0; i < 5000; ++i) batch.put(Table::twin_log, be_key(static_cast<std::uint64_t>(i)), "v");
    commit(batch);
    Batch trim;
    trim.erase_range(Table::twin_log, be_key(0), be_key(4000));
    commit(trim);
    reopen();
    const Rows rows = scan(Table::twin_log);
    ASSERT_EQ(rows.size(), 1000U);
    EXPECT_EQ(rows.front().first, be_key(4000));
    EXPECT_EQ(rows.back().first, be_key(4999));
    reopen();
    EXPECT_EQ(scan(Table::twin_log).size(), 1000U);
}

TEST_P(StorePort, AnEmptyBatchCommits) {
    EXPECT_TRUE(store().commit(Batch()));
}

TEST_P(StorePort, ConcurrentCommitsAreEachWholeToEveryReader) {
    constexpr int writers = 4;
    constexpr int rounds = 50;
    constexpr std::size_t keys = 20;
    std::atomic<int> running = writers;
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&, writer] {
            for (int round = 0; round < rounds; ++round) {
                Batch batch;
                for (std::size_t key = 0; key < keys; ++key) {
                    batch.put(Table::identities, be_key(key), std::to_string(writer * rounds + round));
                }
                EXPECT_TRUE(store().commit(batch));
            }
            --running;
        });
    }
    bool torn = false;
    while (running > 0) {
        const Rows rows = scan(Table::identities);
        for (const auto& row : rows) torn = torn || row.second != rows.front().second || rows.size() != keys;
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(torn) << "a scan saw part of a batch";
}

INSTANTIATE_TEST_SUITE_P(Drivers, StorePort, ::testing::Values("memory", "rocksdb", "postgres"),
                         [](const auto& instance) { return std::string(instance.param); });

Batch one(std::string key) {
    Batch batch;
    batch.put(Table::meta, std::move(key), "x");
    return batch;
}

TEST(MemoryStore, RefusesTheWishedCommitsAndAppliesNothingOfThem) {
    MemoryStore store;
    store.fail_commits(2, 2);
    EXPECT_TRUE(store.commit(one("1")));
    const auto refused = store.commit(one("2"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::store_failed);
    EXPECT_FALSE(store.commit(one("3")));
    EXPECT_TRUE(store.commit(one("4")));
    EXPECT_EQ(store.size(Table::meta), 2U);
    EXPECT_EQ(store.commits(), 2U);
    EXPECT_EQ(store.refused(), 2U);
    EXPECT_EQ(*store.get(Table::meta, "2"), std::nullopt);
    EXPECT_EQ(*store.get(Table::meta, "3"), std::nullopt);
}

TEST(MemoryStore, RefusesEveryLaterCommitUntilTold) {
    MemoryStore store;
    store.fail_commits(1, MemoryStore::every_later_one);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(store.commit(one("x")));
    store.fail_commits(1, 0);
    EXPECT_TRUE(store.commit(one("x")));
}

TEST(MemoryStore, RefusesReadsWhileTold) {
    MemoryStore store;
    store.fail_reads(true);
    EXPECT_FALSE(store.get(Table::meta, "x"));
    EXPECT_FALSE(store.scan(Table::meta, "", "", [](auto, auto) { return true; }));
    store.fail_reads(false);
    EXPECT_TRUE(store.get(Table::meta, "x"));
}

TEST(MemoryStore, ACopyHoldsTheStateOfItsMomentAndNoWishes) {
    MemoryStore store;
    ASSERT_TRUE(store.commit(one("1")));
    store.fail_commits(1, MemoryStore::every_later_one);
    MemoryStore copy(store);
    EXPECT_TRUE(copy.commit(one("2")));
    store.fail_commits(1, 0);
    ASSERT_TRUE(store.commit(one("3")));
    EXPECT_EQ(copy.size(Table::meta), 2U);
    EXPECT_EQ(*copy.get(Table::meta, "3"), std::nullopt);
    EXPECT_EQ(*store.get(Table::meta, "2"), std::nullopt);
}

}  // namespace
}  // namespace carillon
