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
    EXPECT_EQ(progress_line(look, pace, {}),
              "running: 510 done, 10 failed, 200 in flight, 280 pending of 1,000; 130/s, 4 s left");
}

TEST(ProgressLine, BeforeTheStartIsTheStateAlone) {
    JobReport look;
    look.status = "scheduled";
    EXPECT_EQ(progress_line(look, JobPace{}, {}), "scheduled");
}

TEST(ProgressLine, SaysWhyAJobFailed) {
    JobReport look;
    look.status = "failed";
    look.failure_reason = "no such thing";
    EXPECT_EQ(progress_line(look, JobPace{}, {}), "failed: no such thing");
}

TEST(ProgressBlock, DoesNotSayAHundredBeforeTheEnd) {
    const auto block = progress_block(running(9999, 0, 1, 0), JobPace{}, {}, 80);
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
    EXPECT_EQ(progress_line(look, pace, {}),
              "running: 50 done, 0 failed, 0 in flight, 50 pending of 100; 10/s, 5 s left");
    look.devices_per_second = 0;
    look.left.reset();
    EXPECT_EQ(progress_line(look, pace, {}), "running: 50 done, 0 failed, 0 in flight, 50 pending of 100");
}

TEST(ProgressBlock, ShowsTheFirstReasonsWhileTheJobRuns) {
    auto look = running(10, 14, 0, 76);
    look.failures = {{"A", "first", 8}, {"B", "second", 3}, {"C", "third", 2}, {"D", "fourth", 1}};
    auto block = progress_block(look, JobPace{}, {}, 80);
    ASSERT_EQ(block.size(), 3 + reasons_drawn_max);
    EXPECT_EQ(block[3], "  8 × A: first");
    look.status = "completed";
    EXPECT_EQ(progress_block(look, JobPace{}, {}, 80).size(), 3U) << "then they are said in full";
}

TEST(ProgressBlock, CutsAReasonToTheTerminal) {
    auto look = running(0, 1, 0, 9);
    look.failures = {{"Code", "a description that is far too long for this", 1}};
    EXPECT_EQ(progress_block(look, JobPace{}, {}, 20).back(), "  1 × Code: a descr…");
    look.failures = {{"Code", "fits well", 1}};
    EXPECT_EQ(progress_block(look, JobPace{}, {}, 21).back(), "  1 × Code: fits well");
}

TEST(ProgressBlock, FitsEveryTerminal) {
    auto look = running(1'234'567, 8'910, 11'121, 314'151);
    look.id = "2f1c1b2e-3c4d-4e5f-8a9b-0c1d2e3f4a5b";
    look.failures = {{"GatewayTimeout", "Timed out waiting for the response from device.", 8'910}};
    look.answers = {{500, 4}};
    JobPace pace;
    pace.observe(running(0, 0, 0, 1), TimePoint{});
    pace.observe(look, TimePoint{} + seconds(2));
    JobSurroundings around;
    around.waits_for_devices = true;
    around.deadline = std::chrono::system_clock::time_point{};
    around.note = "the hub does not answer; reconnecting for 12 s";
    for (std::size_t width = 20; width <= 200; ++width) {
        const auto block = progress_block(look, pace, around, width);
        for (const std::string& line : block) EXPECT_LE(cells_of(line), width) << line;
        std::string all;
        for (const std::string& line : block) all += line + ' ';
        for (const char* number : {"1,234,567 done", "8,910 failed", "314,151 offline"}) {
            EXPECT_NE(all.find(number), std::string::npos) << width << " cells: " << all;
        }
    }
}

TEST(ProgressBlock, ShowsAnswersThatFailWhileTheJobRuns) {
    auto look = running(10, 0, 0, 76);
    look.answers = {{200, 6}, {500, 4}};
    EXPECT_EQ(progress_block(look, JobPace{}, {}, 80).back(), "  4 × done, but answered status 500");
}

TEST(ProgressBlock, SaysOnceWhyTheJobFailed) {
    JobReport look;
    look.status = "failed";
    look.failure_reason = "the condition does not parse";
    EXPECT_EQ(progress_block(look, JobPace{}, {}, 80),
              (std::vector<std::string>{"failed", look.failure_reason}));
}

TEST(ProgressLine, SaysWhyDevicesArePendingAndUntilWhen) {
    const auto look = running(78, 0, 0, 422);
    JobSurroundings around;
    around.now = std::chrono::system_clock::from_time_t(1'800'000'000);
    around.deadline = around.now;
    const std::string until = ", until " + clock_text(*around.deadline, around.now);
    EXPECT_EQ(progress_line(look, JobPace{}, around),
              "running: 78 done, 0 failed, 0 in flight, 422 pending" + until + " of 500");
    around.waits_for_devices = true;
    EXPECT_EQ(progress_line(look, JobPace{}, around),
              "running: 78 done, 0 failed, 0 in flight, 422 offline" + until + " of 500");
}

TEST(ClockText, HasTheDateWhereItIsAnotherDay) {
    const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);
    EXPECT_EQ(clock_text(now, now).size(), 5U);
    EXPECT_EQ(clock_text(now + std::chrono::hours(49), now).size(), 16U);
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

TEST(DurationText, TakesTheUnitThatFits) {
    EXPECT_EQ(duration_text(seconds(45)), "45 s");
    EXPECT_EQ(duration_text(seconds(125)), "2 min 05 s");
    EXPECT_EQ(duration_text(seconds(11530)), "3 h 12 min");
}

TEST(ProgressLine, TellsOfWavesPauseAndWhatIsHeld) {
    auto look = running(168, 9, 0, 9823);
    look.rollout.emplace();
    look.rollout->paused_by = "$hub";
    look.rollout->paused_why = "stop[0]: 9 of 177 failed, 5 % allowed";
    look.rollout->waves = {{"passed", 100, 98, 1}, {"open", 900, 70, 8}, {"waiting", 9000, 0, 0}};
    look.rollout->held = {{"paused", 9823}};
    EXPECT_EQ(progress_line(look, JobPace{}, {}),
              "running: 168 done, 9 failed, 0 in flight, 9,823 pending of 10,000; paused by $hub: stop[0]: 9 "
              "of 177 "
              "failed, 5 % allowed; waves[1] of 3 is open: 70 done, 8 failed of 900; held: 9,823 paused");
    look.rollout->waves[1].state = "gate";
    EXPECT_NE(progress_line(look, JobPace{}, {}).find("waves[1] of 3 waits for `job promote`"),
              std::string::npos);
    look.status = "completed";
    look.rollout->verdict = "missed";
    EXPECT_NE(progress_line(look, JobPace{}, {}).find("of 10,000; success missed"), std::string::npos);
}

}  // namespace
}  // namespace carillon
