// Jobs that go on taking devices that come to match. Cases G7 of the specification of rollouts.

#include "core/jobs/approvals/approval_rule.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/testing/rollout_bench.hpp"

#include <set>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto each_second = milliseconds(1000);

std::string member_name(int i) {
    return fmt::format("d{:05}", i);
}

struct MembersBench : RolloutBench {
    using RolloutBench::RolloutBench;

    Task<Result<Document>> tagging(const std::string& id, std::string_view tags) {
        const auto body = fmt::format(R"({{"tags":{}}})", tags);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        CARILLON_ASSERT(patch);
        return owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
    }
    void tag(const std::string& id, std::string_view tags) { ASSERT_TRUE(hub->run(tagging(id, tags))); }
    void tag_some(int from, int to, std::string_view tags = R"({"ready":true})") {
        for (int i = from; i < to; ++i) tag(member_name(i), tags);
    }
    Result<> close(const std::string& id) {
        JobWish wish;
        wish.what = JobWish::close;
        return direct(id, wish);
    }
    std::vector<DeviceReport> report(const std::string& id, const DeviceReportFilter& filter = {}) {
        auto reports = (*hub)->jobs().report(id, filter);
        EXPECT_TRUE(reports);
        std::vector<DeviceReport> all;
        for (;;) {
            const auto some = hub->run((*reports)->next());
            if (!some || some->empty()) return all;
            all.insert(all.end(), some->begin(), some->end());
        }
    }
    std::vector<std::string> row_ids(const std::string& id) {
        std::vector<std::string> ids;
        for (const auto& row : rows(id, 7)) ids.push_back(row.device_id);
        return ids;
    }
    std::set<std::string> begun() const {
        std::set<std::string> ids;
        for (const auto& begin : begins) ids.insert(begin.device);
        return ids;
    }
};

std::string continuous_with(std::string_view more = "", std::string_view on_leave = "keep") {
    return fmt::format(R"({{"members":{{"mode":"continuous","onLeave":"{}"}}{}{}}})", on_leave,
                       more.empty() ? "" : ",", more);
}

constexpr std::string_view is_ready = "tags.ready = true";

RolloutBench::Manner answers_at_once(int) {
    return {};
}

TEST(Continuous, G7_1TheRateHoldsForLateJoiners) {
    MembersBench bench;
    bench.add(500);
    bench.connect_all(500, answers_at_once);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(R"("pace":{"rate":"1/s"})"), is_ready)));
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.status("late"), JobStatus::running);
    EXPECT_EQ(bench.counts("late").device, 0U);
    const auto joined = bench.clock.now();
    bench.tag_some(0, 500);
    bench.pass(seconds(510), milliseconds(100));
    EXPECT_EQ(bench.counts("late").device, 500U);
    EXPECT_EQ(bench.counts("late").succeeded, 500U);
    ASSERT_EQ(bench.begins.size(), 500U);
    EXPECT_GE(bench.begins.back().at - joined, seconds(499));
    EXPECT_LE(bench.most_begun_within(seconds(1)), 2U);
    EXPECT_EQ(bench.status("late"), JobStatus::running) << "until somebody closes it";
}

TEST(Continuous, G7_1ADeviceThatLeavesAndMatchesAgainHasOneRow) {
    MembersBench bench;
    bench.add(10);
    bench.connect_all(10, answers_at_once);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    for (int times = 0; times < 3; ++times) {
        bench.tag_some(3, 5);
        bench.pass(seconds(1), each_second);
        bench.tag_some(3, 5, R"({"ready":null})");
        bench.pass(seconds(1), each_second);
    }
    EXPECT_EQ(bench.row_ids("late"), (std::vector<std::string>{member_name(3), member_name(4)}));
    EXPECT_EQ(bench.begins.size(), 2U);
    // Nor does one that is removed and registered anew.
    const auto key = *IdentityKey::parse(member_name(3));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    bench.disconnect(member_name(3));
    ASSERT_TRUE(bench.hub->run(bench.owner(member_name(3)).remove_identity(key, any)));
    bench.hub->add_device(member_name(3));
    bench.tag_some(3, 4);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.row_ids("late").size(), 2U);
    bench.crash();
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.row_ids("late").size(), 2U);
}

