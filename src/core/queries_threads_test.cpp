// Shards on threads of their own, as in the server; what matters here is what tsan says.

#include "core/hub_options.hpp"
#include "core/jobs.hpp"
#include "core/queries.hpp"
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
    TimePoint now() const override { return TimePoint(Queries::slice_max * ++looks_); }
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
                                 .telemetry = {}};
            shards.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i), context));
        }
        hub = std::make_unique<Hub>(std::move(shards), *Policies::load_or_create(store, random),
                                    std::vector<std::string>{"hub.example.net"}, JobEngineLimits{}, "key",
                                    HubOptions());
        for (int i = 0; i < devices; ++i) {
            const auto key = *IdentityKey::parse("d" + std::to_string(i));
            Record& record = hub->owner(key.device).directory().add(key);
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
};

TEST_F(QueriesThreadsTest, QueriesFromAllThreadsAtOnceSeeAllRows) {
    std::vector<std::future<std::size_t>> answers;
    for (std::size_t i = 0; i < threads; ++i) {
        for (const char* statement :
             {"SELECT * FROM devices", "SELECT deviceId, COUNT() FROM devices GROUP BY deviceId"}) {
            auto promise = std::make_shared<std::promise<std::size_t>>();
            answers.push_back(promise->get_future());
            auto ended = [promise](std::exception_ptr error, std::size_t items) {
                promise->set_value(error ? 0 : items);
            };
            boost::asio::co_spawn(*loops[i], count_items(statement), ended);
        }
    }
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards;
    for (const auto& loop : loops) guards.emplace_back(loop->get_executor());
    std::vector<std::thread> running;
    for (const auto& loop : loops) running.emplace_back([&loop] { loop->run(); });
    for (auto& answer : answers) EXPECT_EQ(answer.get(), static_cast<std::size_t>(devices));
    guards.clear();
    for (const auto& loop : loops) loop->stop();
    for (std::thread& thread : running) thread.join();
}

}  // namespace
}  // namespace carillon
