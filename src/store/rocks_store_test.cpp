// What only a store on a disk can promise: durability against kill -9, damage, a full disk.
#include "store/rocks_store.hpp"

#include "store/crc32c.hpp"
#include "store/store_files.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>
#include <vector>

namespace carillon {
namespace {

namespace fs = std::filesystem;

/// Small bounds, so that short tests also see buffers written out, files merged and logs turned.
RocksOptions small_options() {
    RocksOptions options;
    options.write_buffer_bytes = 1024 * 1024;
    options.write_buffers_bytes_max = 4 * 1024 * 1024;
    options.wal_bytes_max = 3 * 1024 * 1024;
    return options;
}

std::unique_ptr<RocksStore> open_store(const fs::path& path, const RocksOptions& options = small_options()) {
    auto opened = RocksStore::open(path, options);
    EXPECT_TRUE(opened) << opened.error().detail;
    return opened ? *std::move(opened) : nullptr;
}

/// The one file in `folder` with this extension, the newest if there are several.
fs::path newest(const fs::path& folder, std::string_view extension) {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == extension && entry.path() > found) found = entry.path();
    }
    return found;
}

Batch numbered(std::uint64_t number) {
    Batch batch;
    batch.put(Table::jobs, be_key(number), std::string(1000, 'x'));
    return batch;
}

bool has(const Store& store, Table table, std::string_view key) {
    const auto found = store.get(table, key);
    EXPECT_TRUE(found);
    return found && *found;
}

std::uint64_t count(const Store& store, Table table) {
    std::uint64_t rows = 0;
    const auto visit = [&rows](std::string_view, std::string_view) { return ++rows > 0; };
    EXPECT_TRUE(store.scan(table, "", "", visit));
    return rows;
}

