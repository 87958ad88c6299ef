// Power that goes in the middle of whatever the store does: nothing acknowledged is lost, and what is there
// is a state that the store was in. Each round is a process of its own that opens what the one before left,
// looks at it, writes, and loses its power at a call that chance picks.

#include "store/power_cut_files_testing.hpp"
#include "store/rocks_store.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

namespace carillon {
namespace {

constexpr std::size_t power_writers = 3;
constexpr std::uint64_t keys_of_writer = 16;
constexpr int rounds_default = 60;

enum Exit : int { power_gone = 42, wrong = 43 };

/// What processes of all rounds know.
struct Journal {
    std::array<std::atomic<std::uint64_t>, power_writers> acknowledged;
    std::array<std::atomic<std::uint64_t>, power_writers> begun;
    std::array<char, 1024> fault;
};

std::string key_of(std::size_t writer, std::uint64_t key) {
    return be_key(writer << 32 | key);
}
std::string value_of(std::size_t writer, std::uint64_t n) {
    // From a few bytes to more than a block; some batches turn a log or fill a buffer.
    const std::uint64_t length = n % 13 == 0 ? 20'000 : 8 + n * 37 % 2000;
    std::string value = be_key(writer << 32 | n);
    value.resize(length, static_cast<char>('a' + n % 26));
    return value;
}

using PowerRows = std::map<std::string, std::string>;
struct State {
    PowerRows documents;
    PowerRows messages;
    bool operator==(const State&) const = default;
};

/// The n-th batch of a writer, from 1: a document, a counter, a message; sometimes the end of some.
Batch batch_of(std::size_t writer, std::uint64_t n) {
    Batch batch;
    batch.put(Table::identities, key_of(writer, n % keys_of_writer), value_of(writer, n));
    batch.put(Table::jobs, key_of(writer, 0), be_key(n));
    batch.put(Table::events, key_of(writer, n), value_of(writer, n));
    if (n % 5 == 0) batch.erase(Table::identities, key_of(writer, (n + 7) % keys_of_writer));
    if (n % 11 == 0) batch.erase_range(Table::identities, key_of(writer, 8), key_of(writer, 12));
    if (n % 17 == 0 && n > 40) batch.erase_range(Table::events, key_of(writer, 0), key_of(writer, n - 40));
    return batch;
}

/// What is there behind the writer's first `count` batches.
State state_after(std::size_t writer, std::uint64_t count) {
    State state;
    for (std::uint64_t n = 1; n <= count; ++n) {
        const Batch batch = batch_of(writer, n);
        for (const Batch::Op& op : batch.ops()) {
            if (op.table == Table::jobs) continue;
            PowerRows& rows = op.table == Table::events ? state.messages : state.documents;
            switch (op.kind) {
                case Batch::Op::Kind::put:
                    rows[op.key] = op.value;
                    break;
                case Batch::Op::Kind::erase:
                    rows.erase(op.key);
                    break;
                case Batch::Op::Kind::erase_range:
                    rows.erase(rows.lower_bound(op.key), rows.lower_bound(op.value));
                    break;
            }
        }
    }
    return state;
}

class Round {
public:
    Round(Journal& journal, std::filesystem::path folder, std::uint64_t seed)
        : journal_(journal), folder_(std::move(folder)), seed_(seed) {}

    [[noreturn]] void run() {
        std::mt19937_64 chance(seed_);
        const std::uint64_t cuts_at = 1 + chance() % 500;
        const std::filesystem::path aside = folder_ / ("aside-" + std::to_string(seed_));
        auto power = std::make_shared<PowerState>(aside, seed_, cuts_at, [] { ::_exit(power_gone); });
        RocksOptions options;
        options.write_buffer_bytes = 64 * 1024;
        options.write_buffers_bytes_max = 256 * 1024;
        options.wal_bytes_max = 128 * 1024;
        options.event_bytes = 512 * 1024;
        options.files = std::make_shared<PoweredFiles>(power);
        auto opened = RocksStore::open(folder_ / "store", options);
        if (!opened) give_up("not opened: " + opened.error().detail);
        std::array<std::uint64_t, power_writers> at{};
        for (std::size_t writer = 0; writer < power_writers; ++writer) at[writer] = look(**opened, writer);
        std::vector<std::thread> threads;
        for (std::size_t writer = 0; writer < power_writers; ++writer) {
            threads.emplace_back([this, &store = **opened, writer, next = at[writer] + 1]() mutable {
                for (;; ++next) write(store, writer, next);
            });
        }
        for (std::thread& thread : threads) thread.join();
        give_up("the power never went");
    }

private:
    [[noreturn]] void give_up(const std::string& why) {
        std::strncpy(journal_.fault.data(), why.c_str(), journal_.fault.size() - 1);
        ::_exit(wrong);
    }

