#include "core/jobs/reports/failure_factors.hpp"

#include "core/jobs/reports/failure_report.hpp"
#include "core/testing/far_shards.hpp"
#include "core/testing/rollout_bench.hpp"

#include <cmath>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// 1,000 targets of which `marked` have fw 1.4.2, and 25 failures of which `hits` have it.
std::vector<FailureFactor> factors_of(int marked, int hits) {
    FactorCounter counter;
    for (int i = 0; i < 1000; ++i) {
        const bool is_marked = i < marked;
        const bool has_failed = i < hits || (i >= marked && i < marked + 25 - hits);
        std::vector<FactorCounter::Value> values{{"tags.fw", is_marked ? R"("1.4.2")" : R"("1.5.0")"},
                                                 {"tags.serial", std::to_string(i)},
                                                 {"tags.even", i % 2 == 0 ? "true" : "false"}};
        counter.add(values, has_failed ? std::optional<std::size_t>(0) : std::nullopt);
    }
    return counter.factors(0);
}

TEST(FailureFactors, G14_1NamesWhatAlmostAllFailuresHaveInCommon) {
    const auto found = factors_of(90, 24);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].path, "tags.fw");
    EXPECT_EQ(found[0].value, R"("1.4.2")");
    EXPECT_EQ(found[0].failed, 24U);
    EXPECT_EQ(found[0].devices, 90U);
    EXPECT_NEAR(found[0].lift, 10.7, 0.05);
    // Times the four values that are tested: the serial number has too many to count.
    EXPECT_NEAR(std::log10(found[0].p / 4), std::log10(8e-26), 0.05);
}

TEST(FailureFactors, G14_2LeavesOutWhatChanceExplains) {
    EXPECT_TRUE(factors_of(90, 5).empty());
    EXPECT_NEAR(hypergeometric_tail(1000, 90, 25, 5), 0.066, 0.001);
}

TEST(FailureFactors, TheTailIsThatOfEveryCaseThatCanBeCounted) {
    // Of 10 things, 4 marked, 3 drawn: 120 ways; 3, 2, 1, 0 marked in 4, 36, 60, 20 of them.
    EXPECT_DOUBLE_EQ(hypergeometric_tail(10, 4, 3, 0), 1);
    EXPECT_NEAR(hypergeometric_tail(10, 4, 3, 1), 100.0 / 120, 1e-12);
    EXPECT_NEAR(hypergeometric_tail(10, 4, 3, 2), 40.0 / 120, 1e-12);
    EXPECT_NEAR(hypergeometric_tail(10, 4, 3, 3), 4.0 / 120, 1e-12);
    EXPECT_EQ(hypergeometric_tail(10, 4, 3, 4), 0);
    EXPECT_EQ(hypergeometric_tail(10, 8, 5, 3), 1) << "fewer cannot be";
    EXPECT_GT(hypergeometric_tail(10'000'000, 5'000'000, 1'000'000, 500'000), 0.4);
}

TEST(FailureFactors, ReadsLeavesByPathAndLeavesOutWhatIsLong) {
    const auto text =
        R"({"a":{"b":1,"c":{"d":"x"}},"list":[1],"long":")" + std::string(200, 'x') + R"(","on":true})";
    const auto document = JsonDocument::parse(text);
    std::vector<FactorCounter::Value> values;
    FactorCounter::append_leaves(values, "tags", document->root());
    EXPECT_EQ(values, (std::vector<FactorCounter::Value>{
                          {"tags.a.b", "1"}, {"tags.a.c.d", R"("x")"}, {"tags.on", "true"}}));
}

TEST(FailureFactors, OfAJobAreReadFromItsTargetsTwins) {
    RolloutBench bench({}, 4);
    bench.add(200);
    for (int i = 0; i < 200; ++i) {
        const auto id = fmt::format("d{:05}", i);
        const auto body =
            fmt::format(R"({{"tags":{{"fw":"{}","serial":{}}}}})", i % 10 == 3 ? "1.4.2" : "1.5.0", i);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        auto writing =
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(bench.hub->run(std::move(writing)));
    }
    bench.connect_all(200, [](int i) {
        return RolloutBench::Manner{milliseconds(0), i % 10 == 3 ? 500 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    bench.pass(seconds(1));
    const auto report = bench.hub->run(
        report_failures((*bench.hub)->port(), (*bench.hub)->jobs(), "j", DeviceReportFilter{}));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->failed, 20U);
    ASSERT_EQ(report->groups.size(), 1U);
    const auto& group = report->groups[0];
    EXPECT_EQ(group.kind, FailureKind::rejected);
    EXPECT_EQ(group.count, 20U);
    EXPECT_EQ(group.status, 500);
    EXPECT_EQ(group.samples.size(), FailureGroup::samples_max);
    ASSERT_EQ(group.factors.size(), 1U);
    EXPECT_EQ(group.factors[0].path, "tags.fw");
    EXPECT_EQ(group.factors[0].value, R"("1.4.2")");
    EXPECT_EQ(group.factors[0].devices, 20U);

    // The same where shards are far.
    FarShards far((*bench.hub)->port(), 1);
    const auto by_bytes = bench.hub->run(
        report_failures((*bench.hub)->port(), (*bench.hub)->jobs(), "j", DeviceReportFilter{}));
    ASSERT_TRUE(by_bytes);
    ASSERT_EQ(by_bytes->groups.size(), 1U);
    ASSERT_EQ(by_bytes->groups[0].factors.size(), 1U);
    EXPECT_EQ(by_bytes->groups[0].factors[0].value, R"("1.4.2")");
    EXPECT_EQ(by_bytes->groups[0].factors[0].devices, 20U);
    EXPECT_GT(far.carried, 0U);
    far.lost_percent = 100;
    const auto refused = bench.hub->run(
        report_failures((*bench.hub)->port(), (*bench.hub)->jobs(), "j", DeviceReportFilter{}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::service_unavailable);
}

}  // namespace
}  // namespace carillon
