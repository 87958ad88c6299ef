#include "job_progress.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using std::chrono::seconds;

JobLook running(std::uint64_t succeeded, std::uint64_t failed, std::uint64_t in_flight,
                std::uint64_t pending) {
    JobLook look;
    look.id = "j1";
    look.type = "scheduleDeviceMethod";
    look.status = "running";
    look.succeeded = succeeded;
    look.failed = failed;
    look.running = in_flight;
    look.pending = pending;
    look.devices = succeeded + failed + in_flight + pending;
    return look;
}

TEST(ReadJobLook, TakesStateAndCounts) {
    const auto look = read_job_look(
        R"({"jobId":"j1","type":"scheduleUpdateTwin","status":"running","deviceJobStatistics":{"deviceCount":6,)"
        R"("failedCount":1,"succeededCount":2,"runningCount":0,"pendingCount":2,"canceledCount":1}})");
    ASSERT_TRUE(look);
    EXPECT_EQ(look->devices, 6U);
    EXPECT_EQ(look->ended(), 4U);
    EXPECT_EQ(look->pending, 2U);
    EXPECT_FALSE(look->is_over());
}

TEST(ReadJobLook, RefusesWhatIsNoJob) {
    EXPECT_FALSE(read_job_look("[]"));
}

TEST(JobPace, SaysNothingFromOneLook) {
    JobPace pace;
    pace.observe(running(10, 0, 0, 90), TimePoint{});
    EXPECT_EQ(pace.rate(), 0);
    EXPECT_FALSE(pace.time_left());
}

TEST(JobPace, IsTheDevicesEndedASecond) {
    JobPace pace;
    pace.observe(running(0, 0, 0, 100), TimePoint{});
    pace.observe(running(15, 5, 0, 80), TimePoint{} + seconds(2));
    EXPECT_DOUBLE_EQ(pace.rate(), 10);
    EXPECT_EQ(pace.time_left(), seconds(8));
}

TEST(JobPace, ForgetsWhatIsOlderThanItsWindow) {
    JobPace pace;
    pace.observe(running(0, 0, 0, 10000), TimePoint{});
    for (int s = 1; s <= 60; ++s) {
        const auto ended = static_cast<std::uint64_t>(s <= 30 ? s * 100 : 3000 + (s - 30) * 10);
        pace.observe(running(ended, 0, 0, 10000 - ended), TimePoint{} + seconds(s));
    }
    EXPECT_DOUBLE_EQ(pace.rate(), 10);
}

TEST(ProgressLine, HasAllTheCounts) {
    JobPace pace;
    pace.observe(running(0, 0, 0, 1000), TimePoint{});
    const auto look = running(510, 10, 200, 280);
    pace.observe(look, TimePoint{} + seconds(4));
    EXPECT_EQ(progress_line(look, pace),
              "running: 510 done, 10 failed, 200 in flight, 280 pending of 1,000; 130/s, 4 s left");
}

TEST(ProgressLine, BeforeTheStartIsTheStateAlone) {
    JobLook look;
    look.status = "scheduled";
    EXPECT_EQ(progress_line(look, JobPace{}), "scheduled");
}

TEST(ProgressLine, SaysWhyAJobFailed) {
    JobLook look;
    look.status = "failed";
    look.failure_reason = "no such thing";
    EXPECT_EQ(progress_line(look, JobPace{}), "failed: no such thing");
}

TEST(ProgressBlock, DoesNotSayAHundredBeforeTheEnd) {
    const auto block = progress_block(running(9999, 0, 1, 0), JobPace{}, 80);
    ASSERT_EQ(block.size(), 3U);
    EXPECT_NE(block[1].find(" 99 %"), std::string::npos) << block[1];
}

TEST(WithThousands, SeparatesByThree) {
    EXPECT_EQ(with_thousands(7), "7");
    EXPECT_EQ(with_thousands(123), "123");
    EXPECT_EQ(with_thousands(12345678), "12,345,678");
}

TEST(DurationText, TakesTheUnitThatFits) {
    EXPECT_EQ(duration_text(seconds(45)), "45 s");
    EXPECT_EQ(duration_text(seconds(125)), "2 min 05 s");
    EXPECT_EQ(duration_text(seconds(11530)), "3 h 12 min");
}

}  // namespace
}  // namespace carillon
