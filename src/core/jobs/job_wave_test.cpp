// Order, waves, stop rules and verdicts of jobs with a rollout. Cases of docs/rollout-reference.md.

#include "base/text.hpp"
#include "core/jobs/job_control.hpp"
#include "core/jobs/job_order.hpp"
#include "core/testing/rollout_bench.hpp"

#include <set>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = WaveState;

RolloutBench::Manner ok_at_once(int) {
    return {};
}

void set_site(RolloutBench& bench, const std::string& id, const std::string& site) {
    const auto body = fmt::format(R"({{"tags":{{"site":"{}"}}}})", site);
    const auto json = JsonDocument::parse(body);
    const auto key = *IdentityKey::parse(id);
    auto patch = TwinPatch::parse(json->root(), key);
    ASSERT_TRUE(patch);
    auto writing = bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
    ASSERT_TRUE(bench.hub->run(std::move(writing)));
}

std::set<std::string> begun(const RolloutBench& bench) {
    std::set<std::string> ids;
    for (const auto& begin : bench.begins) ids.insert(begin.device);
    return ids;
}

TEST(JobWave, G2_1AWaveThatGrowsCoversAll) {
    const auto rollout = Rollout::parse(R"({"waves":[{"size":"1%","grow":3}]})", JobType::device_method);
    ASSERT_TRUE(rollout) << rollout.error().detail;
    std::vector<std::uint64_t> sizes;
    for (const auto& wave : expand_waves(rollout->waves, 12'345)) sizes.push_back(wave.size);
    EXPECT_EQ(sizes, (std::vector<std::uint64_t>{124, 372, 1116, 3348, 7385}));
}

TEST(JobWave, SizesThatDoNotCoverTheDevicesGetARest) {
    const auto rollout = Rollout::parse(R"({"waves":[{"size":10},{"size":"10%"}]})", JobType::device_method);
    ASSERT_TRUE(rollout) << rollout.error().detail;
    EXPECT_EQ(expand_waves(rollout->waves, 105), (std::vector<WaveSize>{{0, 10}, {1, 11}, {2, 84}}));
    EXPECT_EQ(expand_waves(rollout->waves, 12), (std::vector<WaveSize>{{0, 10}, {1, 2}}));
}

TEST(JobWave, SharesOfPartsAddUp) {
    EXPECT_EQ(share_out(10, {33, 33, 34}), (std::vector<std::uint64_t>{3, 3, 4}));
    EXPECT_EQ(share_out(100, {1, 0, 2}), (std::vector<std::uint64_t>{1, 0, 2}));
    EXPECT_EQ(share_out(1, {5, 5}), (std::vector<std::uint64_t>{1, 0}));
}

TEST(JobWave, G2_2AWaveHoldsEachSiteInProportionOnAnyNumberOfShards) {
    std::set<std::string> first_wave;
    for (const std::size_t shards : {1U, 8U}) {
        RolloutBench bench({}, shards);
        bench.add(1000);
        for (int i = 0; i < 1000; ++i) {
            set_site(bench, fmt::format("d{:05}", i), i < 600 ? "a" : i < 900 ? "b" : "c");
        }
        bench.connect_all(1000, ok_at_once);
        ASSERT_TRUE(bench.create("j", rollout_body(R"({"order":{"spread":["tags.site"]},"seed":7,)"
                                                   R"("waves":[{"size":"10%","gate":"manual"}]})")));
        bench.pass(seconds(1));
        const auto ids = begun(bench);
        ASSERT_EQ(ids.size(), 100U);
        const auto count = [&](const char* from, const char* to) {
            return std::distance(ids.lower_bound(from), ids.lower_bound(to));
        };
        EXPECT_EQ(count("d00000", "d00600"), 60);
        EXPECT_EQ(count("d00600", "d00900"), 30);
        EXPECT_EQ(count("d00900", "d01000"), 10);
        if (first_wave.empty()) first_wave = ids;
        EXPECT_EQ(ids, first_wave);
    }
}

TEST(JobWave, ARandomOrderIsThatOfTheHashes) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(100, ok_at_once);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"seed":7,"order":"random","pace":{"rate":"10/s"}})")));
    bench.pass(seconds(11));
    ASSERT_EQ(bench.begins.size(), 100U);
    for (std::size_t i = 1; i < bench.begins.size(); ++i) {
        EXPECT_LT(order_hash(7, bench.begins[i - 1].device), order_hash(7, bench.begins[i].device));
    }
}

