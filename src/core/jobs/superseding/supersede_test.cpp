// Jobs that take over what earlier ones have not done. Cases of docs/rollout-reference.md.

#include "base/text.hpp"
#include "core/jobs/job_coordinator.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto one_second = milliseconds(1000);

std::string superseding_twin_job(std::string_view rollout, std::string_view property, int value) {
    return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":)"
                       R"({{"{}":{}}}}}}},"queryCondition":"*","rollout":{}}})",
                       property, value, rollout);
}

struct Supersede : ::testing::Test {
    void connect(int from, int to) {
        for (int i = from; i < to; ++i) bench.answer_as(fmt::format("d{:05}", i), {});
        bench.hub->settle();
    }
    std::vector<DeviceReport> report(const std::string& id, const DeviceReportFilter& filter = {}) {
        auto reports = (*bench.hub)->jobs().report(id, filter);
        EXPECT_TRUE(reports);
        std::vector<DeviceReport> all;
        for (;;) {
            const auto rows = bench.hub->run((*reports)->next());
            if (!rows || rows->empty()) return all;
            all.insert(all.end(), rows->begin(), rows->end());
        }
    }
    RolloutBench bench;
};

TEST_F(Supersede, G5_3ANewerConfigurationTakesThoseThatTheOlderOneWaitsFor) {
    bench.add(1000);
    connect(0, 700);
    const auto waiting = R"({"supersede":{},"offline":{"then":"wait"}})";
    ASSERT_TRUE(bench.create("cfg-1", superseding_twin_job(waiting, "interval", 30)));
    bench.pass(seconds(20), one_second);
    EXPECT_EQ(bench.counts("cfg-1").succeeded, 700U);
    EXPECT_EQ(bench.counts("cfg-1").pending, 300U);
    // One of a stock client, which takes no part.
    ASSERT_TRUE(bench.create("stock", twin_body("*", R"({"interval":45})")));
    bench.pass(seconds(5), one_second);
    EXPECT_EQ(bench.counts("stock").succeeded, 1000U);

    ASSERT_TRUE(bench.create("cfg-2", superseding_twin_job(waiting, "interval", 60)));
    bench.pass(seconds(20), one_second);
    EXPECT_EQ(bench.status("cfg-1"), JobStatus::completed);
    EXPECT_EQ(bench.counts("cfg-1").canceled, 300U);
    EXPECT_EQ(bench.counts("cfg-2").succeeded, 700U);
    EXPECT_EQ(bench.counts("cfg-2").pending, 300U);
    DeviceReportFilter filter;
    filter.status = DeviceJobStatus::canceled;
    const auto canceled = report("cfg-1", filter);
    ASSERT_EQ(canceled.size(), 300U);
    EXPECT_EQ(canceled[0].canceled, CancelReason::superseded);
    EXPECT_EQ(canceled[0].taker, "cfg-2");

    // What acts upon something else touches nothing, and what takes no part is not touched.
    ASSERT_TRUE(bench.create("cfg-3", superseding_twin_job(waiting, "level", 1)));
    ASSERT_TRUE(
        bench.create("silent", superseding_twin_job(R"({"offline":{"then":"wait"}})", "interval", 90)));
    bench.pass(seconds(20), one_second);
    EXPECT_EQ(bench.counts("cfg-2").pending, 300U);
    EXPECT_EQ(bench.counts("silent").pending, 300U);

    connect(700, 1000);
    bench.pass(seconds(20), one_second);
    for (const auto* job : {"cfg-2", "cfg-3", "silent"}) {
        EXPECT_EQ(bench.status(job), JobStatus::completed) << job;
        EXPECT_EQ(bench.counts(job).succeeded, 1000U) << job;
    }
}

TEST_F(Supersede, TheOrderIsThatOfTheStarts) {
    bench.add(10);
    ASSERT_TRUE(bench.create("later", fmt::format(R"({{"type":"scheduleDeviceMethod","startTime":"{}",)"
                                                  R"("cloudToDeviceMethod":{{"methodName":"m"}},)"
                                                  R"("queryCondition":"*","rollout":{{"supersede":{{}}}}}})",
                                                  to_iso8601(bench.clock.wall_now().plus_s(60)))));
    ASSERT_TRUE(bench.create("now", rollout_body(R"({"supersede":{}})")));
    bench.pass(seconds(30), one_second);
    EXPECT_EQ(bench.counts("now").pending, 10U);
    bench.pass(seconds(60), one_second);
    EXPECT_EQ(bench.status("now"), JobStatus::completed);
    EXPECT_EQ(bench.counts("now").canceled, 10U);
    EXPECT_EQ(bench.counts("later").pending, 10U);
}

TEST_F(Supersede, AKeyDecidesWhereThereIsOne) {
    bench.add(4);
    ASSERT_TRUE(bench.create("fw", rollout_body(R"({"supersede":{"key":"fw"}})")));
    ASSERT_TRUE(bench.create("door", rollout_body(R"({"supersede":{"key":"door"}})")));
    ASSERT_TRUE(bench.create("none", rollout_body(R"({"supersede":{}})")));
    bench.pass(seconds(5), one_second);
    for (const auto* job : {"fw", "door", "none"}) EXPECT_EQ(bench.counts(job).pending, 4U) << job;
    // Of another type and of the same key.
    ASSERT_TRUE(bench.create("desired", superseding_twin_job(R"({"supersede":{"key":"fw"}})", "fw", 2)));
    bench.pass(seconds(5), one_second);
    EXPECT_EQ(bench.counts("fw").canceled, 4U);
    EXPECT_EQ(bench.counts("door").pending, 4U);
    EXPECT_EQ(bench.counts("none").pending, 4U);
}