/// Between the look for targets and the begin of their part there may be days.
TEST(Continuous, ATargetRegisteredAnewBeforeItsJobBeginsHasOneRow) {
    MembersBench bench;
    bench.add(4);
    bench.tag_some(0, 4);
    auto rule = ApprovalRule::parse("all", R"({"when":{}})");
    ASSERT_TRUE(rule);
    ASSERT_TRUE(bench.hub->run((*bench.hub)->jobs().put_approval_rule(*std::move(rule))));
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    bench.pass(seconds(1), each_second);
    ASSERT_TRUE(bench.progress("late").approval);
    const auto key = *IdentityKey::parse(member_name(3));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(bench.hub->run(bench.owner(member_name(3)).remove_identity(key, any)));
    bench.hub->add_device(member_name(3));
    bench.tag_some(3, 4);
    bench.connect_all(4, answers_at_once);
    const auto hash = bench.progress("late").approval->hash;
    ASSERT_TRUE(bench.hub->run((*bench.hub)->jobs().decide("late", true, hash, {"release", ""}, "")));
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.counts("late").device, 4U);
    EXPECT_EQ(bench.counts("late").succeeded, 3U);
    EXPECT_EQ(bench.counts("late").failed, 1U) << "the one that was there when the job was made is gone";
    EXPECT_EQ(bench.row_ids("late").size(), 4U);
}

/// The process dies at any moment between the write of the twin and the event of the member.
TEST(Continuous, G7_2AWriteBeforeACrashMakesAMemberOnce) {
    int late = 0;
    for (int steps = 0; steps < 40; ++steps) {
        SCOPED_TRACE(steps);
        MembersBench bench;
        bench.add(4);
        bench.connect_all(4, answers_at_once);
        ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
        bench.pass(seconds(1), each_second);
        const auto written = bench.hub->begin(bench.tagging(member_name(2), R"({"ready":true})"));
        for (int i = 0; i < steps; ++i) {
            if (!bench.hub->storage().step()) bench.hub->io().restart();
            bench.hub->io().restart();
            bench.hub->io().poll_one();
        }
        const bool is_acknowledged = written->has_value() && (*written)->has_value();
        if (!is_acknowledged) ++late;
        bench.crash();
        bench.connect_all(4, answers_at_once);
        bench.pass(seconds(2), each_second);
        const auto ids = bench.row_ids("late");
        if (is_acknowledged) {
            EXPECT_EQ(ids, std::vector<std::string>{member_name(2)});
        }
        EXPECT_LE(ids.size(), 1U);
        EXPECT_LE(bench.begins.size(), 1U);
        EXPECT_EQ(bench.counts("late").device, ids.size());
    }
    EXPECT_GT(late, 0) << "no crash came before the answer";
    EXPECT_LT(late, 40) << "no crash came behind it";
}

TEST(Continuous, WhoMatchesWhileTheHubIsDownJoinsAtTheNextStart) {
    MembersBench bench;
    bench.add(6);
    bench.tag_some(0, 2);
    bench.connect_all(6, answers_at_once);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("late").succeeded, 2U);
    // Durable, and nobody has looked at it yet.
    const auto written = bench.hub->begin(bench.tagging(member_name(5), R"({"ready":true})"));
    bench.hub->poll();
    ASSERT_TRUE(bench.hub->storage().step());
    bench.crash();
    bench.connect_all(6, answers_at_once);
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.counts("late").succeeded, 3U);
    EXPECT_EQ(bench.begun(), (std::set<std::string>{member_name(0), member_name(1), member_name(5)}));
    EXPECT_EQ(bench.begins.size(), 3U);
}