TEST(JobWave, G2_3AWavePassesByItsMeasureAndSoaks) {
    RolloutBench bench;
    bench.add(200);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"seed":1,"waves":[{"size":100,"soak":"1h"}]})")));
    bench.pass(seconds(1));
    // Nobody is there yet; all of the wave come one by one.
    std::vector<std::string> wave;
    {
        std::vector<std::string> all;
        for (int i = 0; i < 200; ++i) all.push_back(fmt::format("d{:05}", i));
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return order_hash(1, a) < order_hash(1, b); });
        wave.assign(all.begin(), all.begin() + 100);
        for (int i = 100; i < 200; ++i) bench.answer_as(all[static_cast<std::size_t>(i)], {});
    }
    for (int i = 0; i < 95; ++i)
        bench.answer_as(wave[static_cast<std::size_t>(i)], {milliseconds(0), i < 5 ? 500 : 200});
    bench.pass(seconds(1));
    EXPECT_EQ(bench.begins.size(), 95U);
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::open, State::waiting}));
    for (int i = 95; i < 100; ++i) bench.answer_as(wave[static_cast<std::size_t>(i)], {});
    bench.pass(seconds(1));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::soaking, State::waiting}));
    bench.pass(minutes(59), milliseconds(1000));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::soaking, State::waiting}));
    EXPECT_EQ(bench.begins.size(), 100U);
    bench.pass(seconds(61), milliseconds(100));
    EXPECT_EQ(bench.begins.size(), 200U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobWave, ASoakGoesOnWhereItWasAfterARestart) {
    RolloutBench bench;
    bench.add(20);
    bench.connect_all(20, ok_at_once);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"waves":[{"size":10,"soak":"1h"}]})")));
    bench.pass(minutes(40), milliseconds(1000));
    bench.crash();
    bench.connect_all(20, ok_at_once);
    bench.pass(minutes(19), milliseconds(1000));
    EXPECT_EQ(bench.begins.size(), 10U);
    bench.pass(minutes(2), milliseconds(1000));
    EXPECT_EQ(bench.begins.size(), 20U);
}

TEST(JobWave, G2_4AWaveThatTakesTooLongFailsAndPromoteOpensTheNext) {
    RolloutBench bench;
    bench.add(200);
    bench.connect_all(200, ok_at_once);
    // Eight of the first wave are away for ever.
    std::vector<std::string> all;
    for (int i = 0; i < 200; ++i) all.push_back(fmt::format("d{:05}", i));
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return order_hash(1, a) < order_hash(1, b); });
    for (std::size_t i = 0; i < 8; ++i) bench.disconnect(all[i * 3]);
    ASSERT_TRUE(bench.create(
        "j", rollout_body(R"({"seed":1,"deadline":"3d","waves":[{"size":100,"within":"1d"}]})")));
    bench.pass(hours(23), milliseconds(60'000));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::open, State::waiting}));
    bench.pass(hours(2), milliseconds(60'000));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::failed, State::waiting}));
    ASSERT_TRUE(bench.progress("j").rollout->pause);
    EXPECT_EQ(bench.progress("j").rollout->pause->why, "waves[0]: 92 of 100 ended, needs 95 %");
    EXPECT_EQ(bench.progress("j").rollout->pause->by.policy, "$hub");
    EXPECT_EQ(bench.begins.size(), 92U);
    ASSERT_TRUE(bench.promote("j", 0));
    bench.pass(seconds(5));
    EXPECT_FALSE(bench.progress("j").rollout->pause);
    EXPECT_EQ(bench.begins.size(), 192U);
    EXPECT_EQ(bench.progress("j").held.offline, 8U);
}

TEST(JobWave, G2_5SkippedDevicesLeaveTheMeasure) {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    RolloutBench bench(limits);
    bench.add(200);
    bench.connect_all(200, ok_at_once);
    std::vector<std::string> all;
    for (int i = 0; i < 200; ++i) all.push_back(fmt::format("d{:05}", i));
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return order_hash(1, a) < order_hash(1, b); });
    for (std::size_t i = 0; i < 20; ++i) bench.disconnect(all[i]);
    ASSERT_TRUE(
        bench.create("j", rollout_body(R"({"seed":1,"offline":{"then":"skip"},"waves":[{"size":100}]})")));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").canceled, 20U);
    EXPECT_EQ(bench.counts("j").succeeded, 180U);
}

TEST(JobWave, G2_5AWaveOfWhomNobodyIsLeftFails) {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    RolloutBench bench(limits);
    bench.add(100);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"offline":{"then":"skip"},"waves":[{"size":50}]})")));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::failed, State::waiting}));
    EXPECT_TRUE(bench.progress("j").rollout->pause);
    EXPECT_EQ(bench.counts("j").canceled, 50U);
    EXPECT_EQ(bench.counts("j").pending, 50U);
}