TEST(RocksStore, ItsFolderIsForItsOwnerOnly) {
    const TestFolder folder;
    const auto store = open_store(folder.path() / "deep" / "store");
    struct stat info {};
    ASSERT_EQ(::stat((folder.path() / "deep" / "store").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(RocksStore, TheSecondToOpenAFolderIsRefused) {
    const TestFolder folder;
    const auto store = open_store(folder.path() / "store");
    const auto second = RocksStore::open(folder.path() / "store");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::store_failed);
    EXPECT_NE(second.error().detail.find(folder.path().string()), std::string::npos);
}

TEST(RocksStore, AFolderThatCannotBeMadeIsAnErrorNotACrash) {
    const TestFolder folder;
    std::ofstream(folder.path() / "file") << "x";
    const auto opened = RocksStore::open(folder.path() / "file" / "store");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::store_failed);
}

TEST(RocksStore, ARecordLeftUnfinishedBehindTheAcknowledgedOnesIsDropped) {
    for (const std::size_t torn : {std::size_t{1}, std::size_t{6}, std::size_t{100}, std::size_t{40'000}}) {
        const TestFolder folder;
        {
            const auto store = open_store(folder.path() / "store");
            for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(store->commit(numbered(i)));
        }
        // A header that announces more than there is, or garbage in place of a page.
        std::ofstream(newest(folder.path() / "store", ".log"), std::ios::binary | std::ios::app)
            << std::string(torn, '\x01');
        const auto store = open_store(folder.path() / "store");
        ASSERT_NE(store, nullptr);
        EXPECT_EQ(count(*store, Table::jobs), 100U) << torn;
        ASSERT_TRUE(store->commit(numbered(100)));
    }
}

/// What a backup takes: the files' bytes, and a ledger of what they must hold.
void copy_store(const StoreCopy& copy, const fs::path& to) {
    fs::create_directories(to);
    LedgerEntries entries = copy.entries();
    for (const CopiedFile& file : copy.files()) {
        std::string bytes = file.content;
        if (bytes.empty()) {
            std::ifstream in(copy.folder() / file.name, std::ios::binary);
            bytes.assign(std::istreambuf_iterator<char>(in), {});
            ASSERT_GE(bytes.size(), file.bytes) << file.name;
            bytes.resize(file.bytes);
        }
        if (file.checksum) {
            EXPECT_EQ(crc32c(0, bytes), *file.checksum) << file.name;
        }
        if (file.kind == CopiedFile::Kind::manifest) {
            entries.manifest = FileClaim{file.number, file.bytes, crc32c(0, bytes)};
        }
        std::ofstream(to / file.name, std::ios::binary) << bytes;
    }
    std::ofstream(ledger_path(to), std::ios::binary) << encode_ledger(entries, 1);
}

/// While another thread commits, buffers are written out and files merged.
TEST(RocksStore, ACopyHoldsWhatWasAcknowledgedAndAPrefixOfTheRest) {
    const TestFolder folder;
    const auto store = open_store(folder.path() / "store");
    std::atomic<std::uint64_t> acknowledged{0};
    std::atomic<bool> ends{false};
    std::thread committing([&] {
        for (std::uint64_t i = 0; !ends; ++i) {
            ASSERT_TRUE(store->commit(numbered(i)));
            acknowledged = i + 1;
        }
    });
    for (int round = 0; round < 20; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const std::uint64_t before = acknowledged;
        const fs::path to = folder.path() / std::to_string(round);
        {
            const auto copy = store->copy();
            ASSERT_TRUE(copy);
            const std::uint64_t after = acknowledged + 1;  // One may be under way.
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
            ASSERT_TRUE(store->compact(Table::jobs));
            copy_store(**copy, to);
            const auto opened = open_store(to);
            ASSERT_NE(opened, nullptr);
            const std::uint64_t found = count(*opened, Table::jobs);
            EXPECT_GE(found, before);
            EXPECT_LE(found, after);
            if (found > 0) {
                EXPECT_TRUE(has(*opened, Table::jobs, be_key(found - 1)));
            }
        }
        fs::remove_all(to);
    }
    ends = true;
    committing.join();
}

std::uint64_t bytes_on_disk(const fs::path& folder) {
    std::uint64_t bytes = 0;
    for (const auto& file : fs::directory_iterator(folder)) {
        std::error_code gone;  // By a merge, meanwhile.
        const std::uint64_t size = file.file_size(gone);
        if (!gone) bytes += size;
    }
    return bytes;
}

TEST(RocksStore, TheDiskGetsBackWhatRemovedMessagesTook) {
    const TestFolder folder;
    RocksOptions options;
    options.event_bytes = 32 * 1024 * 1024;
    auto opened = RocksStore::open(folder.path() / "store", options);
    ASSERT_TRUE(opened);
    RocksStore& store = **opened;
    constexpr std::uint64_t message_bytes = 1000;
    const std::uint64_t kept = options.event_bytes / message_bytes / 64 * 16;
    std::mt19937_64 random(5);
    const auto key = [](std::uint64_t partition, std::uint64_t number) {
        return be_key(partition).substr(4) + be_key(number);
    };
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < kept * 5; i += 16) {
        Batch batch;
        for (std::uint64_t partition = 0; partition < 4; ++partition) {
            for (std::uint64_t j = i; j < i + 16; ++j) {
                std::string body(message_bytes, '\0');
                for (char& c : body) c = static_cast<char>(random());
                batch.put(Table::events, key(partition, j), std::move(body));
            }
            if (i >= kept) {
                batch.erase_range(Table::events, key(partition, i - kept), key(partition, i - kept + 16));
            }
        }
        ASSERT_TRUE(store.commit(batch));
        most = std::max(most, bytes_on_disk(folder.path() / "store"));
    }
    EXPECT_EQ(count(store, Table::events), kept * 4);
    // A smaller bound may be exceeded by a little, as a buffer has no less than 1 MiB.
    EXPECT_LE(most, 2 * options.event_bytes) << "while messages come as fast as they are taken";
    // Without a commit that would make RocksDB merge. The wait ends a run in which nothing is freed.
    std::uint64_t bytes = 0;
    for (int i = 0; i < 600; ++i) {
        bytes = bytes_on_disk(folder.path() / "store");
        if (bytes <= 2 * options.event_bytes) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_LE(bytes, 2 * options.event_bytes);
    // And what an aging fleet leaves, which goes at once.
    Batch all;
    for (std::uint64_t partition = 0; partition < 4; ++partition) {
        all.erase_range(Table::events, key(partition, 0), key(partition, kept * 5));
    }
    ASSERT_TRUE(store.commit(all));
    for (int i = 0; i < 600; ++i) {
        bytes = bytes_on_disk(folder.path() / "store");
        if (bytes <= options.event_bytes) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_LE(bytes, options.event_bytes) << "the logs, of which half this size may stay";
    EXPECT_EQ(count(store, Table::events), 0U);
}

TEST(RocksStore, TrimmedMessagesStayAwayThroughMergesAndRestarts) {
    const TestFolder folder;
    auto store = open_store(folder.path() / "store");
    constexpr std::uint64_t messages = 3000;
    constexpr std::uint64_t kept = 500;
    for (std::uint64_t i = 0; i < messages; i += 100) {
        Batch batch;
        for (std::uint64_t j = i; j < i + 100; ++j) {
            batch.put(Table::events, be_key(j), std::string(2000, static_cast<char>('a' + j % 26)));
        }
        if (i > kept) batch.erase_range(Table::events, "", be_key(i - kept));
        ASSERT_TRUE(store->commit(batch));
        if (i % 500 == 0) {
            ASSERT_TRUE(store->flush());
        }
    }
    const auto expect_only_the_newest = [&store] {
        EXPECT_EQ(count(*store, Table::events), kept + 100);
        EXPECT_FALSE(has(*store, Table::events, be_key(messages - kept - 101)));
        EXPECT_TRUE(has(*store, Table::events, be_key(messages - kept - 100)));
    };
    expect_only_the_newest();
    ASSERT_TRUE(store->compact(Table::events));
    expect_only_the_newest();
    store.reset();
    store = open_store(folder.path() / "store");
    expect_only_the_newest();
}

// --- tests in a process of their own ----------------------------------------------------------
//
// Such a child is this program again, told by its environment to run one test that is disabled
// otherwise: RocksDB's threads do not survive a fork, so a mere fork would not do.

constexpr const char* folder_variable = "CARILLON_STORE_TEST_FOLDER";
constexpr int report_fd = 3;
constexpr int skipped_status = 77;

pid_t start_child(const char* test, const fs::path& folder, int report) {
    const std::string filter = std::string("--gtest_filter=") + test;
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setenv(folder_variable, folder.c_str(), 1);
    if (report >= 0) ::dup2(report, report_fd);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execl("/proc/self/exe", "store_test", filter.c_str(), "--gtest_also_run_disabled_tests",
            "--gtest_brief=1", nullptr);
    ::_exit(127);
}

/// What a writer reports once a batch is acknowledged.
struct Report {
    std::uint64_t writer;
    std::uint64_t number;
};
constexpr std::uint64_t writers = 2;

std::string writer_key(std::uint64_t writer, std::uint64_t number) {
    return be_key(writer) + be_key(number);
}

std::string writer_value(std::uint64_t writer, std::uint64_t number) {
    std::mt19937_64 random(writer * 1'000'003 + number);
    std::string value(16 + random() % 4000, '\0');
    for (char& c : value) c = static_cast<char>(random());
    return value;
}

/// Number of the writer's newest batch, 0 if there is none.
std::uint64_t last_of(const Store& store, std::uint64_t writer) {
    const auto last = store.get(Table::meta, be_key(writer));
    EXPECT_TRUE(last);
    return last && *last ? std::stoull(**last) : 0;
}

TEST(RocksStoreChild, DISABLED_CommitsUntilItIsKilled) {
    const char* folder = std::getenv(folder_variable);
    ASSERT_NE(folder, nullptr);
    const auto store = open_store(fs::path(folder) / "store");
    ASSERT_NE(store, nullptr);
    std::vector<std::thread> threads;
    for (std::uint64_t writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&store, writer] {
            for (std::uint64_t number = last_of(*store, writer) + 1;; ++number) {
                Batch batch;
                batch.put(Table::identities, writer_key(writer, number), writer_value(writer, number));
                batch.put(Table::job_events, writer_key(writer, number), writer_value(writer, number + 1));
                batch.put(Table::meta, be_key(writer), std::to_string(number));
                if (!store->commit(batch)) return;
                const Report report{writer, number};
                if (::write(report_fd, &report, sizeof report) != sizeof report) return;
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(RocksStore, WhatWasAcknowledgedSurvivesKillMinusNine) {
    constexpr int rounds = 20;
    const auto seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const TestFolder folder;
    std::array<std::uint64_t, writers> acknowledged{};
    for (int round = 0; round < rounds; ++round) {
        std::array<int, 2> pipe{};
        ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
        const pid_t child =
            start_child("RocksStoreChild.DISABLED_CommitsUntilItIsKilled", folder.path(), pipe[1]);
        ASSERT_GT(child, 0);
        ::close(pipe[1]);
        // The child dies some reports after its first, at a moment it knows nothing of.
        const std::uint64_t reports = 1 + random() % 150;
        Report report{};
        for (std::uint64_t seen = 0; seen < reports; ++seen) {
            ASSERT_EQ(::read(pipe[0], &report, sizeof report), static_cast<ssize_t>(sizeof report));
            acknowledged[report.writer] = std::max(acknowledged[report.writer], report.number);
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
        ::kill(child, SIGKILL);
        while (::read(pipe[0], &report, sizeof report) == static_cast<ssize_t>(sizeof report)) {
            acknowledged[report.writer] = std::max(acknowledged[report.writer], report.number);
        }
        ::close(pipe[0]);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, status " << status;

        const auto store = open_store(folder.path() / "store");
        ASSERT_NE(store, nullptr);
        for (std::uint64_t writer = 0; writer < writers; ++writer) {
            const std::uint64_t last = last_of(*store, writer);
            EXPECT_GE(last, acknowledged[writer]) << "an acknowledged batch is gone, round " << round;
            // Every batch up to the last is whole, and nothing of a later one is there.
            for (const Table table : {Table::identities, Table::job_events}) {
                std::uint64_t expected = 0;
                const std::uint64_t ahead = table == Table::job_events ? 1 : 0;
                const auto visit = [&](std::string_view key, std::string_view value) {
                    ++expected;
                    const bool is_right = key == writer_key(writer, expected) &&
                                          value == writer_value(writer, expected + ahead);
                    EXPECT_TRUE(is_right) << "record " << expected << " of writer " << writer;
                    return is_right;
                };
                EXPECT_TRUE(store->scan(table, be_key(writer), be_key(writer + 1), visit));
                EXPECT_EQ(expected, last);
            }
        }
        if (HasFailure()) break;
    }
}

/// A disk of 24 MiB on `folder`, for this process alone; false if this user may not.
bool mount_small_disk(const char* folder) {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", folder, "tmpfs", 0, "size=24m") == 0;
}

TEST(RocksStoreChild, DISABLED_FillsItsDisk) {
    const char* folder = std::getenv(folder_variable);
    ASSERT_NE(folder, nullptr);
    if (!mount_small_disk(folder)) ::_exit(skipped_status);

    const fs::path ballast = fs::path(folder) / "ballast";
    std::ofstream(ballast) << std::string(12 * 1024 * 1024, 'x');
    auto store = open_store(fs::path(folder) / "store");
    ASSERT_NE(store, nullptr);
    const auto batch_of = [](std::uint64_t n) {
        Batch batch;
        std::mt19937_64 random(n);
        std::string value(64 * 1024, '\0');
        for (char& c : value) c = static_cast<char>(random());
        batch.put(Table::identities, be_key(n), std::move(value));
        batch.put(Table::jobs, be_key(n), "x");
        return batch;
    };
    // Some room comes back by itself, as RocksDB removes the file it could not finish; so go on until
    // it stays full.
    std::vector<bool> accepted;
    std::uint64_t refused_in_a_row = 0;
    while (refused_in_a_row < 10) {
        ASSERT_LT(accepted.size(), 10'000U) << "a disk of 24 MiB took 10,000 batches of 64 KiB";
        const Result<> done = store->commit(batch_of(accepted.size()));
        accepted.push_back(done.has_value());
        refused_in_a_row = done ? 0 : refused_in_a_row + 1;
        if (!done) {
            EXPECT_EQ(done.error().code, Errc::store_failed);
            EXPECT_NE(done.error().detail.find("No space left"), std::string::npos) << done.error().detail;
        }
    }
    const auto expect_just_what_was_accepted = [&](std::string_view when) {
        for (std::uint64_t n = 0; n < accepted.size(); ++n) {
            EXPECT_EQ(has(*store, Table::identities, be_key(n)), accepted[n]) << n << ' ' << when;
            EXPECT_EQ(has(*store, Table::jobs, be_key(n)), accepted[n]) << n << ' ' << when;
        }
    };
    expect_just_what_was_accepted("while the disk is full");

    fs::remove(ballast);
    // It is looked for room every few seconds. This bound ends a run in which that never helps.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!accepted.back() && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        accepted.push_back(store->commit(batch_of(accepted.size())).has_value());
    }
    for (int i = 0; i < 20; ++i) {
        const Result<> done = store->commit(batch_of(accepted.size()));
        EXPECT_TRUE(done) << "there is room again: " << done.error().detail;
        accepted.push_back(done.has_value());
    }
    expect_just_what_was_accepted("with room again");
    store.reset();
    store = open_store(fs::path(folder) / "store");
    ASSERT_NE(store, nullptr);
    expect_just_what_was_accepted("after a restart");
}

TEST(RocksStoreChild, DISABLED_StartsOnAFullDisk) {
    const char* folder = std::getenv(folder_variable);
    ASSERT_NE(folder, nullptr);
    if (!mount_small_disk(folder)) ::_exit(skipped_status);
    const fs::path path = fs::path(folder) / "store";
    {
        const auto store = open_store(path);
        ASSERT_NE(store, nullptr);
        for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(store->commit(numbered(i)));
    }
    const fs::path ballast = fs::path(folder) / "ballast";
    std::ofstream(ballast) << std::string(64 * 1024 * 1024, 'x');
    for (const std::uint64_t free : {0, 4096, 64 * 1024, 1024 * 1024}) {
        fs::resize_file(ballast, fs::file_size(ballast) - free);
        const auto opened = RocksStore::open(path, small_options());
        ASSERT_FALSE(opened) << "with " << free << " bytes more";
        EXPECT_EQ(opened.error().code, Errc::store_failed);
        EXPECT_NE(opened.error().detail.find("is full"), std::string::npos) << opened.error().detail;
    }
    fs::remove(ballast);
    const auto store = open_store(path);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(count(*store, Table::jobs), 100U);
}

void expect_child_succeeds(const char* test) {
    const TestFolder folder;
    const pid_t child = start_child(test, folder.path(), -1);
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "the store crashed, status " << status;
    if (WEXITSTATUS(status) == skipped_status) {
        GTEST_SKIP() << "this user may not mount a small disk to fill";
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(RocksStore, AFullDiskRefusesCommitsUntilThereIsRoom) {
    expect_child_succeeds("RocksStoreChild.DISABLED_FillsItsDisk");
}

TEST(RocksStore, AStartOnAFullDiskIsRefusedInWords) {
    expect_child_succeeds("RocksStoreChild.DISABLED_StartsOnAFullDisk");
}

}  // namespace
}  // namespace carillon
