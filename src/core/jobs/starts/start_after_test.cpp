// Jobs that start when another one has succeeded. Cases of docs/rollout-reference.md.

#include "core/jobs/job_control.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto second_ = milliseconds(1000);

std::string follower(std::string_view more = {}) {
    return fmt::format(R"({{"startAfter":{{"job":"a","pass":{{"succeeded":"95%","ended":"100%"}}}},)"
                       R"("from":{{"job":"a","in":["succeeded"]}}{}}})",
                       more);
}

struct StartAfter : ::testing::Test {
    /// Job `a` over so many devices, of which the last ones answer 500, each after two seconds.
    void order(int devices, int failing) {
        bench.add(devices);
        bench.connect_all(devices, [devices, failing](int i) {
            return RolloutBench::Manner{seconds(2), i < devices - failing ? 200 : 500};
        });
        ASSERT_TRUE(bench.create("a", rollout_body("{}")));
    }
    std::string why_cancelled(const std::string& job) {
        const auto lines = bench.hub->run((*bench.hub)->jobs().history(job, 0));
        for (const auto& line : *lines) {
            if (line.find(R"("event":"cancelling")") != line.npos) return line;
        }
        return {};
    }
    RolloutBench bench;
};

TEST_F(StartAfter, G17_1ItBeginsWithTheDevicesThatSucceeded) {
    order(1000, 30);
    ASSERT_TRUE(bench.create("b", rollout_body(follower())));
    EXPECT_EQ(bench.status("b"), JobStatus::scheduled) << "what a stock client sees";
    EXPECT_TRUE(bench.progress("b").rollout->waits_for_job);
    bench.pass(seconds(1), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::scheduled);
    bench.pass(seconds(120), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::completed);
    EXPECT_EQ(bench.counts("b").device, 970U);
    EXPECT_EQ(bench.counts("b").succeeded, 970U);
}

TEST_F(StartAfter, G17_1ItIsCancelledIfTheOtherEndsWithoutEnoughSuccess) {
    order(1000, 60);
    ASSERT_TRUE(bench.create("b", rollout_body(follower())));
    bench.pass(seconds(120), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::completed);
    EXPECT_EQ(bench.status("b"), JobStatus::cancelled);
    EXPECT_FALSE(bench.find("b")->counts);
    const auto why = why_cancelled("b");
    EXPECT_NE(why.find(R"("by":"$hub")"), why.npos) << why;
    EXPECT_NE(why.find("1000 ended and 940 succeeded"), why.npos) << why;
}

TEST_F(StartAfter, AContinuousJobThatHasNoDevicesYetProvesNothing) {
    ASSERT_TRUE(bench.create("a", rollout_body(R"({"members":{"mode":"continuous"}})")));
    ASSERT_TRUE(bench.create("b", rollout_body(follower())));
    bench.pass(seconds(10), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::running);
    EXPECT_EQ(bench.status("b"), JobStatus::scheduled);
    JobWish close;
    close.what = JobWish::close;
    ASSERT_TRUE(bench.direct("a", close));
    bench.pass(seconds(10), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::completed);
    EXPECT_EQ(bench.status("b"), JobStatus::completed) << "as behind any job that had no devices";
}

TEST_F(StartAfter, ItBeginsWhileTheOtherStillRunsIfThatIsEnough) {
    bench.add(20);
    bench.connect_all(20, [](int i) { return RolloutBench::Manner{milliseconds(i < 19 ? 0 : -1), 200}; });
    ASSERT_TRUE(bench.create("a", rollout_body("{}", "*", 300)));
    ASSERT_TRUE(bench.create("b", rollout_body(R"({"startAfter":{"job":"a"}})", "deviceId = 'd00001'")));
    bench.pass(seconds(3), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::running);
    EXPECT_EQ(bench.status("b"), JobStatus::completed);
}

TEST_F(StartAfter, ItsDeadlineCountsFromTheStartThatItIsGiven) {
    bench.add(10);
    for (int i = 1; i < 10; ++i) bench.answer_as(fmt::format("d{:05}", i), {});
    ASSERT_TRUE(bench.create("a", rollout_body("{}")));
    ASSERT_TRUE(bench.create(
        "b", rollout_body(R"({"startAfter":{"job":"a"},"deadline":"30s"})", "deviceId = 'd00000'")));
    bench.pass(minutes(2), second_);
    ASSERT_EQ(bench.status("a"), JobStatus::running) << "it waits for d00000";
    EXPECT_EQ(bench.status("b"), JobStatus::scheduled) << "its deadline has not begun";
    ASSERT_TRUE(bench.cancel("a"));
    bench.pass(seconds(3), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::running) << "nine of nine succeeded";
    bench.pass(seconds(25), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::running);
    bench.pass(seconds(5), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::completed) << "by its deadline";
    EXPECT_EQ(bench.counts("b").failed, 1U);
}

TEST_F(StartAfter, AJobThatWaitsDoesSoAfterARestartAndCanBeCancelledAndPaused) {
    order(10, 0);
    ASSERT_TRUE(bench.create("b", rollout_body(R"({"startAfter":{"job":"a"}})")));
    ASSERT_TRUE(bench.create("c", rollout_body(R"({"startAfter":{"job":"a"}})")));
    ASSERT_TRUE(bench.create("d", rollout_body(R"({"startAfter":{"job":"b"}})")));
    ASSERT_TRUE(bench.cancel("c"));
    EXPECT_EQ(bench.status("c"), JobStatus::cancelled);
    ASSERT_TRUE(bench.pause("b"));
    bench.crash();
    EXPECT_EQ(bench.status("b"), JobStatus::scheduled);
    bench.connect_all(10, [](int) { return RolloutBench::Manner{}; });
    bench.pass(seconds(60), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::completed);
    // The ten that were called before the crash have failed, so nobody may follow.
    EXPECT_EQ(bench.status("b"), JobStatus::cancelled);
    EXPECT_EQ(bench.status("d"), JobStatus::cancelled) << "which waits for one that never began";
}

TEST_F(StartAfter, APausedOneStartsOnceItIsResumed) {
    order(10, 0);
    ASSERT_TRUE(bench.create("b", rollout_body(R"({"startAfter":{"job":"a"}})")));
    ASSERT_TRUE(bench.pause("b"));
    bench.pass(seconds(20), second_);
    EXPECT_EQ(bench.status("a"), JobStatus::completed);
    EXPECT_EQ(bench.status("b"), JobStatus::queued);
    ASSERT_TRUE(bench.resume("b"));
    bench.pass(seconds(20), second_);
    EXPECT_EQ(bench.status("b"), JobStatus::completed);
}

TEST_F(StartAfter, TheOtherJobMustBeThere) {
    const auto refused = bench.create("b", rollout_body(R"({"startAfter":{"job":"none"}})"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_EQ(refused.error().detail, "rollout.startAfter.job: there is no job with id 'none'");
}

}  // namespace
}  // namespace carillon
