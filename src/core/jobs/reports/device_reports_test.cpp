#include "core/jobs/reports/device_reports.hpp"

#include "core/testing/rollout_bench.hpp"

#include <map>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct ReportBench : RolloutBench {
    using RolloutBench::RolloutBench;

    std::vector<DeviceReport> report(const std::string& id, DeviceReportFilter filter = {}) {
        auto reports = (*hub)->jobs().report(id, filter);
        CARILLON_ASSERT(reports);
        std::vector<DeviceReport> all;
        for (;;) {
            auto rows = hub->run((*reports)->next());
            CARILLON_ASSERT(rows);
            if (rows->empty()) return all;
            EXPECT_LE(rows->size(), DeviceReports::rows_max);
            for (auto& row : *rows) all.push_back(std::move(row));
        }
    }
};

TEST(DeviceReports, HasEveryDeviceOnceWithItsStateWaveAndTimes) {
    ReportBench bench({}, 4);
    bench.add(600);
    bench.connect_all(600, [](int i) {
        return RolloutBench::Manner{milliseconds(5), i % 50 == 0 ? 503 : 200};
    });
    bench.disconnect("d00007");
    ASSERT_TRUE(bench.create(
        "j",
        rollout_body(
            R"({"seed":5,"waves":[{"size":100,"pass":{"succeeded":"50%","ended":"90%"}},{"size":"rest"}],)"
            R"("retry":{"attempts":2,"on":["rejected"],"backoff":{"from":"1s","to":"1s"}}})")));
    bench.pass(seconds(10));
    const auto rows = bench.report("j");
    ASSERT_EQ(rows.size(), 600U);
    std::map<std::string, DeviceReport> by_id;
    std::map<std::uint32_t, int> by_wave;
    for (const auto& row : rows) {
        by_id.emplace(row.device_id, row);
        ASSERT_TRUE(row.wave);
        ++by_wave[*row.wave];
    }
    EXPECT_EQ(by_id.size(), 600U);
    EXPECT_EQ(by_wave, (std::map<std::uint32_t, int>{{0, 100}, {1, 500}}));
    const auto& bad = by_id.at("d00050");
    EXPECT_EQ(bad.state, TargetState::failed);
    EXPECT_EQ(bad.kind, FailureKind::rejected);
    EXPECT_EQ(bad.status, 503);
    EXPECT_EQ(bad.attempts, 2U);
    EXPECT_EQ(bad.error_code, "DeviceRejected");
    EXPECT_GT(bad.begun.ticks, 0);
    EXPECT_GE(bad.ended.ticks, bad.begun.ticks);
    const auto& good = by_id.at("d00001");
    EXPECT_EQ(good.state, TargetState::succeeded);
    EXPECT_EQ(good.attempts, 1U);
    EXPECT_FALSE(good.kind);
    const auto& away = by_id.at("d00007");
    EXPECT_EQ(away.state, TargetState::pending);
    EXPECT_EQ(away.attempts, 0U);
    EXPECT_EQ(away.ended.ticks, 0);
}

TEST(DeviceReports, GivesOnlyWhatIsAskedFor) {
    ReportBench bench;
    bench.add(100);
    bench.connect_all(90, [](int i) { return RolloutBench::Manner{milliseconds(5), i < 10 ? 500 : 200}; });
    ASSERT_TRUE(
        bench.create("j", rollout_body(R"({"order":"asStored","waves":[{"size":50,"pass":{"succeeded":)"
                                       R"("50%","ended":"50%"}},{"size":"rest"}]})")));
    bench.pass(seconds(2));
    DeviceReportFilter filter;
    filter.status = DeviceJobStatus::failed;
    EXPECT_EQ(bench.report("j", filter).size(), 10U);
    filter.kind = FailureKind::timeout;
    EXPECT_EQ(bench.report("j", filter).size(), 0U);
    filter = {};
    filter.status = DeviceJobStatus::pending;
    EXPECT_EQ(bench.report("j", filter).size(), 10U);
    filter = {};
    filter.wave = 0;
    EXPECT_EQ(bench.report("j", filter).size(), 50U) << "stored order: each part has its share of a wave";
    ASSERT_TRUE(bench.cancel("j"));
    bench.pass(seconds(2));
    filter = {};
    filter.status = DeviceJobStatus::canceled;
    const auto canceled = bench.report("j", filter);
    ASSERT_EQ(canceled.size(), 10U);
    EXPECT_EQ(canceled[0].canceled, CancelReason::cancelled);
    EXPECT_GT(canceled[0].ended.ticks, 0);
}

TEST(DeviceReports, ReadsPlainJobsAndThoseWithoutDevicesToo) {
    ReportBench bench;
    bench.add(3);
    ASSERT_TRUE(bench.create("t", twin_body("*")));
    ASSERT_TRUE(bench.create("none", twin_body("tags.x = 1")));
    bench.pass(seconds(1));
    const auto rows = bench.report("t");
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].state, TargetState::succeeded);
    EXPECT_FALSE(rows[0].wave);
    EXPECT_TRUE(bench.report("none").empty());
    EXPECT_EQ((*bench.hub)->jobs().report("nobody", {}).error().code, Errc::job_not_found);
}

TEST(DeviceReports, OnlySoManyAreReadAtATime) {
    ReportBench bench;
    bench.add(1);
    ASSERT_TRUE(bench.create("t", twin_body("*")));
    std::vector<std::unique_ptr<DeviceReports>> open;
    for (std::size_t i = 0; i < DeviceReports::open_max; ++i)
        open.push_back((*bench.hub)->jobs().report("t", {}).value());
    EXPECT_EQ((*bench.hub)->jobs().report("t", {}).error().code, Errc::throttling_exception);
    open.pop_back();
    EXPECT_TRUE((*bench.hub)->jobs().report("t", {}));
}

}  // namespace
}  // namespace carillon