    void write(RocksStore& store, std::size_t writer, std::uint64_t n) {
        journal_.begun[writer] = n;
        const Result<> done = store.commit(batch_of(writer, n));
        if (!done) give_up("refused: " + done.error().detail);
        journal_.acknowledged[writer] = n;
    }

    /// How many of the writer's batches are there: all that were acknowledged, and perhaps one more, whole.
    std::uint64_t look(const RocksStore& store, std::size_t writer) {
        const auto counter = store.get(Table::jobs, key_of(writer, 0));
        if (!counter) give_up("not read: " + counter.error().detail);
        std::uint64_t count = 0;
        for (const char c : counter->value_or("")) count = count << 8 | static_cast<unsigned char>(c);
        const std::uint64_t acknowledged = journal_.acknowledged[writer];
        const std::uint64_t begun = journal_.begun[writer];
        if (count < acknowledged || count > begun) {
            give_up("writer " + std::to_string(writer) + ": " + std::to_string(count) +
                    " batches are there, " + std::to_string(acknowledged) + " were acknowledged, " +
                    std::to_string(begun) + " begun");
        }
        State found;
        const auto read = [&](Table table, PowerRows& rows) {
            const auto visit = [&rows](std::string_view key, std::string_view value) {
                rows.emplace(key, value);
                return true;
            };
            const auto done = store.scan(table, key_of(writer, 0), key_of(writer + 1, 0), visit);
            if (!done) give_up("not read: " + done.error().detail);
        };
        read(Table::identities, found.documents);
        read(Table::events, found.messages);
        if (found != state_after(writer, count)) give_up("the state is none that the store was in");
        journal_.acknowledged[writer] = count;
        return count;
    }

    Journal& journal_;
    const std::filesystem::path folder_;
    const std::uint64_t seed_;
};

int rounds() {
    const char* const wanted = std::getenv("STORE_POWER_CUTS");
    return wanted != nullptr ? std::atoi(wanted) : rounds_default;
}

// Run by the test below, in a process of its own.
TEST(StorePower, DISABLED_Rounds) {
    const TestFolder folder;
    void* const shared =
        ::mmap(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    Journal& journal = *new (shared) Journal{};
    const char* const first = std::getenv("STORE_POWER_SEED");
    const std::uint64_t seed = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
    std::uint64_t batches = 0;
    for (int i = 0; i < rounds(); ++i) {
        const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(i);
        // This process has no threads of RocksDB, which is opened in the children only.
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) Round(journal, folder.path(), own_seed).run();
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status))
            << "seed " << seed << ", round " << i << ": signal " << WTERMSIG(status);
        ASSERT_EQ(WEXITSTATUS(status), power_gone)
            << "seed " << seed << ", round " << i << ": " << journal.fault.data();
        std::error_code ignored;
        std::filesystem::remove_all(folder.path() / ("aside-" + std::to_string(own_seed)), ignored);
    }
    for (const auto& count : journal.acknowledged) batches += count;
    RecordProperty("batches", std::to_string(batches));
    std::printf("%d cuts, %llu batches acknowledged\n", rounds(), static_cast<unsigned long long>(batches));
    EXPECT_GT(batches, static_cast<std::uint64_t>(rounds()));
    ::munmap(shared, sizeof(Journal));
}

/// Starts this program anew: the threads that other tests have left RocksDB would be missing in a fork, which
/// would wait for them for ever.
TEST(StorePower, NothingAcknowledgedIsLostWhenItGoes) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::execl("/proc/self/exe", "store_test", "--gtest_filter=StorePower.DISABLED_Rounds",
                "--gtest_also_run_disabled_tests", nullptr);
        ::_exit(EXIT_FAILURE);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace carillon
