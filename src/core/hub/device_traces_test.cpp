#include "core/hub/device_traces.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using std::chrono::seconds;

struct DeviceTracesTest : ::testing::Test {
    DeviceTraces traces;
    TimePoint now{seconds(100)};

    void note(std::string_view identity, std::string_view event, std::string_view members = {}) {
        traces.note(identity, now, WallTime::from_unix_s(0), event, members);
    }
    std::vector<std::string> lines(std::string_view id) { return traces.take(id, now)->lines; }
};

TEST_F(DeviceTracesTest, TellWhatTheirDeviceAndItsModulesDoAndNothingOfOthers) {
    ASSERT_TRUE(traces.open("t", "pump", seconds(60), now));
    note("pump", "telemetry", "\"bytes\":3");
    note("pump/filter", "connected");
    note("pump-2", "connected");
    EXPECT_EQ(lines("t"),
              (std::vector<std::string>{
                  R"({"time":"1970-01-01T00:00:00Z","identity":"pump","event":"telemetry","bytes":3})",
                  R"({"time":"1970-01-01T00:00:00Z","identity":"pump/filter","event":"connected"})"}));
    EXPECT_TRUE(lines("t").empty());
}

TEST_F(DeviceTracesTest, EndWithTheirTimeAndKeepTheLastEventsForAWhile) {
    EXPECT_FALSE(traces.is_on());
    ASSERT_TRUE(traces.open("t", "pump", seconds(60), now));
    EXPECT_TRUE(traces.is_on());
    note("pump", "connected");
    now += seconds(60);
    note("pump", "too late");
    const auto last = traces.take("t", now);
    EXPECT_EQ(last->lines.size(), 1U);
    EXPECT_TRUE(last->is_over);
    now += DeviceTraces::kept_after;
    EXPECT_EQ(traces.take("t", now).error().code, Errc::generic_not_found);
    EXPECT_FALSE(traces.is_on());
}

TEST_F(DeviceTracesTest, CountWhatNobodyTakes) {
    ASSERT_TRUE(traces.open("t", "pump", seconds(60), now));
    for (std::size_t i = 0; i < DeviceTraces::events_max + 7; ++i) note("pump", "telemetry");
    const auto taken = traces.take("t", now);
    EXPECT_EQ(taken->lines.size(), DeviceTraces::events_max);
    EXPECT_EQ(taken->dropped, 7U);
    EXPECT_EQ(traces.take("t", now)->dropped, 0U);
}

TEST_F(DeviceTracesTest, AreFewAndAClosedOneMakesRoom) {
    for (std::size_t i = 0; i < DeviceTraces::traces_max; ++i) {
        ASSERT_TRUE(traces.open(std::to_string(i), "pump", seconds(60), now));
    }
    EXPECT_EQ(traces.open("more", "pump", seconds(60), now).error().code, Errc::throttling_exception);
    traces.close("3");
    EXPECT_TRUE(traces.open("more", "pump", seconds(60), now));
}

}  // namespace
}  // namespace carillon