TEST_F(Supersede, WhatHasBegunEndsNormallyAndIsNotRepeated) {
    bench.add(3);
    bench.answer_as("d00000", {seconds(5), 200});
    bench.answer_as("d00001", {seconds(5), 503});
    const auto again = R"({"supersede":{},"retry":{"attempts":5,"backoff":{"from":"1s"}}})";
    ASSERT_TRUE(bench.create("old", rollout_body(again)));
    bench.pass(seconds(1), one_second);
    ASSERT_EQ(bench.counts("old").running, 2U);
    ASSERT_TRUE(bench.create("new", rollout_body(R"({"supersede":{}})", "deviceId = 'd00002'")));
    bench.pass(seconds(1), one_second);
    EXPECT_EQ(bench.counts("old").canceled, 1U) << "and no device that the newer one does not have";
    ASSERT_TRUE(bench.create("newest", rollout_body(R"({"supersede":{}})")));
    bench.pass(seconds(1), one_second);
    EXPECT_EQ(bench.counts("old").running, 2U);
    EXPECT_EQ(bench.counts("new").canceled, 1U);
    bench.pass(seconds(30), one_second);
    EXPECT_EQ(bench.status("old"), JobStatus::completed);
    EXPECT_EQ(bench.counts("old").succeeded, 1U);
    EXPECT_EQ(bench.counts("old").canceled, 2U) << "the one that answered 503 is not called again";
    EXPECT_EQ(bench.progress("old").attempts, 2U);
    DeviceReportFilter filter;
    filter.status = DeviceJobStatus::canceled;
    std::vector<std::string> takers;
    for (const auto& row : report("old", filter)) takers.push_back(row.device_id + " " + row.taker);
    std::sort(takers.begin(), takers.end());
    EXPECT_EQ(takers, (std::vector<std::string>{"d00001 newest", "d00002 new"}));
}

TEST_F(Supersede, WhatWasTakenStaysTakenOverARestart) {
    bench.add(20);
    for (int i = 0; i < 10; ++i) bench.answer_as(fmt::format("d{:05}", i), {milliseconds(-1), 200});
    const auto again =
        R"({"supersede":{},"retry":{"attempts":5,"repeatable":true,"backoff":{"from":"1s"}},"deadline":"1h"})";
    ASSERT_TRUE(bench.create("old", rollout_body(again, "*", 300)));
    bench.pass(seconds(1), one_second);
    ASSERT_EQ(bench.counts("old").running, 10U);
    ASSERT_TRUE(bench.create("new", rollout_body(again, "*", 300)));
    bench.pass(seconds(1), one_second);
    ASSERT_EQ(bench.counts("old").canceled, 10U);
    bench.crash();
    bench.begins.clear();
    bench.connect_all(20, [](int) { return RolloutBench::Manner{}; });
    bench.pass(minutes(10), one_second);
    // What the older one had called is in nobody's hands any more, and may be repeated by the newer one only.
    EXPECT_EQ(bench.status("old"), JobStatus::completed);
    EXPECT_EQ(bench.counts("old").canceled, 20U);
    EXPECT_EQ(bench.status("new"), JobStatus::completed);
    EXPECT_EQ(bench.counts("new").succeeded, 20U);
    EXPECT_EQ(bench.begins.size(), 20U);
}

TEST(SupersedeRefused, ARefusedCommitOnlyDelaysTheNewerJob) {
    for (std::uint64_t nth = 1; nth <= 12; ++nth) {
        SCOPED_TRACE(nth);
        RolloutBench bench;
        bench.add(10);
        ASSERT_TRUE(bench.create("old", rollout_body(R"({"supersede":{}})")));
        bench.pass(seconds(1), one_second);
        bench.store.fail_commits(nth, 3);
        if (!bench.create("new", rollout_body(R"({"supersede":{}})"))) {
            bench.pass(seconds(3), one_second);
            while (!bench.create("new", rollout_body(R"({"supersede":{}})")))
                bench.pass(seconds(3), one_second);
        }
        bench.connect_all(10, [](int) { return RolloutBench::Manner{}; });
        bench.pass(seconds(60), one_second);
        EXPECT_EQ(bench.status("old"), JobStatus::completed);
        EXPECT_EQ(bench.status("new"), JobStatus::completed);
        EXPECT_EQ(bench.counts("new").succeeded, 10U);
        EXPECT_EQ(bench.counts("old").succeeded + bench.counts("old").canceled, 10U);
        std::map<std::string, int> calls;
        for (const auto& begin : bench.begins) ++calls[begin.device];
        for (const auto& [device, count] : calls) EXPECT_LE(count, 2) << device;
    }
}

TEST_F(Supersede, AtMost64JobsTakePart) {
    bench.add(1);
    for (int i = 0; i < JobCoordinator::superseding_max; ++i) {
        ASSERT_TRUE(bench.create(fmt::format("j{}", i),
                                 rollout_body(fmt::format(R"({{"supersede":{{"key":"{}"}}}})", i))));
    }
    const auto refused = bench.create("more", rollout_body(R"({"supersede":{}})"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::throttling_max_active_job_count_exceeded);
    ASSERT_TRUE(bench.cancel("j0"));
    bench.pass(seconds(3), one_second);
    EXPECT_TRUE(bench.create("more", rollout_body(R"({"supersede":{}})")));
}

}  // namespace
}  // namespace carillon
