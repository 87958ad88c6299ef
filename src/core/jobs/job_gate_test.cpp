// Pace, pause and live change of jobs with a rollout. Cases of docs/rollout-reference.md, pace.

#include "base/text.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

RolloutBench::Manner answers_after(milliseconds time) {
    return {time, 200};
}

TEST(JobGate, G1_1ACapOfTwoPercentIsReachedAndNeverExceeded) {
    RolloutBench bench;
    bench.add(1050);
    bench.connect_all(1050, [](int) { return answers_after(seconds(1)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"maxInFlight":"2%"}})")));
    const auto start = bench.clock.now();
    bench.pass(seconds(52));
    EXPECT_EQ(bench.most_in_flight, 21);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 1050U);
    EXPECT_GE(bench.begins.back().at - start, seconds(48));
    EXPECT_LE(bench.begins.back().at - start, seconds(50));
}

TEST(JobGate, G1_2ARateHoldsInEverySecond) {
    RolloutBench bench;
    bench.add(1000);
    bench.connect_all(1000, [](int) { return answers_after(milliseconds(0)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"100/s"}})")));
    const auto start = bench.clock.now();
    bench.pass(milliseconds(10'300));
    EXPECT_LE(bench.most_begun_within(seconds(1)), 200U);
    ASSERT_EQ(bench.begins.size(), 1000U);
    EXPECT_GE(bench.begins.back().at - start, milliseconds(9900));
    EXPECT_LE(bench.begins.back().at - start, milliseconds(10'200));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobGate, G1_2ARateOfHalfADeviceASecondTakesItsTime) {
    RolloutBench bench;
    bench.add(10);
    bench.connect_all(10, [](int) { return answers_after(milliseconds(0)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"30/m"}})")));
    const auto start = bench.clock.now();
    bench.pass(seconds(20));
    ASSERT_EQ(bench.begins.size(), 10U);
    EXPECT_GE(bench.begins.back().at - start, seconds(18));
    EXPECT_LE(bench.begins.back().at - start, seconds(19));
}

TEST(JobGate, G1_2ATwinJobKeepsTheRateToo) {
    RolloutBench bench;
    bench.add(100);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(5));
    EXPECT_EQ(bench.counts("j").succeeded, 51U);
    bench.pass(seconds(5));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 100U);
    EXPECT_EQ(bench.progress("j").attempts, 100U);
}

TEST(JobGate, G1_3AfterThePauseNothingBeginsUntilItIsResumed) {
    RolloutBench bench;
    bench.add(2000);
    bench.connect_all(2000, [](int) { return answers_after(milliseconds(500)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"100/s"}})")));
    bench.pass(seconds(5));
    ASSERT_TRUE(bench.pause("j"));
    const auto begun = bench.begins.size();
    EXPECT_LE(begun, 502U);
    EXPECT_GE(begun, 490U);
    bench.pass(minutes(10), milliseconds(1000));
    EXPECT_EQ(bench.begins.size(), begun);
    EXPECT_EQ(bench.in_flight, 0);
    EXPECT_EQ(bench.status("j"), JobStatus::running);
    const auto paused = bench.progress("j");
    ASSERT_TRUE(paused.rollout->pause);
    EXPECT_EQ(paused.rollout->pause->by.policy, "service");
    EXPECT_EQ(paused.held.paused, 2000 - begun);
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(17));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 2000U);
}

TEST(JobGate, G1_3APauseSurvivesTheHub) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(100, [](int) { return answers_after(milliseconds(0)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(2));
    ASSERT_TRUE(bench.pause("j"));
    const auto begun = bench.begins.size();
    bench.crash();
    bench.connect_all(100, [](int) { return answers_after(milliseconds(0)); });
    bench.pass(seconds(20), milliseconds(100));
    EXPECT_EQ(bench.begins.size(), begun);
    ASSERT_TRUE(bench.progress("j").rollout->pause);
    EXPECT_EQ(bench.progress("j").rollout->pause->by.policy, "service");
    EXPECT_EQ(bench.status("j"), JobStatus::running);
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(10));
    EXPECT_EQ(bench.counts("j").succeeded, 100U);
}

TEST(JobGate, APauseIsNotAnsweredBeforeWhatIsBegunIsSent) {
    RolloutBench bench;
    bench.add(50);
    bench.connect_all(50, [](int) { return answers_after(seconds(1)); });
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    // The hub has not come to rest: intents are under way.
    auto pausing = bench.hub->begin((*bench.hub)->jobs().direct("j", {}));
    while (!pausing->has_value()) {
        bench.hub->poll();
        if (!bench.hub->storage().step()) break;
    }
    ASSERT_TRUE(pausing->has_value());
    const auto begun = bench.begins.size();
    bench.pass(seconds(5));
    EXPECT_EQ(bench.begins.size(), begun);
}

TEST(JobGate, APauseBeforeTheStartKeepsTheJobFromStarting) {
    RolloutBench bench;
    bench.add(5);
    bench.connect_all(5, [](int) { return answers_after(milliseconds(0)); });
    auto body = rollout_body("{}");
    body.insert(1, fmt::format(R"("startTime":"{}",)", to_iso8601(bench.clock.wall_now().plus_s(60))));
    ASSERT_TRUE(bench.create("j", body));
    ASSERT_TRUE(bench.pause("j"));
    EXPECT_EQ(bench.status("j"), JobStatus::scheduled);
    bench.pass(seconds(120), milliseconds(1000));
    EXPECT_EQ(bench.status("j"), JobStatus::queued);
    EXPECT_TRUE(bench.begins.empty());
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.begins.size(), 5U);
}