TEST(JobWave, G2_5APacedSpreadTakesSitesInProportion) {
    RolloutBench bench({}, 4);
    bench.add(1000);
    for (int i = 0; i < 1000; ++i) set_site(bench, fmt::format("d{:05}", i), i < 900 ? "large" : "small");
    bench.connect_all(1000, ok_at_once);
    ASSERT_TRUE(bench.create(
        "j", rollout_body(
                 R"({"order":{"spread":["tags.site"]},"seed":3,"pace":{"rate":"60/m"},"deadline":"1d"})")));
    bench.pass(minutes(17), milliseconds(500));
    ASSERT_EQ(bench.begins.size(), 1000U);
    for (std::size_t i = 0; i + 10 <= bench.begins.size(); ++i) {
        std::size_t small = 0;
        for (std::size_t k = i; k < i + 10; ++k) small += bench.begins[k].device >= "d00900" ? 1 : 0;
        ASSERT_LE(small, 2U) << i;
    }
}

TEST(JobWave, G2_6TheLastWaveIsNotJudged) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(100, [](int i) {
        return RolloutBench::Manner{milliseconds(0), i % 10 == 0 ? 500 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"waves":[{"size":"rest"}]})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 10U);
}

TEST(JobWave, G2_6TwoPromotesOfOneWaveOpenOne) {
    RolloutBench bench;
    bench.add(30);
    bench.connect_all(30, ok_at_once);
    ASSERT_TRUE(bench.create(
        "j", rollout_body(R"({"waves":[{"size":10,"gate":"manual"},{"size":10,"gate":"manual"}]})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::gate, State::waiting, State::waiting}));
    JobWish wish;
    wish.what = JobWish::promote;
    auto first = bench.hub->begin((*bench.hub)->jobs().direct("j", wish));
    auto second = bench.hub->begin((*bench.hub)->jobs().direct("j", wish));
    bench.hub->settle();
    ASSERT_TRUE(first->has_value() && second->has_value());
    EXPECT_TRUE(**first);
    EXPECT_TRUE(**second);
    bench.pass(seconds(1));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::passed, State::gate, State::waiting}));
    EXPECT_EQ(bench.begins.size(), 20U);
    EXPECT_EQ(bench.promote("j", 2).error().code, Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(bench.promote("j", 9).error().code, Errc::argument_invalid);
}

TEST(JobWave, WavesThatWereCutAnewHold) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(100, ok_at_once);
    ASSERT_TRUE(bench.create(
        "j", rollout_body(R"({"waves":[{"size":10,"gate":"manual"},{"size":10,"gate":"manual"}]})")));
    bench.pass(seconds(1));
    EXPECT_FALSE(bench.change("j", R"({"waves":[{"size":20,"gate":"manual"},{"size":30}]})"));
    ASSERT_TRUE(bench.change("j", R"({"waves":[{"size":10,"gate":"manual"},{"size":30,"gate":"manual"}]})"));
    ASSERT_TRUE(bench.promote("j", 0));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.begins.size(), 40U);
    bench.crash();
    bench.connect_all(100, ok_at_once);
    bench.pass(seconds(1));
    EXPECT_EQ(bench.begins.size(), 40U);
    EXPECT_EQ(bench.progress("j").rollout->waves[1].size, 30U);
    ASSERT_TRUE(bench.promote("j", 1));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.begins.size(), 100U);
}