TEST(Continuous, ADeviceThatStopsMatchingBeforeItsTurnIsCanceledIfThatIsAsked) {
    MembersBench bench;
    bench.add(4);
    bench.connect_all(1, [](int) { return RolloutBench::Manner{seconds(5), 200}; });
    ASSERT_TRUE(bench.create("leaves", rollout_body(continuous_with("", "cancel"), is_ready)));
    ASSERT_TRUE(bench.create("keeps", rollout_body(continuous_with(), is_ready)));
    bench.tag_some(0, 4);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("leaves").running, 1U);
    bench.tag_some(0, 3, R"({"ready":false})");
    bench.pass(seconds(10), each_second);
    EXPECT_EQ(bench.counts("leaves").succeeded, 1U) << "one that has begun ends normally";
    EXPECT_EQ(bench.counts("leaves").canceled, 2U);
    EXPECT_EQ(bench.counts("leaves").pending, 1U);
    EXPECT_EQ(bench.counts("keeps").pending, 3U);
    DeviceReportFilter filter;
    filter.status = DeviceJobStatus::canceled;
    const auto canceled = bench.report("leaves", filter);
    ASSERT_EQ(canceled.size(), 2U);
    EXPECT_EQ(canceled[0].canceled, CancelReason::left);
    // Once canceled it is not called any more, whatever it matches.
    bench.tag_some(0, 3);
    bench.begins.clear();
    for (int i = 1; i < 4; ++i) bench.answer_as(member_name(i), {});
    bench.hub->settle();
    bench.pass(seconds(10), each_second);
    EXPECT_EQ(bench.counts("leaves").succeeded, 2U);
    EXPECT_EQ(bench.counts("keeps").succeeded, 4U);
    EXPECT_EQ(bench.begins.size(), 4U) << "three of the one job and one of the other";
}

TEST(Continuous, AClosedOneEndsWhenItsMembersHaveEnded) {
    MembersBench bench;
    bench.add(6);
    bench.tag_some(0, 1);
    bench.connect_all(2, [](int) { return RolloutBench::Manner{seconds(5), 200}; });
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    bench.tag_some(1, 2);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.progress("late").rollout->takes_members, true);
    ASSERT_TRUE(bench.close("late"));
    ASSERT_TRUE(bench.close("late")) << "so already";
    bench.tag_some(2, 4);
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.status("late"), JobStatus::running);
    EXPECT_EQ(bench.progress("late").rollout->takes_members, false);
    bench.crash();
    bench.connect_all(6, answers_at_once);
    bench.pass(seconds(400), each_second);
    EXPECT_EQ(bench.status("late"), JobStatus::completed);
    EXPECT_EQ(bench.counts("late").device, 2U);
    const auto again = bench.close("late");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::operation_not_allowed_in_current_state);
    // One that is not continuous has nothing to close, and one that was never begun either.
    ASSERT_TRUE(bench.create("plain", rollout_body(R"({"pace":{"rate":"1/m"}})", "*")));
    const auto refused = bench.close("plain");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::operation_not_allowed_in_current_state);
}

