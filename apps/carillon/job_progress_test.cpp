#include "job_progress.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using std::chrono::seconds;

JobReport running(std::int64_t succeeded, std::int64_t failed, std::int64_t in_flight, std::int64_t pending) {
    JobReport look;
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
        const auto ended = static_cast<std::int64_t>(s <= 30 ? s * 100 : 3000 + (s - 30) * 10);
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
    JobReport look;
    look.status = "scheduled";
    EXPECT_EQ(progress_line(look, JobPace{}), "scheduled");
}

TEST(ProgressLine, SaysWhyAJobFailed) {
    JobReport look;
    look.status = "failed";
    look.failure_reason = "no such thing";
    EXPECT_EQ(progress_line(look, JobPace{}), "failed: no such thing");
}

TEST(ProgressBlock, DoesNotSayAHundredBeforeTheEnd) {
    const auto block = progress_block(running(9999, 0, 1, 0), JobPace{}, 80);
    ASSERT_EQ(block.size(), 3U);
    EXPECT_NE(block[1].find(" 99 %"), std::string::npos) << block[1];
}

TEST(ProgressLine, BelievesTheHubsPaceMoreThanItsOwn) {
    JobPace pace;
    pace.observe(running(0, 0, 0, 100), TimePoint{});
    auto look = running(50, 0, 0, 50);
    pace.observe(look, TimePoint{} + seconds(1));
    look.devices_per_second = 10;
    look.left = seconds(5);
    EXPECT_EQ(progress_line(look, pace),
              "running: 50 done, 0 failed, 0 in flight, 50 pending of 100; 10/s, 5 s left");
    look.devices_per_second = 0;
    look.left.reset();
    EXPECT_EQ(progress_line(look, pace), "running: 50 done, 0 failed, 0 in flight, 50 pending of 100");
}

TEST(ProgressBlock, ShowsTheFirstReasonsWhileTheJobRuns) {
    auto look = running(10, 14, 0, 76);
    look.failures = {{"A", "first", 8}, {"B", "second", 3}, {"C", "third", 2}, {"D", "fourth", 1}};
    auto block = progress_block(look, JobPace{}, 80);
    ASSERT_EQ(block.size(), 3 + reasons_drawn_max);
    EXPECT_EQ(block[3], "  8 × A: first");
    look.status = "completed";
    EXPECT_EQ(progress_block(look, JobPace{}, 80).size(), 3U) << "then they are said in full";
}

TEST(ProgressBlock, CutsAReasonToTheTerminal) {
    auto look = running(0, 1, 0, 9);
    look.failures = {{"Code", "a description that is far too long for this", 1}};
    EXPECT_EQ(progress_block(look, JobPace{}, 20)[3], "  1 × Code: a descr…");
    look.failures = {{"Code", "fits well", 1}};
    EXPECT_EQ(progress_block(look, JobPace{}, 21)[3], "  1 × Code: fits well");
}

TEST(ReasonLines, SayWhyDevicesFailedAndWhatTheOthersAnswered) {
    auto look = running(95, 1005, 0, 0);
    look.failures = {{"GatewayTimeout", "late", 1000}};
    look.other_failures = 5;
    look.answers = {{200, 90}, {500, 4}, {404, 1}};
    EXPECT_EQ(reason_lines(look),
              (std::vector<std::string>{"  1,000 × GatewayTimeout: late", "  5 × for other reasons",
                                        "  4 × done, but answered status 500",
                                        "  1 × done, but answered status 404"}));
    EXPECT_TRUE(reason_lines(running(1, 0, 0, 0)).empty());
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
