// A process that dies at each commit in turn: at none of them is a twin patched twice, a method sent
// twice, an acknowledged job forgotten or a job left without an end.

#include "core/testing/job_world.hpp"

namespace carillon {
namespace {

using testing::JobWorld;
using namespace std::chrono_literals;

JobEngineLimits small_chunks() {
    JobEngineLimits limits;
    limits.twin_chunk_devices = 2;
    return limits;
}

/// Nine devices, four of them connected: two answer, one answers late, one not at all.
void people(JobWorld& world) {
    for (int i = 0; i < 9; ++i) world.add_device(fmt::format("d{}", i));
}
void connect_all(JobWorld& world) {
    world.connect("d0", JobWorld::Manner::answers);
    world.connect("d1", JobWorld::Manner::answers, 500);
    world.connect("d2", JobWorld::Manner::answers_later);
    world.connect("d3", JobWorld::Manner::keeps_silent);
}

using Scenario = void (*)(JobWorld&);

void twin_and_method(JobWorld& world) {
    world.create("t", JobType::update_twin, "*", 0, 60);
    world.create("m", JobType::device_method, "*", 0, 30);
    world.settle();
    world.answer_one();
    world.settle();
    world.connect("d5", JobWorld::Manner::answers);
    world.settle();
    world.create("t2", JobType::update_twin, R"("d1","ghost","d8")", 0, 60);
    world.settle();
    world.advance(30s);
    world.settle();
}

void scheduled_and_failed(JobWorld& world) {
    world.create("later", JobType::update_twin, "*", 5, 60);
    world.create("bad", JobType::device_method, "SELECT * FROM devices", 0, 60);
    world.settle();
    world.create("none", JobType::device_method, "tags.x = 1", 0, 60);
    world.advance(5s);
    world.settle();
    world.create("behind", JobType::device_method, "*", -100, 60);
    world.settle();
}

void cancelled_in_flight(JobWorld& world) {
    world.create("m", JobType::device_method, "*", 0, 60);
    world.create("waiting", JobType::update_twin, "*", 50, 60);
    world.settle();
    world.cancel("m");
    world.cancel("waiting");
    world.settle();
    world.answer_one();
    world.settle();
    world.advance(800ms);
    world.settle();
}

void lost_connections(JobWorld& world) {
    world.create("m", JobType::device_method, "*", 0, 60);
    world.settle();
    world.disconnect("d2");
    world.remove_device("d3");
    world.remove_device("d6");
    world.settle();
    world.connect("d7", JobWorld::Manner::answers);
    world.settle();
    world.add_device("d6");
    world.connect("d6", JobWorld::Manner::answers);
    world.settle();
}

/// How many commits the scenario takes when nothing goes wrong.
std::size_t commits_of(Scenario scenario) {
    JobWorld world(small_chunks());
    people(world);
    connect_all(world);
    const auto before = world.store.commits();
    scenario(world);
    const auto commits = world.store.commits() - before;
    world.finish();
    return commits;
}

void die_at_every_commit_of(Scenario scenario) {
    const auto commits = commits_of(scenario);
    ASSERT_GT(commits, 5U);
    for (const bool is_heard : {false, true}) {
        for (std::size_t k = 1; k <= commits; ++k) {
            SCOPED_TRACE(
                fmt::format("dies after commit {} of {}, {}", k, commits, is_heard ? "heard" : "unheard"));
            JobWorld world(small_chunks());
            people(world);
            connect_all(world);
            world.die_after(k, is_heard);
            bool has_died = false;
            try {
                scenario(world);
            } catch (const JobWorld::Crash&) {
                has_died = true;
            }
            ASSERT_TRUE(has_died || is_heard);
            world.crash();
            world.check();
            world.settle();
            connect_all(world);
            world.finish();
            if (::testing::Test::HasFailure()) return;
        }
    }
}

TEST(JobCrash, AtAnyCommitOfTwinAndMethodJobsNothingHappensTwiceAndAllEnd) {
    die_at_every_commit_of(twin_and_method);
}
TEST(JobCrash, AtAnyCommitOfJobsThatWaitOrFailAllEnd) {
    die_at_every_commit_of(scheduled_and_failed);
}
TEST(JobCrash, AtAnyCommitOfACancelNothingIsHalfForgotten) {
    die_at_every_commit_of(cancelled_in_flight);
}
TEST(JobCrash, AtAnyCommitWhileDevicesLeaveAllEnd) {
    die_at_every_commit_of(lost_connections);
}

TEST(JobCrash, TheTargetsOfAStartThatWasCutOffAreErasedByTheNextStartAndNotBefore) {
    JobWorld world(small_chunks());
    people(world);
    connect_all(world);
    world.create("t", JobType::update_twin, "*", 0, 60);
    const auto events = [&world] { return world.store.size(Table::job_events); };
    while (events() == 0) {
        world.poll();
        ASSERT_TRUE(world.step_storage());
    }
    ASSERT_EQ((*world.hub)->jobs().snapshot("t")->status, JobStatus::queued);
    const auto found = events();
    world.crash();
    // Nobody has asked for another start yet, and the record may say by now that the job runs.
    EXPECT_EQ(events(), found);
    connect_all(world);
    world.finish();
    EXPECT_EQ((*world.hub)->jobs().snapshot("t")->counts->device, 9U) << "those of the first start count too";
}

TEST(JobCrash, ARefusedCommitAtAnyPointDelaysAndNothingMore) {
    for (const auto scenario : {twin_and_method, scheduled_and_failed, cancelled_in_flight}) {
        const auto commits = commits_of(scenario);
        for (std::size_t k = 1; k <= commits; ++k) {
            SCOPED_TRACE(fmt::format("commit {} of {} is refused", k, commits));
            JobWorld world(small_chunks());
            people(world);
            connect_all(world);
            world.store.fail_commits(k, 2);
            scenario(world);
            world.finish();
            if (::testing::Test::HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace carillon