TEST(JobWave, G1_5JobsThatSoakGiveTheirPlacesAway) {
    JobEngineLimits limits;
    limits.running_max = 2;
    RolloutBench bench(limits);
    bench.add(20);
    bench.connect_all(20, ok_at_once);
    for (const char* id : {"a", "b"}) {
        ASSERT_TRUE(bench.create(id, rollout_body(R"({"waves":[{"size":10,"soak":"1h"}]})")));
    }
    bench.pass(seconds(1));
    ASSERT_TRUE(bench.create("stock", method_body("*")));
    bench.pass(milliseconds(100));
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    EXPECT_EQ(bench.status("a"), JobStatus::running);
    bench.pass(hours(1) + seconds(10), milliseconds(1000));
    EXPECT_EQ(bench.status("a"), JobStatus::completed);
    EXPECT_EQ(bench.status("b"), JobStatus::completed);
}

TEST(JobWave, ATwinJobGoesByWavesInItsOrder) {
    RolloutBench bench;
    bench.add(300);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"seed":5,"waves":[{"size":50,"gate":"manual"}]})")));
    bench.pass(milliseconds(50));
    EXPECT_EQ(bench.counts("j").succeeded, 50U);
    std::vector<std::string> all;
    for (int i = 0; i < 300; ++i) all.push_back(fmt::format("d{:05}", i));
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return order_hash(5, a) < order_hash(5, b); });
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(bench.twin(all[i]).desired.version(), i < 50 ? 2 : 1) << all[i];
    }
    bench.restart();
    bench.pass(milliseconds(50));
    EXPECT_EQ(bench.counts("j").succeeded, 50U);
    ASSERT_TRUE(bench.promote("j", 0));
    bench.pass(milliseconds(50));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 300U);
}

// --- stop and success ----------------------------------------------------------------------------

TEST(JobStop, G3_1AShareIsNotLookedAtBeforeItsNumberAndStopsBeyondIt) {
    const auto rollout = Rollout::parse(R"({"stop":[{"failed":"5%","after":100}]})", JobType::device_method);
    ASSERT_TRUE(rollout) << rollout.error().detail;
    JobDefinition definition;
    definition.type = JobType::device_method;
    definition.rollout = std::make_shared<const Rollout>(*rollout);
    JobControl control(definition);
    control.set_targets(1000);
    EXPECT_EQ(control.in_flight_max(), 64U);
    ControlCounts counts;
    counts.waves.resize(1);
    const auto decide = [&](std::uint64_t succeeded, std::uint64_t failed) {
        counts.waves[0].succeeded = succeeded;
        counts.waves[0].failed = failed;
        counts.kinds[static_cast<std::size_t>(FailureKind::timeout)] = failed;
        return control.decide(counts, ten_o_clock);
    };
    EXPECT_TRUE(decide(0, 99).empty());
    EXPECT_TRUE(decide(95, 5).empty());
    const auto events = decide(94, 6);
    ASSERT_EQ(events.size(), 2U);
    const auto& tripped = std::get<RuleTrippedEvent>(events[0]);
    EXPECT_EQ(tripped.failed, 6U);
    EXPECT_EQ(tripped.ended, 100U);
    EXPECT_EQ(tripped.rule, 0U);
    const auto& paused = std::get<DirectedEvent>(events[1]);
    EXPECT_EQ(paused.what, DirectedEvent::paused);
    EXPECT_EQ(paused.why, "stop[0]: 6 of 100 failed, 5 % allowed");
    for (const auto& event : events) control.apply(event);
    EXPECT_TRUE(control.decide(counts, ten_o_clock).empty()) << "it trips once";
}

