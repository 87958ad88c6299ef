#include "base/metrics_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(MetricsText, AFamilyReadsAsPrometheusWantsIt) {
    MetricsText page(MetricsFormat::prometheus);
    page.counter("carillon_calls", "Calls.")
        .sample(std::uint64_t{7}, {{"result", "ok"}, {"kind", "a\"b\\c\n"}});
    page.gauge("carillon_open", "Open.").sample(std::int64_t{-2});
    EXPECT_EQ(page.take(),
              "# HELP carillon_calls_total Calls.\n# TYPE carillon_calls_total counter\n"
              "carillon_calls_total{result=\"ok\",kind=\"a\\\"b\\\\c\\n\"} 7\n"
              "# HELP carillon_open Open.\n# TYPE carillon_open gauge\ncarillon_open -2\n");
}

TEST(MetricsText, OpenMetricsNamesTheFamilyAndEndsThePage) {
    MetricsText page(MetricsFormat::open_metrics);
    page.counter("carillon_calls", "Calls.").sample(std::uint64_t{7});
    EXPECT_EQ(page.take(),
              "# HELP carillon_calls Calls.\n# TYPE carillon_calls counter\ncarillon_calls_total 7\n# EOF\n");
}

TEST(MetricsText, BucketsAddUpAndTheirBoundsAreInSeconds) {
    TimeHistogram times;
    times.add(std::chrono::microseconds(100));  // A bound itself belongs below it.
    times.add(std::chrono::microseconds(101));
    times.add(std::chrono::hours(1));
    MetricsText page(MetricsFormat::prometheus);
    page.histogram("carillon_call_seconds", "Time.").sample(times, {{"op", "x"}});
    const std::string text = page.take();
    EXPECT_NE(text.find("carillon_call_seconds_bucket{op=\"x\",le=\"0.0001\"} 1\n"), std::string::npos)
        << text;
    EXPECT_NE(text.find("{op=\"x\",le=\"0.00025\"} 2\n"), std::string::npos) << text;
    EXPECT_NE(text.find("{op=\"x\",le=\"30\"} 2\n"), std::string::npos) << text;
    EXPECT_NE(text.find("{op=\"x\",le=\"+Inf\"} 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("carillon_call_seconds_sum{op=\"x\"} 3600.000201\n"), std::string::npos) << text;
    EXPECT_NE(text.find("carillon_call_seconds_count{op=\"x\"} 3\n"), std::string::npos) << text;
}

TEST(Histogram, SumsOfThreadsAddUp) {
    CountHistogram one;
    CountHistogram other;
    one.add(1);
    other.add(5);
    other.add(100'000);
    one += other;
    EXPECT_EQ(one.count(), 3U);
    EXPECT_EQ(one.sum(), 100'006);
    EXPECT_EQ(one.in(0), 1U);
    EXPECT_EQ(one.in(2), 1U);
    EXPECT_EQ(one.in(CountHistogram::size - 1), 1U);
}

}  // namespace
}  // namespace carillon
