// Configurations over shards on threads of their own, as in the server, changed and read from all of them
// at once. What matters here is also what tsan says.

#include "core/configurations/configurations.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/hub_options.hpp"
#include "core/jobs/jobs.hpp"
#include "core/queries/queries.hpp"
#include "core/shard/shard.hpp"
#include "store/memory_store.hpp"

#include <gtest/gtest.h>
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

struct ConfigurationThreads : ::testing::Test {
    static constexpr std::size_t threads = 4;
    static constexpr std::size_t devices = 1000;

    SystemClock clock;
    SystemRandom random;
    MemoryStore store;
    PromptStorage storage;
    std::vector<std::unique_ptr<boost::asio::io_context>> loops;
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards;
    std::vector<std::thread> running;
    std::unique_ptr<Hub> hub;

    ConfigurationThreads() {
        std::vector<std::unique_ptr<Shard>> shards;
        for (std::size_t i = 0; i < threads; ++i) {
            loops.push_back(std::make_unique<boost::asio::io_context>(1));
            guards.emplace_back(loops.back()->get_executor());
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
        for (std::size_t i = 0; i < devices; ++i) {
            const auto key = *IdentityKey::parse("d" + std::to_string(i));
            Record& record = hub->shards().owner(key.device).directory().add(key);
            record.committed.emplace();
            record.committed->identity = PackedIdentity(Identity(key));
            record.committed->twin = Twin::fresh(clock.wall_now());
        }
        EXPECT_TRUE(hub->configurations().load());
        hub->configurations().start();
        for (const auto& loop : loops) running.emplace_back([&loop] { loop->run(); });
    }
    ~ConfigurationThreads() override {
        for (const auto& loop : loops) loop->stop();
        for (std::thread& thread : running) thread.join();
        hub.reset();
    }

    template <class T>
    std::future<T> begin(std::size_t i, Task<T> task) {
        auto promise = std::make_shared<std::promise<T>>();
        auto ended = [promise](std::exception_ptr error, T value) {
            if (error) std::terminate();
            promise->set_value(std::move(value));
        };
        boost::asio::co_spawn(*loops[i], std::move(task), std::move(ended));
        return promise->get_future();
    }
    Result<ConfigurationView> put(std::size_t i, const std::string& id, int priority, const char* match) {
        const std::string body = R"({"content":{"deviceContent":{"properties.desired.x":")" + id +
                                 R"("}},"targetCondition":"*","priority":)" + std::to_string(priority) + "}";
        const auto json = JsonDocument::parse(body);
        auto wanted = Configuration::parse(id, json->root());
        const auto header = match ? std::optional<std::string_view>(match) : std::nullopt;
        auto task = hub->configurations().put(*std::move(wanted),
                                              EtagMatch::parse(header, EtagMatch::Unquoted::ignore));
        return begin(i, std::move(task)).get();
    }
    std::size_t count(std::size_t i, const std::string& condition) {
        QueryRequest request;
        request.statement = "SELECT COUNT() AS n FROM devices WHERE " + condition;
        const auto page = begin(i, hub->queries().run(std::move(request))).get();
        if (!page) return 0;
        const auto json = JsonDocument::parse(page->items.front());
        return static_cast<std::size_t>(json->root().find("n").integer().value_or(0));
    }
    void until_count(const std::string& condition, std::size_t wanted) {
        for (std::size_t i = 0; count(i % threads, condition) != wanted; ++i) std::this_thread::yield();
    }
};

TEST_F(ConfigurationThreads, AreInForceEverywhereWhoeverChangesThemMeanwhile) {
    ASSERT_TRUE(put(1, "a", 1, nullptr));
    std::vector<std::future<Result<Document>>> writes;
    for (std::size_t i = 0; i < devices; i += 3) {
        const auto json = JsonDocument::parse(R"({"tags":{"n":1},"properties":{"desired":{"x":"other"}}})");
        const auto key = *IdentityKey::parse("d" + std::to_string(i));
        Shard& owner = hub->shards().owner(key.device);
        auto task = owner.write_twin(key, Shard::TwinWrite::patch, *TwinPatch::parse(json->root(), key), {});
        writes.push_back(begin(owner.number(), std::move(task)));
    }
    ASSERT_TRUE(put(2, "b", 2, nullptr));
    for (auto& write : writes) EXPECT_TRUE(write.get());
    until_count("properties.desired.x = 'b'", devices);
    ASSERT_TRUE(put(3, "a", 3, "*"));
    until_count("properties.desired.x = 'a'", devices);
    EXPECT_EQ(count(0, "configurations.a.status = 'Applied' AND configurations.b.status = 'Targeted'"),
              devices);
    const auto seen = begin(2, hub->configurations().find("a")).get();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->counts->applied, static_cast<std::int64_t>(devices));
    for (const char* id : {"a", "b"}) EXPECT_TRUE(begin(1, hub->configurations().remove(id, {})).get());
    until_count("IS_DEFINED(properties.desired.x)", 0);
    while (store.size(Table::configurations) != 0) std::this_thread::yield();
}

}  // namespace
}  // namespace carillon