TEST(JobStop, G3_1TheOvershootOfARuleIsBounded) {
    RolloutBench bench;
    bench.add(1000);
    bench.connect_all(1000, [](int) { return RolloutBench::Manner{milliseconds(100), 500}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"stop":[{"failed":"5%","after":100}]})")));
    bench.pass(seconds(10));
    EXPECT_TRUE(bench.progress("j").rollout->pause);
    EXPECT_LE(bench.begins.size(), 164U);
    EXPECT_GE(bench.begins.size(), 100U);
}

TEST(JobStop, G3_1FiftyDevicesThatAllFailBeginTwentyAtMost) {
    RolloutBench bench;
    bench.add(50);
    bench.connect_all(50, [](int) { return RolloutBench::Manner{milliseconds(100), 500}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"stop":[{"failed":"5%"}]})")));
    bench.pass(seconds(10));
    EXPECT_TRUE(bench.progress("j").rollout->pause);
    EXPECT_LE(bench.begins.size(), 20U);
}

TEST(JobStop, G3_2OtherKindsDoNotCount) {
    RolloutBench bench;
    bench.add(500);
    bench.connect_all(500, [](int i) {
        return RolloutBench::Manner{milliseconds(i % 25 == 0 ? -1 : 100), i % 2 == 1 ? 500 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"stop":[{"failed":"5%","kinds":["timeout"]}]})", "*", 5)));
    bench.pass(minutes(5), milliseconds(100));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_FALSE(bench.progress("j").rollout->pause);
}

TEST(JobStop, G3_2AResumedJobCountsAnew) {
    RolloutBench bench;
    bench.add(300);
    for (int i = 0; i < 300; ++i)
        bench.answer_as(fmt::format("d{:05}", i), {milliseconds(10), i < 40 ? 500 : 200});
    ASSERT_TRUE(
        bench.create("j", rollout_body(R"({"order":"asStored","stop":[{"failed":"10%","after":20}]})")));
    bench.pass(seconds(5));
    ASSERT_TRUE(bench.progress("j").rollout->pause);
    // Whoever is at fault is taken away.
    for (int i = 0; i < 40; ++i) bench.answer_as(fmt::format("d{:05}", i), {milliseconds(10), 200});
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(60), milliseconds(50));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobStop, ARuleMayCancel) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(100, [](int) { return RolloutBench::Manner{milliseconds(100), 500}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"stop":[{"failed":5,"do":"cancel"},{"failed":3}]})")));
    bench.pass(seconds(10));
    EXPECT_EQ(bench.status("j"), JobStatus::cancelled);
    EXPECT_LE(bench.begins.size(), 69U);
}

TEST(JobStop, G3_3TheVerdictIsOfDevicesThatWereNotCanceled) {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    RolloutBench bench(limits);
    bench.add(1000);
    for (int i = 10; i < 1000; ++i)
        bench.answer_as(fmt::format("d{:05}", i), {milliseconds(0), i < 20 ? 500 : 200});
    ASSERT_TRUE(
        bench.create("j", rollout_body(R"({"success":{"succeeded":"99%"},"offline":{"then":"skip"}})")));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").canceled, 10U);
    EXPECT_EQ(bench.counts("j").failed, 10U);
    ASSERT_TRUE(bench.progress("j").rollout->verdict);
    EXPECT_FALSE(*bench.progress("j").rollout->verdict);
    bench.restart();
    ASSERT_TRUE(bench.progress("j").rollout);
    ASSERT_TRUE(bench.progress("j").rollout->verdict);
    EXPECT_FALSE(*bench.progress("j").rollout->verdict);
}

// --- retries and devices that are not there ------------------------------------------------------

