// Calls to the system that fail under a running store, by a file system that has them fail.
#include "store/faulty_files_testing.hpp"
#include "store/rocks_store.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace carillon {
namespace {

namespace fs = std::filesystem;

/// So small that a few commits write out buffers, merge files and turn logs.
RocksOptions tiny_options(const std::shared_ptr<Faults>& faults) {
    RocksOptions options;
    options.write_buffer_bytes = 64 * 1024;
    options.write_buffers_bytes_max = 256 * 1024;
    options.wal_bytes_max = 128 * 1024;
    options.files = std::make_shared<FaultyFiles>(faults);
    return options;
}

Batch batch_of(std::uint64_t n) {
    Batch batch;
    batch.put(Table::identities, be_key(n), std::string(8 * 1024, static_cast<char>(n)));
    batch.put(Table::jobs, be_key(n), "x");
    return batch;
}

/// Numbers of the batches that are there; each must be whole.
std::vector<std::uint64_t> stored(const Store& store) {
    std::vector<std::uint64_t> numbers;
    const auto visit = [&numbers](std::string_view key, std::string_view) {
        std::uint64_t number = 0;
        for (const char c : key) number = number << 8 | static_cast<unsigned char>(c);
        numbers.push_back(number);
        return true;
    };
    EXPECT_TRUE(store.scan(Table::identities, "", "", visit));
    std::vector<std::uint64_t> whole;
    std::swap(whole, numbers);
    EXPECT_TRUE(store.scan(Table::jobs, "", "", visit));
    EXPECT_EQ(whole, numbers);
    return whole;
}

struct Fault {
    Call call;
    int error;
};

class PassingError : public ::testing::TestWithParam<Fault> {};

TEST_P(PassingError, EndsForTheStoreWhenItsCauseEnds) {
    const auto [call, error] = GetParam();
    const TestFolder folder;
    const auto faults = std::make_shared<Faults>();
    std::vector<std::uint64_t> accepted;
    {
        auto opened = RocksStore::open(folder.path() / "store", tiny_options(faults));
        ASSERT_TRUE(opened) << opened.error().detail;
        RocksStore& store = **opened;
        std::uint64_t next = 0;
        const auto commit = [&] {
            const Result<> done = store.commit(batch_of(next));
            if (done) accepted.push_back(next);
            ++next;
            return done;
        };
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(commit());
        for (int round = 0; round < 2; ++round) {
            faults->call = call;
            faults->error = error;
            int refused = 0;
            for (int i = 0; i < 20 && refused < 2; ++i) {
                const Result<> done = commit();
                EXPECT_TRUE(done || done.error().detail.find(std::strerror(error)) != std::string::npos)
                    << done.error().detail;
                if (!done) ++refused;  // RocksDB takes a second to find out.
            }
            (void)store.flush();  // So that calls are made that no commit waits for.
            faults->error = 0;
            // A full disk is looked at every few seconds. This bound ends a run in which that never helps.
            const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
            while (error == ENOSPC && !commit() && std::chrono::steady_clock::now() < give_up) {
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
            for (int i = 0; i < 40; ++i) {
                const Result<> done = commit();
                ASSERT_TRUE(done) << "round " << round << ", commit " << i << ": " << done.error().detail;
            }
            ASSERT_TRUE(store.flush());
            EXPECT_EQ(stored(store), accepted);
        }
        EXPECT_GT(faults->failed, 0U) << "no such call was made";
    }
    auto opened = RocksStore::open(folder.path() / "store", tiny_options(faults));
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(stored(**opened), accepted);
}

/// By default those that differ in what RocksDB does; all of them with STORE_FAULTS=all, in minutes.
std::vector<Fault> passing_faults() {
    const char* const wanted = std::getenv("STORE_FAULTS");
    if (wanted == nullptr || std::strcmp(wanted, "all") != 0) {
        return {{Call::create, EMFILE}, {Call::open, EMFILE}, {Call::append, ENOSPC}, {Call::create, ENOSPC},
                {Call::sync, ENOSPC},   {Call::append, EIO},  {Call::read, EIO},      {Call::remove, EIO}};
    }
    std::vector<Fault> all;
    for (const int error : {EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, EIO}) {
        for (const Call call : {Call::create, Call::append, Call::open, Call::read, Call::remove}) {
            all.push_back({call, error});
        }
        // The kernel holds what it was given; only a sync tells that it is lost, and EIO that it stays so.
        if (error == EIO) continue;
        for (const Call call : {Call::sync, Call::sync_folder}) all.push_back({call, error});
    }
    return all;
}

std::string fault_name(const ::testing::TestParamInfo<Fault>& fault) {
    return std::string(call_names[static_cast<int>(fault.param.call)]) + "_" +
           ::strerrorname_np(fault.param.error);
}

INSTANTIATE_TEST_SUITE_P(Store, PassingError, ::testing::ValuesIn(passing_faults()), fault_name);

TEST(StoreFaults, ACommitOutlivesWorkThatItWaitsForAndThatFailsWhenTheCauseIsGone) {
    for (const int error : {EMFILE, ENOSPC}) {
        const TestFolder folder;
        const auto faults = std::make_shared<Faults>();
        auto opened = RocksStore::open(folder.path() / "store", tiny_options(faults));
        ASSERT_TRUE(opened) << opened.error().detail;
        // A buffer is being written out and is to fail, but not yet; commits wait once the others are full.
        faults->holds = true;
        faults->call = Call::open;
        faults->error = error;
        std::atomic<std::uint64_t> done = 0;
        constexpr std::uint64_t all = 100;
        std::thread commits([&] {
            for (std::uint64_t n = 0; n < all; ++n) {
                Result<> committed = (*opened)->commit(batch_of(n));
                // On a full disk RocksDB tries every few seconds whether it can go on; commits are refused
                // meanwhile.
                const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
                while (!committed && error == ENOSPC && std::chrono::steady_clock::now() < give_up) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(50));
                    committed = (*opened)->commit(batch_of(n));
                }
                EXPECT_TRUE(committed) << n << ": " << committed.error().detail;
                ++done;
            }
        });
        const auto a_while = [] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); };
        for (std::uint64_t seen = all; done < all && done != seen; a_while()) seen = done;
        EXPECT_LT(done, all) << "no commit waited";
        faults->error = 0;
        faults->holds = false;
        faults->holds.notify_all();
        commits.join();
        EXPECT_EQ(stored(**opened).size(), all);
    }
}

