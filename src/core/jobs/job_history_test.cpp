// What remains of jobs that are over, and for how long.

#include "core/testing/job_testing.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using testing::JobBench;
using testing::method_body;
using testing::twin_body;
using namespace std::chrono_literals;

struct JobHistory : ::testing::Test, JobBench {
    JobHistory() {
        hub->add_device("a");
        hub->add_device("b");
    }
    std::size_t stored(Table table) {
        std::size_t count = 0;
        const auto visit = [&count](std::string_view, std::string_view) {
            ++count;
            return true;
        };
        EXPECT_TRUE(store.scan(table, "", "\xff", visit));
        return count;
    }
};

constexpr auto almost_all = std::chrono::seconds(JobLimits::history_kept_s) - 1min;

TEST_F(JobHistory, IsKeptForThirtyDaysAndThenRemovedWithAllThatIsStored) {
    ASSERT_TRUE(create("old", twin_body("*")));
    hub->advance(1min);
    ASSERT_EQ(status("old"), JobStatus::completed);
    hub->advance(almost_all);
    EXPECT_EQ(rows("old").size(), 2U);
    ASSERT_TRUE(create("new", twin_body("*")));
    hub->advance(1h);  // the next look at what is over
    EXPECT_FALSE(find("old"));
    EXPECT_TRUE(rows("old").empty());
    EXPECT_EQ(rows("new").size(), 2U);
    EXPECT_EQ(rows().size(), 2U);
    EXPECT_EQ(stored(Table::jobs), 2U) << "definition and status of the new one";
    restart();
    EXPECT_FALSE(find("old"));
    EXPECT_EQ(rows("new").size(), 2U);
    EXPECT_TRUE(create("old", twin_body("*"))) << "its id is free again";
}

TEST_F(JobHistory, IsRemovedAtTheStartOfAHubThatWasDown) {
    ASSERT_TRUE(create("old", twin_body("*")));
    hub->settle();
    ASSERT_GT(stored(Table::job_events), 0U);
    clock.advance(almost_all + 1h);
    restart();
    EXPECT_FALSE(find("old"));
    EXPECT_EQ(stored(Table::jobs), 0U);
    EXPECT_EQ(stored(Table::job_events), 0U);
}

TEST_F(JobHistory, OfAJobThatHasNotEndedIsKept) {
    ASSERT_TRUE(create("long", method_body("*", JobLimits::execution_time_max_s)));
    hub->advance(1min);
    ASSERT_EQ(status("long"), JobStatus::running);
    hub->advance(std::chrono::seconds(JobLimits::execution_time_max_s) - 2min);
    EXPECT_EQ(status("long"), JobStatus::running);
    EXPECT_EQ(rows("long").size(), 2U);
}

// --- rows by state -------------------------------------------------------------------------------

TEST_F(JobHistory, RowsOfAStateAreLookedForOnlyInJobsThatHaveSome) {
    ASSERT_TRUE(create("fine", twin_body("*")));
    ASSERT_TRUE(create("late", method_body("*", 60)));
    hub->advance(2min);
    ASSERT_EQ(counts("late").failed, 2U);
    const auto asked = [this](std::vector<DeviceJobStatus> states) {
        std::vector<std::string> jobs;  // of the rows looked at, one by one
        const auto keep = [&jobs](const DeviceJob& row, query::Meter&) {
            jobs.push_back(row.job_id);
            return true;
        };
        auto page = hub->run((*hub)->jobs().device_jobs({}, {}, keep, "", 100, std::move(states)));
        EXPECT_TRUE(page);
        return jobs;
    };
    using Jobs = std::vector<std::string>;
    EXPECT_EQ(asked({DeviceJobStatus::failed}), (Jobs{"late", "late"}));
    EXPECT_EQ(asked({DeviceJobStatus::completed}), (Jobs{"fine", "fine"}));
    EXPECT_EQ(asked({DeviceJobStatus::completed, DeviceJobStatus::failed}).size(), 4U);
    EXPECT_EQ(asked({DeviceJobStatus::pending, DeviceJobStatus::running, DeviceJobStatus::canceled}), Jobs{});
}

}  // namespace
}  // namespace carillon
