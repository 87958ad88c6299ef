// Twin jobs that wait for devices, or leave them out; and devices of which all must succeed.

#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

JobEngineLimits impatient() {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    return limits;
}

std::string offline_id(int i) {
    return fmt::format("d{:05}", i);
}

bool is_written(RolloutBench& bench, int i) {
    return bench.twin(offline_id(i)).desired.version() > 1;
}

void connect_some(RolloutBench& bench, int from, int to) {
    for (int i = from; i < to; ++i) bench.answer_as(offline_id(i), {});
    bench.hub->settle();
}

TEST(TwinOffline, ATwinJobThatWaitsWritesADeviceWhenItComes) {
    RolloutBench bench(impatient());
    bench.add(100);
    connect_some(bench, 0, 40);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"offline":{"then":"wait"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 40U);
    EXPECT_EQ(bench.progress("j").held.offline, 60U);
    EXPECT_FALSE(is_written(bench, 40));
    connect_some(bench, 40, 50);
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 50U);
    EXPECT_TRUE(is_written(bench, 49));
    // One that comes and goes is written once.
    bench.disconnect(offline_id(49));
    connect_some(bench, 49, 50);
    bench.pass(seconds(1));
    EXPECT_EQ(bench.twin(offline_id(49)).desired.version(), 2);
    ASSERT_TRUE(bench.cancel("j"));
    bench.pass(seconds(1));
    connect_some(bench, 60, 70);
    bench.pass(seconds(1));
    EXPECT_FALSE(is_written(bench, 60)) << "a stopped job leaves nothing behind";
}

TEST(TwinOffline, ATwinJobThatSkipsCancelsDevicesThatAreAwayAtTheirTurn) {
    RolloutBench bench(impatient());
    bench.add(100);
    connect_some(bench, 0, 70);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"order":"random","offline":{"then":"skip"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 70U);
    EXPECT_EQ(bench.counts("j").canceled, 30U);
    EXPECT_FALSE(is_written(bench, 80));
}

TEST(TwinOffline, NobodyIsSkippedWhileTheHubHasJustStarted) {
    RolloutBench bench;
    bench.add(20);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"offline":{"then":"skip"}})")));
    bench.pass(minutes(4), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").pending, 20U);
    connect_some(bench, 0, 15);
    bench.pass(minutes(2), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").succeeded, 15U);
    EXPECT_EQ(bench.counts("j").canceled, 5U);
}

TEST(TwinOffline, AfterItsTimeToLiveADeviceFailsOfflineAndOneThatCameBeforeDoesNot) {
    RolloutBench bench(impatient());
    bench.add(30);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"offline":{"then":"wait","ttl":"2h"}})")));
    bench.pass(minutes(119), milliseconds(10'000));
    EXPECT_EQ(bench.counts("j").pending, 30U);
    connect_some(bench, 0, 1);
    bench.pass(minutes(2), milliseconds(1000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.counts("j").failed, 29U);
    EXPECT_EQ(bench.progress("j").tally.failures().front().failure.reason, FailReason::not_online);
}

TEST(TwinOffline, GoesOnWaitingAfterARestart) {
    RolloutBench bench(impatient());
    bench.add(10);
    connect_some(bench, 0, 4);
    ASSERT_TRUE(
        bench.create("j", twin_rollout_body(R"({"waves":[{"size":"rest"}],"offline":{"then":"wait"}})")));
    bench.pass(seconds(1));
    bench.crash();
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 4U);
    connect_some(bench, 4, 10);
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(bench.twin(offline_id(i)).desired.version(), 2) << i;
}

TEST(TwinOffline, ADeviceThatIsRemovedWhileItIsWaitedForFails) {
    RolloutBench bench(impatient());
    bench.add(2);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"offline":{"then":"wait"}})")));
    bench.pass(seconds(1));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(
        bench.hub->run(bench.owner(offline_id(1)).remove_identity(*IdentityKey::parse(offline_id(1)), any)));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").failed, 1U);
    EXPECT_EQ(bench.counts("j").pending, 1U);
}

