#include "core/jobs/notices/job_notices.hpp"

#include "core/shard/telemetry.hpp"
#include "core/testing/job_testing.hpp"

#include <algorithm>

namespace carillon {
namespace {

using testing::JobBench;
using namespace std::chrono_literals;

/// That each end is told once over crashes and refusals, job_crash_test and job_simulation_test see.
struct NoticeBench : JobBench {
    explicit NoticeBench(std::size_t shard_count = 2) : JobBench({}, shard_count) { want(true); }

    /// Dies with what is not on disk, and starts on what is; routes are loaded before jobs begin.
    void die() {
        links.clear();
        hub.reset();
        hub.emplace(store, clock, shards, limits);
        want(true);
        hub->settle();
    }
    void want(bool is_wanted) {
        EventSources sources;
        if (is_wanted) sources.add(EventSource::job_lifecycle);
        for (std::size_t i = 0; i < shards; ++i)
            (*hub)->shards()[i].telemetry().hub_events().set_sources(sources);
    }
    std::vector<Message> events() const {
        std::vector<Message> all;
        const auto visit = [&all](std::string_view, std::string_view value) {
            all.push_back(*decode_message(as_bytes(value)));
            return true;
        };
        EXPECT_TRUE(store.scan(Table::events, "", "\xFF", visit));
        return all;
    }
    static std::string property(const Message& event, std::string_view name) {
        for (const auto& [key, value] : event.properties) {
            if (key == name) return value.value_or("");
        }
        return "";
    }
    std::size_t count(std::string_view operation) const {
        const auto all = events();
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(),
            [operation](const Message& event) { return property(event, "opType") == operation; }));
    }
    std::size_t places() const {
        std::size_t count = 0;
        EXPECT_TRUE(store.scan(Table::meta, "job-notices/", "job-notices0", [&count](auto, auto) {
            ++count;
            return true;
        }));
        return count;
    }
};

TEST(JobNotices, ADevicesEndIsItsRowAndAJobsItsCounters) {
    NoticeBench bench;
    bench.hub->add_device("a");
    bench.connect("a");
    ASSERT_TRUE(bench.create("j", testing::method_body("deviceId = 'a'")));
    bench.hub->settle();
    EXPECT_TRUE(bench.events().empty()) << "nothing has ended";
    bench.answer("a", 207, R"({"ok":true})");
    const auto events = bench.events();
    ASSERT_EQ(events.size(), 2U);
    const auto& device = events[0].device_id.empty() ? events[1] : events[0];
    const auto& job = events[0].device_id.empty() ? events[0] : events[1];
    EXPECT_EQ(device.device_id, "a");
    EXPECT_EQ(device.body, bench.rows_json("j").at(0));
    EXPECT_NE(device.body.find(R"("deviceMethodResponse":{"status":207,"payload":{"ok":true}})"),
              std::string::npos);
    EXPECT_EQ(NoticeBench::property(device, "opType"), "deviceJobCompleted");
    EXPECT_EQ(NoticeBench::property(device, "jobId"), "j");
    EXPECT_EQ(NoticeBench::property(device, "jobType"), "scheduleDeviceMethod");
    EXPECT_EQ(NoticeBench::property(device, "iothub-message-schema"), "deviceJobLifecycleNotification");
    EXPECT_EQ(NoticeBench::property(job, "opType"), "jobCompleted");
    EXPECT_NE(job.body.find(R"("status":"completed")"), std::string::npos) << job.body;
    EXPECT_NE(job.body.find(R"("deviceJobStatistics":{"deviceCount":1,"failedCount":0,"succeededCount":1,)"),
              std::string::npos)
        << job.body;
    EXPECT_EQ(bench.places(), 0U) << "all is told";
}

/// The part is complete each time when all its devices have ended, and goes on when another one joins.
TEST(JobNotices, TheEndOfEachDeviceThatJoinsIsToldWheneverItJoins) {
    for (int steps = 0; steps < 40; ++steps) {
        SCOPED_TRACE(steps);
        NoticeBench bench(1);
        std::string body = testing::twin_body("tags.n = 1");
        body.back() = ',';
        ASSERT_TRUE(bench.create("j", body + R"("rollout":{"members":{"mode":"continuous"}}})"));
        bench.hub->add_device("a");
        bench.hub->add_device("b");
        const auto tag = [&bench](const std::string& id) {
            const auto json = JsonDocument::parse(R"({"tags":{"n":1}})");
            const auto key = *IdentityKey::parse(id);
            auto& shard = (*bench.hub)->shards().owner(key.device);
            return bench.hub->begin(shard.write_twin(key, Shard::TwinWrite::patch,
                                                     *TwinPatch::parse(json->root(), key), EtagMatch{}));
        };
        const auto first = tag("a");
        for (int i = 0; i < steps; ++i) {
            if (!bench.hub->storage().step()) bench.hub->io().restart();
            bench.hub->io().restart();
            bench.hub->io().poll_one();
        }
        const auto second = tag("b");
        bench.hub->settle();
        bench.hub->advance(2s);
        bench.hub->settle();
        EXPECT_EQ(bench.count("deviceJobCompleted"), 2U);
    }
}