TEST(Continuous, WithoutDevicesItRunsUntilItsDeadlineOrItsClose) {
    MembersBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("short", rollout_body(continuous_with(R"("deadline":"60s")"), is_ready)));
    ASSERT_TRUE(bench.create("closed", rollout_body(continuous_with(), is_ready)));
    ASSERT_TRUE(bench.create("cancelled", rollout_body(continuous_with(), is_ready)));
    bench.pass(seconds(50), each_second);
    EXPECT_EQ(bench.status("short"), JobStatus::running);
    bench.pass(seconds(15), each_second);
    EXPECT_EQ(bench.status("short"), JobStatus::completed);
    EXPECT_EQ(bench.status("closed"), JobStatus::running);
    EXPECT_GT(bench.progress("closed").rollout->deadline.ticks,
              bench.clock.wall_now().plus_s(6 * 86'400).ticks)
        << "seven days by default";
    ASSERT_TRUE(bench.close("closed"));
    ASSERT_TRUE(bench.cancel("cancelled"));
    bench.pass(seconds(2), each_second);
    EXPECT_EQ(bench.status("closed"), JobStatus::completed);
    EXPECT_EQ(bench.status("cancelled"), JobStatus::cancelled);
}

TEST(Continuous, WhoJoinsIsInTheLastWave) {
    MembersBench bench;
    bench.add(40);
    bench.connect_all(40, answers_at_once);
    for (const std::string_view order : {R"("asStored")", R"("random")"}) {
        SCOPED_TRACE(order);
        const std::string id = order == R"("random")" ? "random" : "stored";
        bench.tag_some(0, 40, R"({"ready":null})");
        bench.tag_some(0, 20);
        bench.begins.clear();
        const auto waves =
            fmt::format(R"("order":{},"waves":[{{"size":4,"gate":"manual"}},{{"size":"rest"}}])", order);
        ASSERT_TRUE(bench.create(id, rollout_body(continuous_with(waves), is_ready)));
        bench.pass(seconds(1), each_second);
        EXPECT_EQ(bench.begins.size(), 4U);
        bench.tag_some(20, 30);
        bench.pass(seconds(1), each_second);
        EXPECT_EQ(bench.begins.size(), 4U) << "their wave has not opened";
        EXPECT_EQ(bench.progress(id).rollout->waves.at(0).size, 4U);
        EXPECT_EQ(bench.progress(id).rollout->waves.at(1).size, 26U);
        bench.crash();
        bench.connect_all(40, answers_at_once);
        bench.pass(seconds(2), each_second);
        EXPECT_EQ(bench.begins.size(), 4U);
        EXPECT_EQ(bench.progress(id).rollout->waves.at(1).size, 26U);
        ASSERT_TRUE(bench.promote(id, 0));
        bench.pass(seconds(1), each_second);
        EXPECT_EQ(bench.begins.size(), 30U);
        bench.tag_some(30, 35);
        bench.pass(seconds(1), each_second);
        EXPECT_EQ(bench.begins.size(), 35U);
        EXPECT_EQ(bench.progress(id).waves.at(0).succeeded, 4U);
        EXPECT_EQ(bench.progress(id).waves.at(1).succeeded, 31U);
        const auto rows = bench.report(id);
        EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.wave == 0U; }), 4);
        EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.wave == 1U; }),
                  31);
        auto ids = bench.row_ids(id);
        EXPECT_EQ(ids.size(), 35U);
        EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
        ASSERT_TRUE(bench.close(id));
        bench.pass(seconds(1), each_second);
        EXPECT_EQ(bench.status(id), JobStatus::completed);
        EXPECT_EQ(bench.wave_states(id).back(), WaveState::open) << "the last wave is not judged";
        bench.crash();
        bench.connect_all(40, answers_at_once);
        bench.pass(seconds(1), each_second);
        const auto& waves_after = bench.progress(id).rollout->waves;
        ASSERT_EQ(waves_after.size(), 2U) << "after a restart the ended job shows the waves that it had";
        EXPECT_EQ(waves_after.at(0).size, 4U);
        EXPECT_EQ(waves_after.at(1).size, 31U);
    }
}

TEST(Continuous, SharesAreOfAllMembersSoFar) {
    MembersBench bench;
    bench.add(200);
    bench.connect_all(200, [](int) { return RolloutBench::Manner{seconds(1), 200}; });
    bench.tag_some(0, 20);
    ASSERT_TRUE(
        bench.create("late", rollout_body(continuous_with(R"("pace":{"maxInFlight":"10%"})"), is_ready)));
    bench.pass(seconds(30), milliseconds(100));
    EXPECT_EQ(bench.counts("late").succeeded, 20U);
    EXPECT_EQ(bench.most_in_flight, 2);
    bench.tag_some(20, 200);
    bench.pass(seconds(30), milliseconds(100));
    EXPECT_EQ(bench.counts("late").succeeded, 200U);
    EXPECT_EQ(bench.most_in_flight, 20);
}

TEST(Continuous, ATwinJobWritesEachJoinerOnceAndCanBeTakenBack) {
    MembersBench bench;
    bench.add(10);
    ASSERT_TRUE(bench.create("floors", twin_rollout_body(continuous_with(), is_ready)));
    bench.tag_some(0, 6);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("floors").succeeded, 6U);
    bench.tag_some(0, 6, R"({"ready":false})");
    bench.tag_some(0, 7);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("floors").succeeded, 7U);
    EXPECT_EQ(bench.twin(member_name(3)).desired.version(), 2);
    ASSERT_TRUE(bench.close("floors"));
    bench.pass(seconds(1), each_second);
    ASSERT_EQ(bench.status("floors"), JobStatus::completed);
    ASSERT_TRUE(bench.create("back", R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*"},)"
                                     R"("rollout":{"undoOf":"floors"}})"));
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("back").succeeded, 7U);
    std::string desired;
    bench.twin(member_name(3)).desired.append_json(desired, SectionForm::plain);
    EXPECT_EQ(desired, "{}");
}

