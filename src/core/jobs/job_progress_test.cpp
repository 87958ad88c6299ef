// What is told of a job's progress, and that a restart tells the same.

#include "core/jobs/job_progress.hpp"

#include "core/jobs/job_watcher.hpp"
#include "core/testing/job_testing.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon::testing {
namespace {

class JobProgresses : public JobBench, public ::testing::Test {
protected:
    JobProgresses() {
        for (int i = 0; i < 6; ++i) hub->add_device("d" + std::to_string(i));
    }
    JobProgress progress(const std::string& id) {
        const auto found = (*hub)->jobs().progress(id);
        CARILLON_ASSERT(found);
        // What is shown of a moment belongs together.
        if (found->snapshot.counts) {
            EXPECT_EQ(found->tally.failed(), found->snapshot.counts->failed);
            std::uint64_t answers = found->tally.unnamed_answers();
            for (const auto& group : found->tally.answers()) answers += group.count;
            if (found->snapshot.definition->type == JobType::device_method) {
                EXPECT_EQ(answers, found->snapshot.counts->succeeded);
            }
        }
        return *found;
    }
    std::uint64_t failures(const std::string& id, FailReason reason) {
        const auto told = progress(id);
        for (const auto& group : told.tally.failures()) {
            if (group.failure.reason == reason) return group.count;
        }
        return 0;
    }
    void advance(std::chrono::milliseconds by) { hub->advance(by); }
};

using Phase = JobRevision::Phase;

TEST_F(JobProgresses, RiseFromPhaseToPhase) {
    ASSERT_TRUE(create("j1", twin_body("*", R"({"a":1})", 300, "2026-11-22T10:01:00Z")));
    hub->settle();
    const auto scheduled = progress("j1");
    EXPECT_EQ(scheduled.revision, (JobRevision{Phase::scheduled, 0}));
    EXPECT_FALSE(scheduled.elapsed_s);
    advance(std::chrono::minutes(1));
    const auto ended = progress("j1");
    EXPECT_EQ(ended.revision, (JobRevision{Phase::ended, 0}));
    EXPECT_GT(ended.revision, scheduled.revision);
    EXPECT_EQ(ended.snapshot.counts->succeeded, 6U);
}

TEST_F(JobProgresses, OfARunningJobAreTheSameAfterARestart) {
    for (const char* id : {"d0", "d1", "d2"}) connect(id);
    ASSERT_TRUE(create("j1", method_body("*")));
    hub->settle();
    const auto sent = progress("j1");
    EXPECT_EQ(sent.revision.phase, Phase::running);
    answer("d0", 200);
    answer("d1", 500);
    const auto before = progress("j1");
    EXPECT_GT(before.revision, sent.revision);
    EXPECT_EQ(before.snapshot.counts->succeeded, 2U) << "an answer is a success, whatever it says";
    answer("d2", 200);
    const auto last = progress("j1");
    restart();
    const auto after = progress("j1");
    EXPECT_EQ(after.revision, last.revision);
    EXPECT_EQ(after.tally.answers().size(), 2U);
    EXPECT_EQ(after.tally.failed(), last.tally.failed());
    EXPECT_EQ(after.snapshot.counts, last.snapshot.counts);
}

TEST_F(JobProgresses, CountReasonsAndKeepThemWhenTheJobHasEnded) {
    connect("d0");
    connect("d1");
    ASSERT_TRUE(create("j1", method_body("*", 60, 30)));
    hub->settle();
    answer("d0", 404);
    advance(std::chrono::seconds(31));
    EXPECT_EQ(failures("j1", FailReason::timeout), 1U);
    advance(std::chrono::seconds(30));
    EXPECT_EQ(status("j1"), JobStatus::completed);
    EXPECT_EQ(failures("j1", FailReason::timeout), 1U);
    EXPECT_EQ(failures("j1", FailReason::deadline), 4U);
    const auto before = progress("j1");
    restart();
    const auto after = progress("j1");
    EXPECT_EQ(after.tally, before.tally);
    EXPECT_EQ(after.revision, before.revision);
    EXPECT_EQ(after.elapsed_s, before.elapsed_s);
    EXPECT_EQ(after.tally.answers(), (std::vector<JobTally::Answers>{{404, 1}}));
}

TEST_F(JobProgresses, CountWhatARestartEnded) {
    connect("d0");
    ASSERT_TRUE(create("j1", method_body("deviceId = 'd0'")));
    hub->settle();
    restart();
    EXPECT_EQ(failures("j1", FailReason::restart), 1U);
}

TEST_F(JobProgresses, KnowTheRateAndTheTimeLeft) {
    for (int i = 0; i < 6; ++i) connect("d" + std::to_string(i));
    ASSERT_TRUE(create("j1", method_body("*")));
    hub->settle();
    EXPECT_EQ(progress("j1").devices_per_s, 0);
    EXPECT_FALSE(progress("j1").seconds_left());
    advance(std::chrono::seconds(1));
    answer("d0", 200);
    answer("d1", 200);
    const auto told = progress("j1");
    EXPECT_DOUBLE_EQ(told.devices_per_s, 2);
    EXPECT_EQ(told.seconds_left(), 2);
    EXPECT_DOUBLE_EQ(told.elapsed_s.value(), 1);
    advance(std::chrono::seconds(20));
    EXPECT_EQ(progress("j1").devices_per_s, 0) << "nothing has happened of late";
}

TEST_F(JobProgresses, WakeWhoWaitsAtTheFirstChangeAndOnce) {
    connect("d0");
    connect("d1");
    ASSERT_TRUE(create("j1", method_body("*")));
    hub->settle();
    auto watcher = (*hub)->jobs().watch("j1");
    ASSERT_TRUE(watcher);
    int woken = 0;
    const auto wake = [&woken] { ++woken; };
    const auto seen = (*watcher)->look(clock.now(), clock.wall_now()).revision;
    EXPECT_FALSE((*watcher)->wake_at_change(JobRevision{}, wake)) << "it has changed already";
    EXPECT_TRUE((*watcher)->wake_at_change(seen, wake));
    EXPECT_TRUE((*watcher)->wake_at_change(seen, wake)) << "in place of the first";
    EXPECT_EQ(woken, 0);
    answer("d0", 200);
    EXPECT_EQ(woken, 1);
    answer("d1", 200);
    EXPECT_EQ(woken, 1);
    EXPECT_TRUE((*watcher)->wake_at_change((*watcher)->look(clock.now(), clock.wall_now()).revision, wake));
    watcher->reset();
    advance(std::chrono::seconds(200));
    EXPECT_EQ(status("j1"), JobStatus::completed);
    EXPECT_EQ(woken, 1) << "who has gone is not woken";
}

TEST_F(JobProgresses, AreFollowedBySoManyAtATime) {
    ASSERT_TRUE(create("j1", twin_body("*")));
    hub->settle();
    std::vector<std::unique_ptr<JobWatcher>> watchers;
    for (std::size_t i = 0; i < JobWatcher::count_max; ++i) {
        auto watcher = (*hub)->jobs().watch("j1");
        ASSERT_TRUE(watcher);
        watchers.push_back(*std::move(watcher));
    }
    EXPECT_EQ((*hub)->jobs().watch("j1").error().code, Errc::throttling_exception);
    watchers.pop_back();
    EXPECT_TRUE((*hub)->jobs().watch("j1"));
    EXPECT_EQ((*hub)->jobs().watch("j2").error().code, Errc::job_not_found);
    EXPECT_FALSE((*hub)->jobs().progress("j2"));
}

}  // namespace
}  // namespace carillon::testing