TEST(JobNotices, WhatIsDecidedAboutARolloutIsTheLineOfItsHistory) {
    NoticeBench bench;
    for (const auto* id : {"a", "b", "c"}) bench.hub->add_device(id);
    std::string body = testing::twin_body("*");
    body.back() = ',';
    ASSERT_TRUE(
        bench.create("j", body + R"("rollout":{"waves":[{"size":1,"gate":"manual"},{"size":"rest"}]}})"));
    bench.hub->settle();
    EXPECT_EQ(bench.count("jobWaveOpened"), 1U);
    EXPECT_EQ(bench.count("jobWaveAtGate"), 1U);
    for (const auto* quiet : {"jobCreated", "jobPrepared", "jobStarted", "jobSealed"})
        EXPECT_EQ(bench.count(quiet), 0U);
    bench.die();
    EXPECT_EQ(bench.count("jobWaveOpened"), 1U) << "what is on disk is not decided again";
    const auto events = bench.events();
    const auto gate = std::find_if(events.begin(), events.end(), [](const Message& event) {
        return NoticeBench::property(event, "opType") == "jobWaveAtGate";
    });
    EXPECT_EQ(NoticeBench::property(*gate, "jobId"), "j");
    EXPECT_TRUE(gate->device_id.empty());
    EXPECT_NE(gate->body.find(R"("event":"waveAtGate","wave":0,"size":1,"succeeded":1)"), std::string::npos)
        << gate->body;
}

TEST(JobNotices, NothingIsToldThatNoRouteWants) {
    NoticeBench bench;
    bench.want(false);
    bench.hub->add_device("a");
    ASSERT_TRUE(bench.create("j", testing::twin_body("*")));
    bench.hub->settle();
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_TRUE(bench.events().empty());
    EXPECT_EQ(bench.places(), 0U);
}

TEST(JobNotices, ARouteThatComesWhileAJobRunsIsToldOfThoseThatEndFromThenOn) {
    NoticeBench bench(1);
    bench.want(false);
    for (const auto* id : {"a", "b", "c"}) {
        bench.hub->add_device(id);
        bench.connect(id);
    }
    ASSERT_TRUE(bench.create("j", testing::method_body("*")));
    bench.hub->settle();
    bench.answer("a", 200);
    bench.want(true);
    bench.answer("b", 200);
    EXPECT_EQ(bench.count("deviceJobCompleted"), 1U);
    EXPECT_EQ(bench.places(), 1U);
    bench.want(false);
    bench.answer("c", 200);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.events().size(), 1U);
    EXPECT_EQ(bench.places(), 0U) << "nothing is owed to a route that is gone";
}

TEST(JobNotices, ThousandsThatEndByOneEventAreToldInPieces) {
    NoticeBench bench(1);
    constexpr std::size_t count = 20 * JobNotices::piece_devices_max + 3;
    for (std::size_t i = 0; i < count; ++i) bench.hub->add_device(fmt::format("d{:05}", i));
    ASSERT_TRUE(bench.create("j", testing::method_body("*", 60)));
    bench.hub->settle();
    bench.clock.advance(61s);
    (*bench.hub)->shards()[0].timers().run_due(bench.clock.now());
    // The process dies when the end is on disk and a part of it is told.
    while (bench.count("deviceJobFailed") == 0) {
        bench.hub->io().restart();
        ASSERT_TRUE(bench.hub->io().poll_one() > 0 || bench.hub->storage().waiting() > 0);
        bench.hub->storage().step();
    }
    const auto told = bench.count("deviceJobFailed");
    EXPECT_LT(told, count);
    bench.die();
    bench.hub->advance(1s);
    EXPECT_EQ(bench.count("deviceJobFailed"), count);
    std::vector<std::string> ids;
    for (const auto& event : bench.events()) {
        if (!event.device_id.empty()) ids.push_back(event.device_id);
    }
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end()) << "each once";
    EXPECT_EQ(bench.count("jobCompleted"), 1U);
    EXPECT_EQ(bench.places(), 0U);
}

TEST(JobNotices, WhatAJobsLogNoLongerHoldsIsForgotten) {
    NoticeBench bench(1);
    std::string key = "job-notices/0/";
    key += std::string("\0\0\0\0\0\0\0\x09", 8);
    Batch batch;
    batch.put(Table::meta, key, std::string(16, '\0'));
    ASSERT_TRUE(bench.store.commit(batch));
    bench.die();
    bench.hub->add_device("a");
    ASSERT_TRUE(bench.create("j", testing::twin_body("*")));
    bench.hub->settle();
    EXPECT_EQ(bench.places(), 0U);
    EXPECT_EQ(bench.count("deviceJobCompleted"), 1U);
}

}  // namespace
}  // namespace carillon
