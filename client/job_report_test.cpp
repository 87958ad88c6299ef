#include "carillon/service_job.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ReadJobReport, TakesStateAndCounts) {
    const auto report = read_job_report(
        R"({"jobId":"j1","type":"scheduleUpdateTwin","status":"running","deviceJobStatistics":{"deviceCount":6,)"
        R"("failedCount":1,"succeededCount":2,"runningCount":0,"pendingCount":2,"canceledCount":1}})");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->devices, 6);
    EXPECT_EQ(report->ended(), 4);
    EXPECT_EQ(report->pending, 2);
    EXPECT_EQ(report->canceled, 1);
    EXPECT_FALSE(report->has_ended());
}

TEST(ReadJobReport, TakesTheReasonsAndThePaceOfLiveProgress) {
    const auto report = read_job_report(
        R"({"jobId":"j1","status":"running","devicesPerSecond":12.5,"secondsLeft":8,)"
        R"("failures":[{"code":"GatewayTimeout","description":"late","count":3}],"otherFailures":2,)"
        R"("answers":[{"status":200,"count":90},{"status":500,"count":4}],"otherAnswers":0})");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->devices_per_second, 12.5);
    EXPECT_EQ(report->left, std::chrono::seconds(8));
    EXPECT_EQ(report->failures, (std::vector<JobFailure>{{"GatewayTimeout", "late", 3}}));
    EXPECT_EQ(report->other_failures, 2);
    EXPECT_EQ(report->answers, (std::vector<JobAnswer>{{200, 90}, {500, 4}}));
}

TEST(ReadJobReport, KnowsNoReasonsWhereNoneAreTold) {
    const auto report = read_job_report(R"({"jobId":"j1","status":"completed"})");
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->failures);
    EXPECT_FALSE(report->devices_per_second);
}

TEST(ReadJobReport, RejectsWhatIsNotAJob) {
    EXPECT_FALSE(read_job_report("[]"));
}

TEST(ReadJobReport, CountsTheDeadlineFromTheStart) {
    const auto report = read_job_report(
        R"({"jobId":"j1","status":"running","queryCondition":"*","startTime":"2026-01-01T00:00:10.5Z",)"
        R"("maxExecutionTimeInSeconds":50})");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->condition, "*");
    EXPECT_EQ(report->start, std::chrono::system_clock::from_time_t(1767225610));
    EXPECT_EQ(report->deadline, std::chrono::system_clock::from_time_t(1767225660));
    EXPECT_FALSE(read_job_report(R"({"status":"running","startTime":"soon","maxExecutionTimeInSeconds":5})")
                     ->deadline);
    EXPECT_FALSE(read_job_report(R"({"status":"running","startTime":"2026-01-01T00:00:00Z"})")->deadline);
}

TEST(ReadJobReport, TakesWhatARolloutTells) {
    const auto report = read_job_report(
        R"({"jobId":"j1","status":"running","revision":7,"paused":{"by":"$hub","at":"2026-12-01T02:41:07Z","why":"stop[0]"},)"
        R"("held":{"paused":5,"wave":0},"waves":[{"n":0,"size":100,"state":"open","succeeded":98,"failed":1}],)"
        R"("verdict":"open","rollout":{}})");
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->rollout);
    EXPECT_EQ(report->rollout->paused_by, "$hub");
    EXPECT_EQ(report->rollout->waves, (std::vector<JobWave>{{"open", 100, 98, 1}}));
    EXPECT_EQ(report->rollout->held, (std::vector<std::pair<std::string, std::int64_t>>{{"paused", 5}}));
    EXPECT_EQ(report->rollout->verdict, "open");
    EXPECT_EQ(report->rollout->revision, 7);
    // The answer to a plain GET has the object as it was sent, and nothing beside it.
    EXPECT_FALSE(read_job_report(R"({"jobId":"j1","status":"running","rollout":{}})")->rollout);
}

}  // namespace
}  // namespace carillon
