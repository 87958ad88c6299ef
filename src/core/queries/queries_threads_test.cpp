// Shards on threads of their own, as in the server; what matters here is what tsan says.

#include "core/hub/hub.hpp"
#include "core/hub/hub_options.hpp"
#include "core/jobs/jobs.hpp"
#include "core/queries/queries.hpp"
#include "core/scan/query_scan.hpp"
#include "core/shard/twin_index.hpp"
#include "store/memory_store.hpp"

#include <gtest/gtest.h>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

namespace carillon {
namespace {

class PromptStorage final : public StorageExecutor {
public:
    void run(UniqueFunction<void()> work) override { work(); }
};

/// Time that passes whenever somebody looks, so that every scan gives way often.
class HastyClock final : public Clock {
public:
    TimePoint now() const override { return TimePoint(scan_slice_max * ++looks_); }
    WallTime wall_now() const override { return WallTime::from_unix_s(1'790'000'000); }

private:
    mutable std::atomic<int> looks_ = 0;
};

struct QueriesThreadsTest : ::testing::Test {
    static constexpr std::size_t threads = 4;
    static constexpr int devices = 2000;

    HastyClock clock;
    SystemRandom random;
    MemoryStore store;
    PromptStorage storage;
    std::vector<std::unique_ptr<boost::asio::io_context>> loops;
    std::unique_ptr<Hub> hub;

    QueriesThreadsTest() {
        std::vector<std::unique_ptr<Shard>> shards;
        for (std::size_t i = 0; i < threads; ++i) {
            loops.push_back(std::make_unique<boost::asio::io_context>(1));
            ShardContext context{.executor = loops.back()->get_executor(),
                                 .background = loops.back()->get_executor(),
                                 .clock = clock,
                                 .random = random,
                                 .store = store,
                                 .storage = storage,
                                 .shard_count = threads,
                                 .telemetry = {},
                                 .index = {.rows_min = 1, .probe_rows = 10}};
            shards.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i), context));
        }
        hub = std::make_unique<Hub>(std::move(shards), *Policies::load_or_create(store, random),
                                    std::vector<std::string>{"hub.example.net"}, JobEngineLimits{}, "key",
                                    HubOptions());
        for (int i = 0; i < devices; ++i) {
            const auto key = *IdentityKey::parse("d" + std::to_string(i));
            Record& record = hub->shards().owner(key.device).directory().add(key);
            record.committed.emplace();
            record.committed->identity = PackedIdentity(Identity(key));
        }
    }

    /// Reads all pages of `statement` from the thread of `loop`; answers the number of items.
    Task<std::size_t> count_items(std::string statement) {
        std::size_t items = 0;
        std::string token;
        do {
            QueryRequest request;
            request.statement = statement;
            request.continuation = token;
            auto page = co_await hub->queries().run(std::move(request));
            if (!page) co_return 0;
            items += page->items.size();
            token = page->continuation;
        } while (!token.empty());
        co_return items;
    }

    /// Runs all loops, a thread each, until every answer is there.
    template <class T>
    std::vector<T> gather(std::vector<std::future<T>> answers) {
        std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards;
        for (const auto& loop : loops) guards.emplace_back(loop->get_executor());
        std::vector<std::thread> running;
        for (const auto& loop : loops) running.emplace_back([&loop] { loop->run(); });
        std::vector<T> results;
        for (auto& answer : answers) results.push_back(answer.get());
        guards.clear();
        for (const auto& loop : loops) loop->stop();
        for (std::thread& thread : running) thread.join();
        return results;
    }
    template <class T>
    std::future<T> start(std::size_t loop, Task<T> task) {
        auto promise = std::make_shared<std::promise<T>>();
        auto answer = promise->get_future();
        auto ended = [promise](std::exception_ptr error, T result) {
            promise->set_value(error ? T{} : result);
        };
        boost::asio::co_spawn(*loops[loop], std::move(task), ended);
        return answer;
    }

    /// Tags devices with 0 to 9, again and again, from the thread of whoever runs this.
    Task<std::size_t> tag_devices(int first, int step) {
        std::size_t written = 0;
        for (int i = first; i < devices; i += step) {
            const auto key = *IdentityKey::parse("d" + std::to_string(i));
            const std::string body = "{\"tags\":{\"n\":" + std::to_string(i % 10) + "}}";
            const auto json = JsonDocument::parse(body);
            auto patch = *TwinPatch::parse(json->root(), key);
            Shard& shard = hub->shards().owner(key.device);
            auto task = shard.write_twin(key, Shard::TwinWrite::patch, std::move(patch), EtagMatch{});
            auto result = co_await hub->shards().on(shard, std::move(task));
            if (result) ++written;
        }
        co_return written;
    }
    /// Asks until the answer is as expected, as each answer is on the way there.
    Task<std::size_t> ask_until(std::string statement, std::string expected) {
        std::string answer;
        for (std::size_t asked = 1;; ++asked) {
            QueryRequest request;
            request.statement = statement;
            auto page = co_await hub->queries().run(std::move(request));
            if (!page) co_return 0;
            if (!page->items.empty() && page->items.front() == expected) co_return asked;
        }
    }
};

TEST_F(QueriesThreadsTest, QueriesFromAllThreadsAtOnceSeeAllRows) {
    std::vector<std::future<std::size_t>> answers;
    for (std::size_t i = 0; i < threads; ++i) {
        answers.push_back(start(i, count_items("SELECT * FROM devices")));
        answers.push_back(start(i, count_items("SELECT deviceId, COUNT() FROM devices GROUP BY deviceId")));
    }
    for (const std::size_t items : gather(std::move(answers))) {
        EXPECT_EQ(items, static_cast<std::size_t>(devices));
    }
}

TEST_F(QueriesThreadsTest, ColumnsAreMadeAndReadWhileOtherThreadsWriteAndAsk) {
    std::vector<std::future<std::size_t>> answers;
    for (int i = 0; i < static_cast<int>(threads); ++i) {
        const auto loop = static_cast<std::size_t>(i);
        answers.push_back(start(loop, tag_devices(i, threads)));
        answers.push_back(
            start(loop, ask_until("SELECT COUNT() AS n FROM devices WHERE tags.n = " + std::to_string(i),
                                  R"({"n":200})")));
        answers.push_back(
            start(loop, ask_until("SELECT tags.n AS n, COUNT() AS c FROM devices WHERE tags.n > " +
                                      std::to_string(i) + " GROUP BY tags.n",
                                  "{\"n\":" + std::to_string(i + 1) + ",\"c\":200}")));
    }
    for (const std::size_t answer : gather(std::move(answers))) EXPECT_GT(answer, 0U);
    std::size_t columns = 0;
    for (std::size_t i = 0; i < threads; ++i) columns += hub->shards()[i].index().columns();
    EXPECT_GE(columns, 1U);
}

}  // namespace
}  // namespace carillon