TEST(JobGate, RepeatingAnActionThatHoldsIsNoEvent) {
    RolloutBench bench;
    bench.add(5);
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    ASSERT_TRUE(bench.pause("j"));
    const auto revision = bench.progress("j").rollout->revision;
    ASSERT_TRUE(bench.pause("j"));
    EXPECT_EQ(bench.progress("j").rollout->revision, revision);
    ASSERT_TRUE(bench.resume("j"));
    EXPECT_GT(bench.progress("j").rollout->revision, revision);
}

TEST(JobGate, AJobWithoutARolloutAndOneThatIsOverCannotBeDirected) {
    RolloutBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("plain", method_body("*")));
    EXPECT_EQ(bench.pause("plain").error().code, Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(bench.pause("nobody").error().code, Errc::job_not_found);
    ASSERT_TRUE(bench.create("j", twin_rollout_body("{}")));
    bench.pass(milliseconds(10));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.pause("j").error().code, Errc::operation_not_allowed_in_current_state);
}

TEST(JobGate, G1_4AChangedRateHoldsAtOnceAndAStaleRevisionIsRefused) {
    RolloutBench bench;
    bench.add(2000);
    bench.connect_all(2000, [](int) { return answers_after(milliseconds(0)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"100/s"}})")));
    bench.pass(seconds(3));
    const auto revision = bench.progress("j").rollout->revision;
    ASSERT_TRUE(bench.change("j", R"({"pace":{"rate":"10/s"}})", revision));
    bench.pass(milliseconds(100));
    const auto before = bench.begins.size();
    bench.pass(seconds(10));
    EXPECT_LE(bench.begins.size() - before, 110U);
    EXPECT_GE(bench.begins.size() - before, 90U);
    EXPECT_EQ(bench.change("j", R"({"pace":{"rate":"20/s"}})", revision).error().code,
              Errc::precondition_failed);
    bench.crash();
    EXPECT_EQ(bench.progress("j").rollout->rollout->pace.rate->count, 10U);
}

TEST(JobGate, ALowerCapInterruptsNothing) {
    RolloutBench bench;
    bench.add(200);
    bench.connect_all(200, [](int) { return answers_after(seconds(1)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"maxInFlight":50}})")));
    bench.pass(milliseconds(100));
    EXPECT_EQ(bench.in_flight, 50);
    ASSERT_TRUE(bench.change("j", R"({"pace":{"maxInFlight":5}})"));
    bench.most_in_flight = 0;
    bench.pass(milliseconds(950));
    bench.pass(seconds(3));
    EXPECT_EQ(bench.most_in_flight, 5);
}

TEST(JobGate, AnAnswerOutsideOfOkStatusIsAFailureThatKeepsItsAnswer) {
    RolloutBench bench;
    bench.add(3);
    bench.connect_all(3, [](int i) {
        return RolloutBench::Manner{milliseconds(0), i == 0 ? 503 : i == 1 ? 409 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"okStatus":["200-299","409"]})")));
    bench.pass(milliseconds(50));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 2U);
    EXPECT_EQ(bench.counts("j").failed, 1U);
    for (const auto& row : bench.rows("j")) {
        ASSERT_TRUE(row.answer) << row.device_id;
        const bool is_rejected = row.device_id == "d00000";
        EXPECT_EQ(row.answer->status, is_rejected ? 503 : row.device_id == "d00001" ? 409 : 200);
        EXPECT_EQ(row.error_code, is_rejected ? "DeviceRejected" : "");
    }
}

TEST(JobGate, ADeadlineEndsWhatIsPendingWhilePausedToo) {
    RolloutBench bench;
    bench.add(10);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"deadline":"10m"})")));
    ASSERT_TRUE(bench.pause("j"));
    bench.pass(minutes(11), milliseconds(5000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 10U);
}

TEST(JobGate, ADeadlineThatWasPutOffHolds) {
    RolloutBench bench;
    bench.add(10);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"deadline":"10m"})")));
    ASSERT_TRUE(bench.change("j", R"({"deadline":"20m"})"));
    bench.pass(minutes(15), milliseconds(5000));
    EXPECT_EQ(bench.status("j"), JobStatus::running);
    EXPECT_FALSE(bench.change("j", R"({"deadline":"12m"})"));
    bench.pass(minutes(6), milliseconds(5000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobGate, APausedJobIsCanceled) {
    RolloutBench bench;
    bench.add(10);
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    ASSERT_TRUE(bench.pause("j"));
    ASSERT_TRUE(bench.cancel("j"));
    EXPECT_EQ(bench.status("j"), JobStatus::cancelled);
    EXPECT_EQ(bench.counts("j").canceled, 10U);
}

TEST(JobGate, APausedJobGivesItsPlaceAway) {
    JobEngineLimits limits;
    limits.running_max = 1;
    RolloutBench bench(limits);
    bench.add(10);
    bench.connect_all(10, [](int) { return answers_after(milliseconds(0)); });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"1/s"}})")));
    ASSERT_TRUE(bench.create("plain", twin_body("*")));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.status("plain"), JobStatus::queued);
    ASSERT_TRUE(bench.pause("j"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("plain"), JobStatus::completed);
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(12));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobGate, DevicesThatAreNotThereAreCalledWhenTheyCome) {
    RolloutBench bench;
    bench.add(20);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"maxInFlight":3}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.progress("j").held.offline, 20U);
    bench.connect_all(20, [](int) { return answers_after(milliseconds(100)); });
    bench.pass(seconds(2));
    EXPECT_EQ(bench.most_in_flight, 3);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

}  // namespace
}  // namespace carillon
