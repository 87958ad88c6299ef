// Jobs that templates make, by hand and by the clock. Cases of docs/rollout-reference.md.

#include "core/jobs/templates/job_templates.hpp"

#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto one_minute = milliseconds(60'000);

struct Templates : ::testing::Test {
    Result<std::string> put(const std::string& name, std::string text) {
        JobActor by;
        by.policy = "writer";
        return bench.hub->run((*bench.hub)->jobs().put_template(name, std::move(text), std::move(by)));
    }
    /// One that calls a method at each full hour.
    std::string hourly(std::string_view more = "", std::string_view rollout = "{}") {
        return fmt::format(R"({{"repeat":{{"cron":"0 * * * *"{}}},"job":{}}})", more, rollout_body(rollout));
    }
    Result<std::vector<JobSnapshot>> run(const std::string& name, const std::string& job,
                                         const std::string& values = "{}") {
        JobActor by;
        by.policy = "runner";
        return bench.hub->run((*bench.hub)->jobs().run_template(name, job, values, std::move(by)));
    }
    std::string show(const std::string& name) {
        return bench.hub->run((*bench.hub)->jobs().find_template(name)).value_or("none");
    }
    /// Runs, oldest first: job id, or `-` and why.
    std::vector<std::string> runs(const std::string& name) {
        const auto text = show(name);
        const auto document = JsonDocument::parse(text);
        std::vector<std::string> found;
        for (auto v = document->root().find("runs").first(); v.exists(); v = v.next()) {
            const std::string job(v.find("jobId").string());
            found.push_back(job.empty() ? "- " + std::string(v.find("missed").string()) : job);
        }
        std::reverse(found.begin(), found.end());
        return found;
    }
    void connect(int devices, std::function<RolloutBench::Manner(int)> manner) {
        bench.add(devices);
        bench.connect_all(devices, std::move(manner));
    }
    RolloutBench bench;
};
using Texts = std::vector<std::string>;

TEST_F(Templates, MakesAJobOfValuesByHand) {
    connect(4, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("call", R"({"parameters":{"id":{"type":"text"}},"job":)" +
                                rollout_body("{}", "deviceId = ${id}") + "}"));
    const auto made = run("call", "j-1", R"({"id":"d00002"})");
    ASSERT_TRUE(made) << made.error().detail;
    ASSERT_EQ(made->size(), 1U);
    EXPECT_EQ(made->front().definition->creator.policy, "runner");
    bench.pass(seconds(5), milliseconds(1000));
    EXPECT_EQ(bench.counts("j-1").succeeded, 1U);
    EXPECT_EQ(bench.counts("j-1").device, 1U);
    EXPECT_EQ(run("call", "j-1", R"({"id":"d00002"})").error().code, Errc::job_already_exists);
    EXPECT_EQ(run("none", "j-2").error().code, Errc::generic_not_found);
    EXPECT_EQ(run("call", "j-2").error().detail, "parameters.id: is needed");
}

TEST_F(Templates, MakesAllOfItsJobsOrNone) {
    connect(10, [](int i) { return RolloutBench::Manner{{}, i < 9 ? 200 : 500}; });
    const auto two = fmt::format(
        R"({{"jobs":[{{"name":"patch","job":{}}},{{"name":"reboot","job":{}}}]}})", rollout_body("{}"),
        rollout_body(
            R"({"startAfter":{"job":"@patch","pass":{"succeeded":"90%"}},"from":{"job":"@patch","in":["succeeded"]}})"));
    ASSERT_TRUE(put("both", two));
    ASSERT_TRUE(run("both", "fw"));
    bench.pass(seconds(20), milliseconds(1000));
    EXPECT_EQ(bench.status("fw-patch"), JobStatus::completed);
    EXPECT_EQ(bench.status("fw-reboot"), JobStatus::completed);
    EXPECT_EQ(bench.counts("fw-reboot").device, 9U);
    // The second id is taken, so there is no first job either.
    ASSERT_TRUE(bench.create("up-reboot", rollout_body("{}")));
    EXPECT_EQ(run("both", "up").error().code, Errc::job_already_exists);
    EXPECT_FALSE(bench.find("up-patch"));
    // Nor is there if the store refuses them.
    bench.store.fail_commits(1, 1);
    EXPECT_EQ(run("both", "no").error().code, Errc::service_unavailable);
    EXPECT_FALSE(bench.find("no-patch"));
    ASSERT_TRUE(run("both", "no"));
}

