// The worked timelines of the service's jobs, member for member.
// Source: IoT Hub docs, "Schedule jobs on multiple devices"; captured job and device-job records.

#include "core/testing/job_testing.hpp"

namespace carillon {
namespace {

using testing::JobBench;
using namespace std::chrono_literals;

constexpr const char* all_three = "deviceId IN ['dev-a','dev-b','dev-c']";

struct JobTimeline : ::testing::Test, JobBench {
    JobTimeline() {
        for (const auto* id : {"dev-a", "dev-b", "dev-c"}) hub->add_device(id);
        connect("dev-a");
        connect("dev-b");
    }
    /// Lets the clock stand at so many ticks of 100 ns after ten.
    void until(std::int64_t ticks) {
        const auto by =
            std::chrono::nanoseconds((testing::ten_o_clock.ticks + ticks - clock.wall_now().ticks) * 100);
        clock.advance(by);
        hub->advance(0ms);
    }
};

constexpr std::int64_t second = WallTime::ticks_per_second;

/// What every GET of the method job begins with.
const std::string method_head =
    R"({"jobId":"mj-1","queryCondition":"deviceId IN ['dev-a','dev-b','dev-c']",)"
    R"("createdTime":"2026-11-22T10:00:00.0123456Z","startTime":"2026-11-22T10:00:00.0123456Z",)"
    R"("maxExecutionTimeInSeconds":120,"type":"scheduleDeviceMethod",)"
    R"("cloudToDeviceMethod":{"methodName":"lockDoor","payload":{"force":true},"responseTimeoutInSeconds":30},)";

/// Accepts the method job at 10:00:00.0123456 and finds its devices at 10:00:00.4.
void order_method_job(JobTimeline& t) {
    t.until(123'456);
    auto definition = testing::parse_job("mj-1", testing::method_body(all_three), t.clock.wall_now());
    ASSERT_TRUE(definition);
    auto accepted = t.hub->begin((*t.hub)->jobs().create(*std::move(definition)));
    t.hub->poll();
    EXPECT_FALSE(accepted->has_value()) << "answered before it was durable";
    t.hub->storage().step();
    t.clock.advance(std::chrono::nanoseconds((4'000'000 - 123'456) * 100));
    t.hub->poll();
    ASSERT_TRUE(accepted->has_value() && **accepted);
    std::string answer;
    append_job_accepted_json(answer, ***accepted);
    EXPECT_EQ(answer, R"({"jobId":"mj-1","type":"scheduleDeviceMethod","status":"queued"})");
    std::string queued;
    append_job_json(queued, *(*t.hub)->jobs().snapshot("mj-1"));
    EXPECT_EQ(queued, method_head + R"("status":"queued"})");
    t.hub->settle();
}

TEST_F(JobTimeline, AMethodJobWaitsForAnOfflineDeviceUntilItsDeadline) {
    order_method_job(*this);
    until(5'000'000);
    EXPECT_EQ(json("mj-1"), method_head +
                                R"("status":"running","deviceJobStatistics":{"deviceCount":3,)"
                                R"("failedCount":0,"succeededCount":0,"runningCount":2,"pendingCount":1}})");
    until(1 * second);
    answer("dev-a", 200);
    EXPECT_EQ(json("mj-1"), method_head +
                                R"("status":"running","deviceJobStatistics":{"deviceCount":3,)"
                                R"("failedCount":0,"succeededCount":1,"runningCount":1,"pendingCount":1}})");
    until(2 * second);
    answer("dev-b", 500, R"({"reason":"jammed"})");
    EXPECT_EQ(json("mj-1"), method_head +
                                R"("status":"running","deviceJobStatistics":{"deviceCount":3,)"
                                R"("failedCount":0,"succeededCount":2,"runningCount":0,"pendingCount":1}})");
    until(5 * second);
    const std::string times =
        R"("startTimeUtc":"2026-11-22T10:00:00.0123456Z","endTimeUtc":"2026-11-22T10:02:00.0123456Z",)"
        R"("createdDateTimeUtc":"2026-11-22T10:00:00.4Z","lastUpdatedDateTimeUtc":)";
    const auto row_a =
        R"({"deviceId":"dev-a","jobId":"mj-1","jobType":"scheduleDeviceMethod","status":"completed",)" +
        times + R"("2026-11-22T10:00:01Z","outcome":{"deviceMethodResponse":{"status":200,"payload":null}}})";
    const auto row_b =
        R"({"deviceId":"dev-b","jobId":"mj-1","jobType":"scheduleDeviceMethod","status":"completed",)" +
        times +
        R"("2026-11-22T10:00:02Z","outcome":{"deviceMethodResponse":)"
        R"({"status":500,"payload":{"reason":"jammed"}}}})";
    EXPECT_EQ(
        rows_json("mj-1"),
        (std::vector<std::string>{
            row_a, row_b,
            R"({"deviceId":"dev-c","jobId":"mj-1","jobType":"scheduleDeviceMethod","status":"pending",)" +
                times + R"("2026-11-22T10:00:00.4Z"})"}));
    EXPECT_EQ(create("mj-1", testing::method_body(all_three)).error().code, Errc::job_already_exists);

    until(120 * second + 301'000);
    EXPECT_EQ(
        json("mj-1"),
        method_head +
            R"("status":"completed","endTime":"2026-11-22T10:02:00.0301Z","deviceJobStatistics":)"
            R"({"deviceCount":3,"failedCount":1,"succeededCount":2,"runningCount":0,"pendingCount":0}})");
    EXPECT_EQ(
        rows_json("mj-1"),
        (std::vector<std::string>{
            row_a, row_b,
            R"({"deviceId":"dev-c","jobId":"mj-1","jobType":"scheduleDeviceMethod","status":"failed",)" +
                times +
                R"("2026-11-22T10:02:00.0301Z","outcome":{},"error":{"code":"JobRunPreconditionFailed",)"
                R"("description":"The job did not start within specified period: either device did not come )"
                R"(online or invalid endTime specified."}})"}));
    EXPECT_EQ(cancel("mj-1").error().code, Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(cancel("mj-1").error().detail, "Job cannot be cancelled in 'Completed' status.");
}

TEST_F(JobTimeline, AMethodJobEndsWithItsLastDeviceAndNotAtTheDeadline) {
    order_method_job(*this);
    answer("dev-a", 200);
    answer("dev-b", 500);
    until(60 * second);
    auto& link = connect("dev-c");
    ASSERT_EQ(link.methods.size(), 1U);
    EXPECT_EQ(link.methods[0].name, "lockDoor");
    EXPECT_EQ(link.methods[0].payload, R"({"force":true})");
    until(61 * second);
    answer("dev-c", 200);
    EXPECT_EQ(
        json("mj-1"),
        method_head +
            R"("status":"completed","endTime":"2026-11-22T10:01:01Z","deviceJobStatistics":)"
            R"({"deviceCount":3,"failedCount":0,"succeededCount":3,"runningCount":0,"pendingCount":0}})");
}

TEST_F(JobTimeline, ATwinJobRunsAtItsStartAndNeedsNoConnection) {
    until(300 * second + 200'000);
    const auto accepted =
        create("tj-1", testing::twin_body(all_three, R"({"building":"43","floor":3,"old":null})", 300,
                                          "2026-11-22T10:06:00Z"));
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->status, JobStatus::queued) << "also for a start in the future";
    const std::string head =
        R"({"jobId":"tj-1","queryCondition":"deviceId IN ['dev-a','dev-b','dev-c']",)"
        R"("createdTime":"2026-11-22T10:05:00.02Z","startTime":"2026-11-22T10:06:00Z","maxExecutionTimeInSeconds":300,)"
        R"("type":"scheduleUpdateTwin","updateTwin":{"deviceId":null,"etag":"*",)"
        R"("properties":{"desired":{"building":"43","floor":3,"old":null}}},)";
    EXPECT_EQ(json("tj-1"), head + R"("status":"scheduled"})");
    EXPECT_TRUE(rows("tj-1").empty());

    until(360 * second + 800'000);
    EXPECT_EQ(
        json("tj-1"),
        head + R"("status":"completed","endTime":"2026-11-22T10:06:00.08Z","deviceJobStatistics":)"
               R"({"deviceCount":3,"failedCount":0,"succeededCount":3,"runningCount":0,"pendingCount":0}})");
    EXPECT_EQ(
        rows_json("tj-1").at(2),
        R"({"deviceId":"dev-c","jobId":"tj-1","jobType":"scheduleUpdateTwin","status":"completed",)"
        R"("startTimeUtc":"2026-11-22T10:06:00Z","endTimeUtc":"2026-11-22T10:11:00Z",)"
        R"("createdDateTimeUtc":"2026-11-22T10:06:00.08Z","lastUpdatedDateTimeUtc":"2026-11-22T10:06:00.08Z",)"
        R"("outcome":{}})");
    for (const auto* id : {"dev-a", "dev-b"}) {
        ASSERT_EQ(links[id]->desired.size(), 1U) << id;
        EXPECT_EQ(links[id]->desired[0].first, 2);
        EXPECT_EQ(links[id]->desired[0].second, R"({"building":"43","floor":3,"$version":2})");
    }
    for (const auto* id : {"dev-a", "dev-b", "dev-c"}) {
        EXPECT_EQ(twin(id).desired.version(), 2) << id;
        EXPECT_EQ(twin(id).version, 3) << id;
        EXPECT_EQ(twin(id).etag, 2U) << id;
    }
}

TEST_F(JobTimeline, AScheduledJobCanBeCancelledForGood) {
    ASSERT_TRUE(create("tj-1", testing::twin_body("*", R"({"a":1})", 300, "2026-11-22T10:06:00Z")));
    until(10 * second);
    const auto cancelled = cancel("tj-1");
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->status, JobStatus::cancelled);
    EXPECT_EQ(cancelled->ended, clock.wall_now());
    EXPECT_FALSE(cancelled->counts) << "no children, no statistics";
    until(3600 * second);
    EXPECT_EQ(status("tj-1"), JobStatus::cancelled);
    EXPECT_TRUE(rows("tj-1").empty());
    EXPECT_EQ(twin("dev-a").version, 2);
    EXPECT_EQ(cancel("tj-1").error().detail, "Job cannot be cancelled in 'Cancelled' status.");
}

TEST_F(JobTimeline, AConditionThatDoesNotParseFailsTheJobAndSaysWhere) {
    until(600 * second + 1'000'000);
    ASSERT_TRUE(create("bad-1", testing::method_body("SELECT * FROM devices")));
    const auto job = find("bad-1");
    EXPECT_EQ(job->status, JobStatus::failed);
    EXPECT_FALSE(job->counts);
    EXPECT_EQ(job->failure_reason.rfind("SQL query parse failed due to following errors: \n\tLine 1:29 ", 0),
              0U)
        << job->failure_reason;
    EXPECT_NE(json("bad-1").find(R"("endTime":"2026-11-22T10:10:00.1Z")"), std::string::npos);
}

TEST_F(JobTimeline, TheTutorialsTwoJobsStartTogetherAndBothComplete) {
    // Both by the preview's device ids, with the misplaced `desired`; the device dies after its answer.
    until(5 * second);
    const std::string ids =
        R"("deviceIds":["dev-a"],"startTime":"2026-11-22T10:00:04.99Z","maxExecutionTimeInSeconds":3600)";
    ASSERT_TRUE(create("m",
                       R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"lockDoor",)"
                       R"("payload":null,"timeoutInSeconds":45},)" +
                           ids + "}",
                       Flavour::preview));
    ASSERT_TRUE(create("t",
                       R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*",)"
                       R"("desired":{"building":"43","floor":3}},)" +
                           ids + "}",
                       Flavour::preview));
    answer("dev-a", 200, "null");
    disconnect("dev-a");
    for (const auto* id : {"m", "t"}) {
        EXPECT_EQ(status(id), JobStatus::completed) << id;
        EXPECT_EQ(counts(id), (JobCounts{1, 0, 0, 1, 0, 0})) << id;
    }
}

}  // namespace
}  // namespace carillon