TEST(StoreFaults, ASyncThatFailsEndsTheProcessWithTheReason) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    for (const Call call : {Call::sync, Call::sync_folder}) {
        const TestFolder folder;
        const auto run = [&folder, call] {
            const auto faults = std::make_shared<Faults>();
            auto opened = RocksStore::open(folder.path() / "store", tiny_options(faults));
            for (std::uint64_t n = 0; n < 20; ++n) (void)(*opened)->commit(batch_of(n));
            faults->call = call;
            faults->error = EIO;
            std::uint64_t n = 20;
            while ((*opened)->commit(batch_of(n))) ++n;
            std::fprintf(stderr, "a commit came back");
        };
        EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "lost a sync.*Input/output error");
    }
}

TEST(StoreFaults, AStartThatACallFailedLeavesAStoreForTheNext) {
    for (const int error : {EMFILE, ENOSPC, EIO}) {
        for (const Call call : {Call::create, Call::append, Call::open, Call::rename}) {
            const TestFolder folder;
            const auto faults = std::make_shared<Faults>();
            const auto open = [&] { return RocksStore::open(folder.path() / "store", tiny_options(faults)); };
            faults->call = call;
            faults->error = error;
            EXPECT_FALSE(open()) << "a new one, " << call_names[static_cast<int>(call)];
            faults->error = 0;
            {
                auto opened = open();
                ASSERT_TRUE(opened) << opened.error().detail;
                for (std::uint64_t n = 0; n < 10; ++n) ASSERT_TRUE((*opened)->commit(batch_of(n)));
            }
            faults->error = error;
            const auto refused = open();
            ASSERT_FALSE(refused) << call_names[static_cast<int>(call)];
            EXPECT_EQ(refused.error().code, Errc::store_failed) << refused.error().detail;
            faults->error = 0;
            auto opened = open();
            ASSERT_TRUE(opened) << opened.error().detail;
            EXPECT_EQ(stored(**opened).size(), 10U);
        }
    }
}

TEST(StoreFaults, AStartWithoutRoomIsRefusedInWords) {
    const TestFolder folder;
    const auto faults = std::make_shared<Faults>();
    ASSERT_TRUE(RocksStore::open(folder.path() / "store", tiny_options(faults)));
    for (const Call call : {Call::create, Call::allocate}) {
        faults->call = call;
        faults->error = ENOSPC;
        const auto opened = RocksStore::open(folder.path() / "store", tiny_options(faults));
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, Errc::store_failed);
        EXPECT_NE(opened.error().detail.find("is full: a start needs"), std::string::npos)
            << opened.error().detail;
        faults->error = 0;
        EXPECT_TRUE(RocksStore::open(folder.path() / "store", tiny_options(faults)));
    }
}

}  // namespace
}  // namespace carillon