TEST_F(Templates, G6_3MakesAJobAtEachPlannedTimeWhoseIdSaysSo) {
    connect(2, [](int) { return RolloutBench::Manner{}; });
    // It is ten o'clock of the bench.
    const auto made = put("night", R"({"repeat":{"cron":"30 2 * * *","zone":"Europe/Berlin"},"job":)" +
                                       rollout_body("{}") + "}");
    ASSERT_TRUE(made) << made.error().detail;
    bench.pass(std::chrono::hours(49), one_minute);
    const auto all = runs("night");
    ASSERT_EQ(all.size(), 2U);
    for (const auto& job : all) {
        EXPECT_EQ(bench.status(job), JobStatus::completed);
        EXPECT_EQ(bench.find(job)->definition->creator.policy, "writer");
        EXPECT_TRUE(job.starts_with("night-") && job.ends_with("T0130Z")) << job;
    }
    EXPECT_NE(show("night").find(R"("next":")"), std::string::npos);
}

TEST_F(Templates, G6_4AfterADowntimeTheNewestStartsIfItIsNotTooLate) {
    connect(1, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("hourly", hourly(R"(,"within":"10m")")));
    bench.clock.advance(minutes(58));  // 10:58
    bench.crash();
    EXPECT_EQ(runs("hourly"), Texts{});
    // Down until 14:05.
    bench.hub.reset();
    bench.clock.advance(minutes(187));
    bench.restart();
    bench.pass(seconds(2), milliseconds(1000));
    auto all = runs("hourly");
    ASSERT_EQ(all.size(), 4U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].substr(0, 1), "-");
    EXPECT_TRUE(all[3].ends_with("T1400Z")) << all[3];
    EXPECT_TRUE(bench.find(all[3]));
    // And until 18:20, which is too late for the run of six.
    bench.hub.reset();
    bench.clock.advance(minutes(255));
    bench.restart();
    bench.pass(seconds(2), milliseconds(1000));
    all = runs("hourly");
    ASSERT_EQ(all.size(), 8U);
    for (std::size_t i = 4; i < 8; ++i) EXPECT_EQ(all[i].substr(0, 1), "-") << i;
    // The same again finds nothing new.
    bench.crash();
    bench.pass(seconds(2), milliseconds(1000));
    EXPECT_EQ(runs("hourly"), all);
}

TEST_F(Templates, ARunMeetsTheOneBeforeAsOverlapSays) {
    connect(1, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    const auto long_job = R"({"deadline":"90m"})";
    const auto slow = [&](std::string_view overlap) {
        return fmt::format(R"({{"repeat":{{"cron":"0 * * * *","overlap":"{}"}},"job":{}}})", overlap,
                           rollout_body(long_job, "*", 300));
    };
    // The device is not there, so each job waits for 90 minutes.
    bench.disconnect("d00000");
    ASSERT_TRUE(put("skips", slow("skip")));
    ASSERT_TRUE(put("queues", slow("queue")));
    ASSERT_TRUE(put("cancels", slow("cancel")));
    bench.pass(minutes(185), one_minute);
    const auto skips = runs("skips");
    ASSERT_EQ(skips.size(), 3U);
    EXPECT_EQ(skips[1], "- the run before has not ended");
    EXPECT_TRUE(skips[2].starts_with("skips-"));
    const auto queues = runs("queues");
    ASSERT_EQ(queues.size(), 2U) << "the second one began when the first had ended";
    EXPECT_TRUE(bench.find(queues[1]));
    EXPECT_NE(show("queues").find(R"("waiting":")"), std::string::npos) << "the third one";
    const auto cancels = runs("cancels");
    ASSERT_EQ(cancels.size(), 3U);
    EXPECT_EQ(bench.status(cancels[0]), JobStatus::cancelled);
    EXPECT_EQ(bench.status(cancels[1]), JobStatus::cancelled);
    EXPECT_EQ(bench.status(cancels[2]), JobStatus::running);
    // What waits is not forgotten.
    bench.crash();
    EXPECT_NE(show("queues").find(R"("waiting":")"), std::string::npos);
    bench.pass(minutes(90), one_minute);
    EXPECT_GE(runs("queues").size(), 3U);
}

TEST_F(Templates, OneThatIsRemovedMakesNoMoreJobs) {
    connect(1, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("hourly", hourly()));
    bench.pass(minutes(61), one_minute);
    ASSERT_EQ(runs("hourly").size(), 1U);
    const auto job = runs("hourly").front();
    EXPECT_TRUE(bench.hub->run((*bench.hub)->jobs().remove_template("hourly")).value());
    EXPECT_FALSE(bench.hub->run((*bench.hub)->jobs().remove_template("hourly")).value());
    EXPECT_EQ(show("hourly"), "none");
    bench.pass(minutes(120), one_minute);
    EXPECT_TRUE(bench.find(job));
    bench.crash();
    EXPECT_EQ(show("hourly"), "none");
}

TEST_F(Templates, ARefusedCommitOnlyDelaysARun) {
    connect(1, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("hourly", hourly()));
    bench.pass(minutes(59), one_minute);
    bench.store.fail_commits(1, 4);
    bench.pass(minutes(2), milliseconds(1000));
    const auto all = runs("hourly");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_TRUE(bench.find(all[0])) << all[0];
}

TEST_F(Templates, AZoneThatTheHubDoesNotKnowIsRefusedAndATimeThatNeverComes) {
    EXPECT_EQ(put("t", hourly(R"(,"zone":"Mars/Base")")).error().detail,
              "repeat.zone: this hub knows no time zone 'Mars/Base'");
    EXPECT_EQ(put("t", R"({"repeat":{"cron":"0 0 31 2 *"},"job":)" + rollout_body("{}") + "}").error().detail,
              "repeat.cron: such a time never comes");
}

}  // namespace
}  // namespace carillon