TEST(TwinOffline, ARefusedCommitWritesNobodyTwice) {
    for (std::size_t k = 1; k <= 8; ++k) {
        SCOPED_TRACE(k);
        JobEngineLimits limits = impatient();
        limits.twin_chunk_devices = 4;
        RolloutBench bench(limits);
        bench.add(20);
        connect_some(bench, 0, 12);
        ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"offline":{"then":"wait","ttl":"1h"}})")));
        bench.store.fail_commits(k, 2);
        bench.pass(seconds(3), milliseconds(100));
        connect_some(bench, 12, 16);
        bench.pass(hours(1) + minutes(1), milliseconds(10'000));
        EXPECT_EQ(bench.status("j"), JobStatus::completed);
        EXPECT_EQ(bench.counts("j").succeeded, 16U);
        EXPECT_EQ(bench.counts("j").failed, 4U);
        for (int i = 0; i < 16; ++i) EXPECT_EQ(bench.twin(offline_id(i)).desired.version(), 2) << i;
    }
}

/// `critical` devices have the tag, of which the first ones answer badly.
void add_critical(RolloutBench& bench, int critical, int bad) {
    bench.add(100);
    for (int i = 0; i < critical; ++i) {
        const auto json = JsonDocument::parse(R"({"tags":{"critical":true}})");
        const auto key = *IdentityKey::parse(offline_id(i));
        auto patch = TwinPatch::parse(json->root(), key);
        auto writing = bench.owner(offline_id(i))
                           .write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(bench.hub->run(std::move(writing)));
    }
    bench.connect_all(100, [bad](int i) {
        return RolloutBench::Manner{milliseconds(0), i < bad ? 500 : 200};
    });
}

constexpr auto must = R"({"success":{"succeeded":"90%","all":"tags.critical = true"}})";

TEST(SuccessAll, G3_3OneFailedDeviceOfThoseThatMustSucceedMissesIt) {
    for (const int bad : {0, 1}) {
        RolloutBench bench;
        add_critical(bench, 10, bad);
        ASSERT_TRUE(bench.create("j", rollout_body(must)));
        bench.pass(seconds(1));
        EXPECT_EQ(bench.status("j"), JobStatus::completed);
        ASSERT_TRUE(bench.progress("j").rollout->verdict);
        EXPECT_EQ(*bench.progress("j").rollout->verdict, bad == 0);
        bench.crash();
        EXPECT_EQ(*bench.progress("j").rollout->verdict, bad == 0) << "after a restart";
    }
}

TEST(SuccessAll, OthersMayFailAsFarAsTheShareAllows) {
    RolloutBench bench;
    add_critical(bench, 0, 5);
    ASSERT_TRUE(bench.create("j", rollout_body(must)));
    bench.pass(seconds(1));
    EXPECT_TRUE(*bench.progress("j").rollout->verdict);
}

TEST(SuccessAll, IsKeptOverARestartAndOfTheDevicesAsTheyWereAtTheStart) {
    RolloutBench bench;
    add_critical(bench, 10, 1);
    ASSERT_TRUE(bench.create(
        "j", rollout_body(R"({"pace":{"rate":"20/s"},"success":{"all":"tags.critical = true"}})")));
    bench.pass(seconds(2));
    bench.crash();
    // The tag goes; it counts as it was.
    const auto json = JsonDocument::parse(R"({"tags":{"critical":null}})");
    const auto key = *IdentityKey::parse(offline_id(0));
    auto patch = TwinPatch::parse(json->root(), key);
    auto writing =
        bench.owner(offline_id(0)).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
    ASSERT_TRUE(bench.hub->run(std::move(writing)));
    bench.connect_all(100, [](int i) { return RolloutBench::Manner{milliseconds(0), i < 1 ? 500 : 200}; });
    bench.pass(seconds(10));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_FALSE(*bench.progress("j").rollout->verdict);
}

TEST(SuccessAll, AConditionThatDoesNotParseIsRefused) {
    RolloutBench bench;
    bench.add(1);
    const auto created = bench.create("j", rollout_body(R"({"success":{"all":"tags.a ="}})"));
    ASSERT_FALSE(created);
    EXPECT_TRUE(created.error().detail.starts_with("rollout.success.all: ")) << created.error().detail;
    EXPECT_FALSE(bench.find("j"));
}

}  // namespace
}  // namespace carillon