TEST(JobRetry, G4_1EveryAttemptWaitsLongerAndTheDeviceFailsOnce) {
    RolloutBench bench;
    bench.add(1);
    bench.connect_all(1, [](int) { return RolloutBench::Manner{milliseconds(0), 503}; });
    ASSERT_TRUE(
        bench.create("j", rollout_body(R"({"retry":{"attempts":3,"backoff":{"from":"5s","to":"2m"}}})")));
    bench.pass(seconds(20));
    ASSERT_EQ(bench.begins.size(), 3U);
    const auto took = bench.begins.back().at - bench.begins.front().at;
    EXPECT_GE(took, milliseconds(7500));
    EXPECT_LE(took, milliseconds(15'020));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 1U);
    EXPECT_EQ(bench.progress("j").attempts, 3U);
    EXPECT_EQ(bench.rows("j")[0].error_code, "DeviceRejected");
}

TEST(JobRetry, G4_2WhatMayHaveActedIsNotCalledAgain) {
    RolloutBench bench;
    bench.add(1);
    bench.connect_all(1, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"retry":{"attempts":3}})")));
    bench.pass(seconds(1));
    ASSERT_EQ(bench.begins.size(), 1U);
    bench.crash();
    bench.connect_all(1, ok_at_once);
    bench.pass(minutes(10), milliseconds(1000));
    EXPECT_EQ(bench.begins.size(), 1U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 1U);
    EXPECT_EQ(bench.rows("j")[0].error_code, "GatewayTimeout");
}

TEST(JobRetry, G4_2WhatIsSaidToBeRepeatableIs) {
    RolloutBench bench;
    bench.add(1);
    bench.connect_all(1, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"retry":{"attempts":2,"repeatable":true}})")));
    bench.pass(seconds(1));
    bench.crash();
    bench.connect_all(1, ok_at_once);
    bench.pass(seconds(10));
    EXPECT_EQ(bench.begins.size(), 2U);
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.progress("j").attempts, 2U);
}

TEST(JobRetry, ABackoffGoesOnWhereItWasAfterARestart) {
    RolloutBench bench;
    bench.add(1);
    bench.connect_all(1, [](int) { return RolloutBench::Manner{milliseconds(0), 503}; });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"retry":{"attempts":2,"backoff":{"from":"1m"}}})")));
    bench.pass(seconds(20));
    ASSERT_EQ(bench.begins.size(), 1U);
    EXPECT_EQ(bench.progress("j").held.backoff, 1U);
    bench.crash();
    bench.connect_all(1, ok_at_once);
    bench.pass(seconds(5));
    EXPECT_EQ(bench.begins.size(), 1U);
    bench.pass(seconds(40));
    EXPECT_EQ(bench.begins.size(), 2U);
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
}

TEST(JobRetry, G4_3DevicesThatFailedTogetherDoNotComeBackTogether) {
    RolloutRetry retry;
    retry.from.ms = 10'000;
    std::map<std::int64_t, int> at;
    for (int i = 0; i < 10'000; ++i) {
        const auto wait = retry_wait_ms(retry, 1, fmt::format("d{}", i), 1);
        EXPECT_GE(wait, 5000);
        EXPECT_LT(wait, 10'000);
        ++at[wait / 100];
    }
    for (const auto& [slot, count] : at) EXPECT_LE(count, 300) << slot;
}

TEST(JobOffline, G5_1WhoIsAwayIsSkippedAndTheJobEnds) {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    RolloutBench bench(limits);
    bench.add(100);
    bench.connect_all(70, ok_at_once);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"offline":{"then":"skip"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").canceled, 30U);
    EXPECT_EQ(bench.counts("j").succeeded, 70U);
}

TEST(JobOffline, G5_1NobodyIsSkippedSoonAfterAStartOfTheHub) {
    RolloutBench bench;
    bench.add(100);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"offline":{"then":"skip"},"pace":{"rate":"1/s"}})")));
    bench.crash();
    bench.pass(seconds(60), milliseconds(100));
    bench.connect_all(100, ok_at_once);
    bench.pass(seconds(110), milliseconds(100));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").canceled, 0U);
    EXPECT_EQ(bench.counts("j").succeeded, 100U);
}