TEST(Continuous, TheTimeToLiveOfAJoinerBeginsWhenItJoins) {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    MembersBench bench(limits);
    bench.add(2);
    bench.tag_some(0, 1);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(R"("offline":{"ttl":"60s"})"), is_ready)));
    bench.pass(seconds(40), each_second);
    bench.tag_some(1, 2);
    bench.pass(seconds(30), each_second);
    EXPECT_EQ(bench.counts("late").failed, 1U);
    EXPECT_EQ(bench.counts("late").pending, 1U);
    bench.pass(seconds(35), each_second);
    EXPECT_EQ(bench.counts("late").failed, 2U);
}

TEST(Continuous, ARefusedCommitOnlyDelaysThoseThatJoin) {
    for (std::uint64_t nth = 1; nth <= 14; ++nth) {
        SCOPED_TRACE(nth);
        MembersBench bench;
        bench.add(8);
        bench.connect_all(8, answers_at_once);
        ASSERT_TRUE(bench.create("late", rollout_body(continuous_with("", "cancel"), is_ready)));
        bench.pass(seconds(1), each_second);
        bench.store.fail_commits(nth, 3);
        for (int i = 0; i < 8; ++i) {
            for (int tries = 0; tries < 10; ++tries) {
                if (bench.hub->run(bench.tagging(member_name(i), R"({"ready":true})"))) break;
            }
        }
        bench.pass(seconds(10), each_second);
        EXPECT_EQ(bench.counts("late").device, 8U);
        EXPECT_EQ(bench.counts("late").pending, 0U);
        EXPECT_EQ(bench.row_ids("late").size(), 8U);
        ASSERT_TRUE(bench.close("late"));
        bench.pass(seconds(2), each_second);
        EXPECT_EQ(bench.status("late"), JobStatus::completed);
    }
}

TEST(Continuous, AtMost32OfThemAreActive) {
    MembersBench bench;
    bench.add(1);
    for (int i = 0; i < 32; ++i) {
        ASSERT_TRUE(bench.create(fmt::format("c{}", i), rollout_body(continuous_with(), is_ready)));
    }
    const auto refused = bench.create("one-more", rollout_body(continuous_with(), is_ready));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::throttling_max_active_job_count_exceeded);
    EXPECT_TRUE(bench.create("other", rollout_body("{}", is_ready)));
    ASSERT_TRUE(bench.cancel("c0"));
    bench.pass(seconds(2), each_second);
    EXPECT_TRUE(bench.create("one-more", rollout_body(continuous_with(), is_ready)));
}

TEST(Continuous, AnIdleOneGivesItsPlaceUp) {
    JobEngineLimits limits;
    limits.running_max = 1;
    MembersBench bench(limits);
    bench.add(3);
    bench.connect_all(3, answers_at_once);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    bench.pass(seconds(1), each_second);
    ASSERT_TRUE(bench.create("stock", method_body("*")));
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    bench.tag_some(0, 3);
    bench.pass(seconds(1), each_second);
    EXPECT_EQ(bench.counts("late").succeeded, 3U);
}

TEST(Continuous, TheCountsOfItsDevicesGrowWhileItRuns) {
    MembersBench bench;
    bench.add(3);
    ASSERT_TRUE(bench.create("late", rollout_body(continuous_with(), is_ready)));
    bench.pass(seconds(1), each_second);
    EXPECT_NE(bench.json("late").find(R"("status":"running")"), std::string::npos) << bench.json("late");
    EXPECT_NE(bench.json("late").find(R"("deviceCount":0)"), std::string::npos) << bench.json("late");
    bench.tag_some(0, 2);
    bench.pass(seconds(1), each_second);
    EXPECT_NE(bench.json("late").find(R"("deviceCount":2)"), std::string::npos) << bench.json("late");
}

}  // namespace
}  // namespace carillon
