// Jobs over shards on threads of their own, as in the server, read from all threads while they
// run: every answer adds up. What matters here is also what tsan says.

#include "core/hub/hub_options.hpp"
#include "core/testing/job_testing.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>

namespace carillon {
namespace {

using testing::FakeLink;

/// The storage thread.
class StorageThread final : public StorageExecutor {
public:
    StorageThread() : thread_([this] { loop_.run(); }) {}
    ~StorageThread() {
        guard_.reset();
        thread_.join();
    }
    void run(UniqueFunction<void()> work) override { boost::asio::post(loop_, std::move(work)); }

private:
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{loop_.get_executor()};
    std::thread thread_;
};

/// One shard's thread, with the driver of its timers.
struct Loop {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{context.get_executor()};
    boost::asio::steady_timer ticker{context};
    Shard* shard = nullptr;
    std::thread thread;

    void tick() {
        ticker.expires_after(std::chrono::milliseconds(2));
        ticker.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            shard->timers().run_due(shard->clock().now());
            tick();
        });
    }
};

struct JobThreads : ::testing::Test {
    static constexpr std::size_t shards = 4;
    static constexpr int devices = 3000;

    SystemClock clock;
    SystemRandom random;
    MemoryStore store;
    std::vector<std::unique_ptr<FakeLink>> links;
    std::vector<std::unique_ptr<Loop>> loops;
    std::unique_ptr<StorageThread> storage = std::make_unique<StorageThread>();
    std::unique_ptr<Hub> hub;

    JobThreads() {
        std::vector<std::unique_ptr<Shard>> made;
        for (std::size_t i = 0; i < shards; ++i) {
            loops.push_back(std::make_unique<Loop>());
            ShardContext context{.executor = loops.back()->context.get_executor(),
                                 .background = loops.back()->context.get_executor(),
                                 .clock = clock,
                                 .random = random,
                                 .store = store,
                                 .storage = *storage,
                                 .shard_count = shards,
                                 .telemetry = {}};
            made.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i), context));
            loops.back()->shard = made.back().get();
        }
        JobEngineLimits limits;
        limits.twin_chunk_devices = 100;
        limits.twin_log_devices_max = 1000;
        hub = std::make_unique<Hub>(std::move(made), *Policies::load_or_create(store, random),
                                    std::vector<std::string>{"hub.example.net"}, limits, "key", HubOptions());
        for (int i = 0; i < devices; ++i) add_device(fmt::format("d{:04}", i));
        hub->jobs().start();
        for (auto& loop : loops) {
            loop->tick();
            loop->thread = std::thread([&context = loop->context] { context.run(); });
        }
    }
    ~JobThreads() override {
        for (auto& loop : loops) loop->context.stop();
        for (auto& loop : loops) loop->thread.join();
        storage.reset();  // What it still posts stays on loops that stand.
        hub.reset();
    }

    /// Every device is connected and answers at once.
    void add_device(const std::string& id) {
        const auto key = *IdentityKey::parse(id);
        auto& shard = hub->shards().owner(key.device);
        Record& record = shard.directory().add(key);
        record.committed.emplace();
        record.committed->identity = PackedIdentity(Identity(key));
        record.committed->twin = Twin::fresh(clock.wall_now());
        auto link = std::make_unique<FakeLink>();
        link->on_method = [&shard, &record](const FakeLink::Call& call) {
            shard.methods().answered(record, call.id, 200, "");
        };
        shard.attach(record, *link);
        links.push_back(std::move(link));
    }

    /// Runs `task` on the loop of shard `i` and waits for its end, from the test's thread.
    template <class T>
    T run(std::size_t i, Task<T> task) {
        auto promise = std::make_shared<std::promise<T>>();
        auto ended = [promise](std::exception_ptr error, T value) {
            if (error) std::terminate();
            promise->set_value(std::move(value));
        };
        boost::asio::co_spawn(loops[i]->context, std::move(task), std::move(ended));
        return promise->get_future().get();
    }
    void create(const std::string& id, const std::string& body) {
        auto definition = testing::parse_job(id, body, clock.wall_now());
        ASSERT_TRUE(definition);
        ASSERT_TRUE(run(1, hub->jobs().create(*std::move(definition))));
    }
    /// Reads the job over and over until it is over; each answer must add up.
    JobSnapshot watch(const std::string& id) {
        for (;;) {
            auto job = hub->jobs().snapshot(id);
            if (!job) {
                ADD_FAILURE() << id << " is not known";
                return {};
            }
            if (job->counts) {
                const auto& c = *job->counts;
                EXPECT_EQ(c.device, c.pending + c.running + c.succeeded + c.failed + c.canceled);
            }
            if (is_terminal(job->status)) return *job;
            std::this_thread::yield();
        }
    }
    std::size_t count_rows(const std::string& id) {
        std::size_t rows = 0;
        std::string position;
        do {
            std::optional<std::vector<std::string>> ids;
            ids.emplace({id});
            const auto always = [](const DeviceJob&, query::Meter&) { return true; };
            auto page = run(2, hub->jobs().device_jobs(ids, std::nullopt, always, position, 500));
            if (!page) return 0;
            rows += page->rows.size();
            position = page->position;
        } while (!position.empty());
        return rows;
    }
};

TEST_F(JobThreads, JobsOverAllShardsReachTheirEndAndEveryAnswerOnTheWayAddsUp) {
    create("t1", testing::twin_body("*"));
    create("m1", testing::method_body("*"));
    create("t2", testing::twin_body("*", R"({"a":1})"));
    create("m2", testing::method_body("deviceId != 'd0001'"));
    for (const auto* id : {"t1", "m1", "t2", "m2"}) {
        const auto job = watch(id);
        const auto expected =
            static_cast<std::uint64_t>(*(id + 1) == '2' && *id == 'm' ? devices - 1 : devices);
        EXPECT_EQ(job.status, JobStatus::completed) << id;
        EXPECT_EQ(job.counts->succeeded, expected) << id;
        EXPECT_EQ(count_rows(id), expected) << id;
    }
}

TEST_F(JobThreads, CancellingFromAnotherThreadEndsAJobInAnyState) {
    for (int i = 0; i < 20; ++i) {
        const auto id = fmt::format("j{}", i);
        create(id, i % 2 == 0 ? testing::twin_body("*") : testing::method_body("*"));
        for (int spin = 0; spin < i * 20; ++spin) std::this_thread::yield();
        const auto cancelled = run(3, hub->jobs().cancel(id));
        const auto job = watch(id);
        EXPECT_EQ(job.status, cancelled ? JobStatus::cancelled : JobStatus::completed);
        if (job.counts) {
            EXPECT_EQ(job.counts->device, static_cast<std::uint64_t>(devices));
        }
    }
}

}  // namespace
}  // namespace carillon