TEST(JobOffline, G5_2ATimeToLiveEndsWhoIsNotThere) {
    RolloutBench bench;
    bench.add(100);
    bench.connect_all(70, ok_at_once);
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"offline":{"ttl":"2h"},"deadline":"1d"})")));
    bench.pass(hours(1) + minutes(59), milliseconds(10'000));
    EXPECT_EQ(bench.counts("j").pending, 30U);
    bench.answer_as("d00080", {});
    bench.pass(seconds(10));
    EXPECT_EQ(bench.begins.size(), 71U);
    bench.pass(minutes(1), milliseconds(1000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 29U);
    EXPECT_EQ(bench.rows("j")[99].error_code, "DeviceNotOnline");
}

// --- the devices of another job ------------------------------------------------------------------

TEST(JobFrom, G13_1ARerunTakesTheFailedDevicesAndThoseRemovedSinceEndAsGone) {
    RolloutBench bench;
    bench.add(1000);
    bench.connect_all(1000, [](int i) {
        return RolloutBench::Manner{milliseconds(0), i % 27 == 0 && i > 0 ? 500 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    bench.pass(seconds(1));
    ASSERT_EQ(bench.counts("j").failed, 37U);
    for (int i = 1; i <= 5; ++i) {
        const auto id = fmt::format("d{:05}", i * 27);
        bench.disconnect(id);
        const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
        ASSERT_TRUE(bench.hub->run(bench.owner(id).remove_identity(*IdentityKey::parse(id), any)));
    }
    bench.connect_all(0, ok_at_once);
    for (int i = 6; i <= 37; ++i) bench.answer_as(fmt::format("d{:05}", i * 27), {});
    bench.begins.clear();
    const auto body =
        std::string(R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},)") +
        R"("rollout":{"from":{"job":"j","in":["failed"],"kinds":["rejected"]}}})";
    ASSERT_TRUE(bench.create("again", body));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("again"), JobStatus::completed);
    EXPECT_EQ(bench.counts("again").device, 37U);
    EXPECT_EQ(bench.counts("again").succeeded, 32U);
    EXPECT_EQ(bench.begins.size(), 32U);
    std::size_t gone = 0;
    for (const auto& row : bench.rows("again", 100)) gone += row.error_code == "DeviceNotFound" ? 1 : 0;
    EXPECT_EQ(gone, 5U);
}

TEST(JobFrom, AConditionNarrowsAndAnUnknownJobIsRefused) {
    RolloutBench bench;
    bench.add(10);
    bench.connect_all(10, ok_at_once);
    ASSERT_TRUE(bench.create("plain", method_body("*")));
    bench.disconnect("d00003");
    bench.pass(seconds(1));
    bench.begins.clear();
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"from":{"job":"plain","in":["succeeded"]}})",
                                               "deviceId IN ['d00001','d00002','ghost']")));
    bench.hub->settle();
    bench.pass(seconds(1));
    EXPECT_EQ(bench.begins.size(), 2U);
    const auto unknown = bench.create("k", rollout_body(R"({"from":{"job":"nobody","in":["failed"]}})"));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::argument_invalid);
    EXPECT_EQ(unknown.error().detail.find("rollout.from.job"), 0U);
}

TEST(JobFrom, AJobThatIsNamedIsKept) {
    RolloutBench bench;
    bench.add(3);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"keep":"1d"})")));
    ASSERT_TRUE(bench.create("k", twin_rollout_body(R"({"keep":"1d"})")));
    bench.pass(seconds(1));
    auto body = rollout_body(R"({"from":{"job":"j","in":["succeeded"]}})");
    body.insert(1,
                fmt::format(R"("startTime":"{}",)", to_iso8601(bench.clock.wall_now().plus_s(3 * 86'400))));
    ASSERT_TRUE(bench.create("later", body));
    bench.pass(hours(26), milliseconds(60'000));
    EXPECT_TRUE(bench.find("j"));
    EXPECT_FALSE(bench.find("k"));
    bench.restart();
    EXPECT_TRUE(bench.find("j"));
    ASSERT_TRUE(bench.cancel("later"));
    bench.pass(hours(2), milliseconds(60'000));
    EXPECT_FALSE(bench.find("j"));
}

}  // namespace
}  // namespace carillon
