// What would have become of a job under another policy. Cases G15.2 of the specification of rollouts.

#include "core/jobs/whatif/what_if.hpp"

#include "base/text.hpp"
#include "core/jobs/job_log_json.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/testing/rollout_bench.hpp"

#include <algorithm>
#include <array>
#include <random>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct WhatIfBench : RolloutBench {
    using RolloutBench::RolloutBench;

    RecordedJobLimits limits;

    Result<WhatIfAnswer> ask(const std::string& id, std::string changes = "{}") {
        const auto reports = (*hub)->jobs().report(id, {});
        if (!reports) return fail(reports.error());
        return hub->run(what_if(**reports, std::move(changes), "ann", limits));
    }
    /// What was decided about the job, without what says how it stands and without ids and hashes.
    std::vector<std::string> recorded(const std::string& id) {
        std::vector<std::string> lines;
        std::uint64_t after = 0;
        for (;;) {
            const auto page = hub->run((*hub)->jobs().history(id, after));
            if (!page || page->empty()) return lines;
            for (const auto& line : *page) {
                const auto event = JsonDocument::parse(line);
                const auto name = std::string(event->root().find("event").string());
                const auto number = std::string(event->root().find("id").string());
                after = *parse_u64(number.substr(number.find('-') + 1));
                if (name == "created" || name == "prepared" || name == "started" || name == "sealed")
                    continue;
                lines.push_back(bare(line));
            }
        }
    }
    static std::string bare(const std::string& line) {
        auto text = line.substr(line.find(R"("time")"));
        if (const auto hash = text.find(R"(,"hash":)"); hash != text.npos) text = text.substr(0, hash) + "}";
        return text;
    }
    static std::vector<std::string> told(const WhatIfAnswer& answer) {
        std::vector<std::string> lines;
        for (const auto& event : answer.decisions) lines.push_back(bare(job_log_event_json(1, 1, event)));
        return lines;
    }
};

/// Every n-th device fails.
std::function<RolloutBench::Manner(int)> one_in(int n, milliseconds after = milliseconds(100)) {
    return [n, after](int i) {
        return RolloutBench::Manner{after + milliseconds(i % 7 * 10), i % n == 0 ? 500 : 200};
    };
}

TEST(WhatIf, G15_2TheSamePolicyGivesTheSameDecisions) {
    const std::pair<const char*, int> cases[] = {
        {R"({"waves":[{"size":10,"soak":"20s"},{"size":"30%","soak":"5s"},{"size":"rest"}],"pace":{"rate":"20/s"}})",
         1000},
        {R"({"waves":[{"size":10},{"size":"rest"}],"order":"asStored","success":{"succeeded":"90%"}})", 1000},
        {R"({"waves":[{"size":50,"pass":{"succeeded":"99%"},"else":"pause"},{"size":"rest"}]})", 7},
        {R"({"waves":[{"size":50,"pass":{"succeeded":"99%"},"else":"cancel"},{"size":"rest"}]})", 7},
        {R"({"waves":[{"size":50,"pass":{"succeeded":"99%"},"else":"go","within":"10s"},{"size":"rest"}]})",
         7},
        {R"({"stop":[{"failed":"5%","after":30,"do":"cancel"}],"pace":{"maxInFlight":8}})", 9},
        {R"({"stop":[{"failed":4}],"pace":{"rate":"30/s"}})", 9},
        {R"({"waves":[{"size":80,"test":{}},{"size":"rest"}],"retry":{"attempts":2,"backoff":{"from":"1s"}}})",
         200},
        {R"({"waves":[{"size":80,"test":{}},{"size":"rest"}]})", 5},
    };
    for (const std::size_t shards : {1, 2}) {
        for (const auto& [rollout, fails] : cases) {
            SCOPED_TRACE(fmt::format("{} shards: {}", shards, rollout));
            WhatIfBench bench({}, shards);
            bench.add(200);
            bench.connect_all(200, one_in(fails));
            ASSERT_TRUE(bench.create("j", rollout_body(rollout)));
            bench.pass(seconds(90));
            const auto answer = bench.ask("j");
            ASSERT_TRUE(answer) << answer.error().detail;
            EXPECT_TRUE(answer->is_replay);
            EXPECT_EQ(WhatIfBench::told(*answer), bench.recorded("j"));
            EXPECT_EQ(answer->counts.succeeded, bench.counts("j").succeeded);
            EXPECT_EQ(answer->counts.failed, bench.counts("j").failed);
        }
    }
}

TEST(WhatIf, G15_2WhatPeopleDidIsPlayedToo) {
    WhatIfBench bench;
    bench.add(100);
    bench.connect_all(100, one_in(1000));
    ASSERT_TRUE(bench.create(
        "j",
        rollout_body(R"({"waves":[{"size":20,"gate":"manual"},{"size":"rest"}],"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(1));
    ASSERT_TRUE(bench.pause("j"));
    bench.pass(seconds(5));
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(5));
    ASSERT_TRUE(bench.promote("j", 0));
    bench.pass(seconds(30));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    const auto answer = bench.ask("j");
    ASSERT_TRUE(answer);
    EXPECT_EQ(WhatIfBench::told(*answer), bench.recorded("j"));
    EXPECT_EQ(answer->end, WhatIfAnswer::End::completed);
}

TEST(WhatIf, G15_2SoIsATimeInWhichTheHubDidNotRun) {
    WhatIfBench bench;
    bench.add(100);
    bench.connect_all(100, one_in(1000));
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"waves":[{"size":20,"soak":"30s"},{"size":"rest"}]})")));
    bench.pass(seconds(10));
    bench.crash();
    bench.clock.advance(minutes(5));
    bench.restart();
    bench.connect_all(100, one_in(1000));
    bench.pass(seconds(60));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    const auto answer = bench.ask("j");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(WhatIfBench::told(*answer), bench.recorded("j"));
    EXPECT_EQ(answer->counts.succeeded, 99U);
}

TEST(WhatIf, G15_2RulesCountFromTheLastResume) {
    WhatIfBench bench;
    bench.add(300);
    bench.connect_all(300, one_in(10));
    ASSERT_TRUE(bench.create(
        "j", rollout_body(R"({"stop":[{"failed":5},{"failed":12,"do":"cancel"}],"pace":{"rate":"20/s"}})")));
    bench.pass(seconds(10));
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(10));
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(10));
    const auto recorded = bench.recorded("j");
    EXPECT_EQ(std::count_if(recorded.begin(), recorded.end(),
                            [](const auto& line) { return line.find("ruleTripped") != line.npos; }),
              3);
    const auto answer = bench.ask("j");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(WhatIfBench::told(*answer), recorded);
}

TEST(WhatIf, AChangeThatWasMadeMeanwhileHoldsBesideWhatIsAskedAbout) {
    WhatIfBench bench;
    bench.add(300);
    bench.connect_all(300, one_in(10));
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(2));
    ASSERT_TRUE(bench.change("j", R"({"pace":{"rate":"50/s"},"stop":[{"failed":25,"do":"cancel"}]})"));
    bench.pass(seconds(60));
    ASSERT_EQ(bench.status("j"), JobStatus::cancelled);
    const auto same = bench.ask("j");
    ASSERT_TRUE(same) << same.error().detail;
    EXPECT_EQ(WhatIfBench::told(*same), bench.recorded("j"));
    // The rule that came later is not asked about, and stands as it was.
    const auto goal = bench.ask("j", R"({"success":{"succeeded":"50%"}})");
    ASSERT_TRUE(goal) << goal.error().detail;
    EXPECT_EQ(goal->end, WhatIfAnswer::End::cancelled);
    EXPECT_EQ(goal->verdict, false);
    const auto sooner = bench.ask("j", R"({"stop":[{"failed":10,"do":"cancel"}]})");
    ASSERT_TRUE(sooner) << sooner.error().detail;
    EXPECT_EQ(sooner->end, WhatIfAnswer::End::cancelled);
    EXPECT_EQ(sooner->counts.failed, 10U);
}

/// Policies, manners and deeds of people by chance: whatever was decided, the replay decides. On one shard:
/// what happens on several at the very same tick of the clock has no order on record.
TEST(WhatIf, G15_2ByChance) {
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        std::mt19937 chance(seed);
        const auto one_of = [&](int n) { return static_cast<int>(chance() % static_cast<unsigned>(n)); };
        WhatIfBench bench({}, 1);
        const int devices = 40 + one_of(120);
        bench.add(devices);
        bench.connect_all(devices, one_in(2 + one_of(12), milliseconds(one_of(3000))));
        const std::array<const char*, 4> otherwise{"pause", "cancel", "go", "pause"};
        auto rollout =
            fmt::format(R"({{"seed":{},"waves":[{{"size":{},"pass":{{"succeeded":"{}%","ended":"{}%"}},)"
                        R"("soak":"{}s","else":"{}"}},{{"size":"{}%"}},{{"size":"rest"}}])",
                        seed, 5 + one_of(20), 70 + one_of(30), 60 + one_of(41), one_of(8),
                        otherwise[static_cast<std::size_t>(one_of(4))], 10 + one_of(30));
        if (one_of(2) == 0) rollout += fmt::format(R"(,"pace":{{"rate":"{}/s"}})", 5 + one_of(60));
        if (one_of(2) == 0)
            rollout += fmt::format(R"(,"stop":[{{"failed":"{}%","after":{}}},{{"failed":{},"do":"cancel"}}])",
                                   5 + one_of(20), 10 + one_of(30), 10 + one_of(20));
        if (one_of(3) == 0) rollout += R"(,"retry":{"attempts":2,"backoff":{"from":"1s"}})";
        if (one_of(2) == 0) rollout += R"(,"success":{"succeeded":"90%"})";
        ASSERT_TRUE(bench.create("j", rollout_body(rollout + "}"))) << rollout;
        for (int i = 0; i < 12; ++i) {
            bench.pass(milliseconds(500 + one_of(5000)), milliseconds(20));
            if (is_terminal(bench.status("j"))) break;
            const auto deed = one_of(6);
            if (deed == 0) static_cast<void>(bench.pause("j"));
            if (deed < 3) static_cast<void>(bench.resume("j"));
            if (deed == 3) static_cast<void>(bench.promote("j", static_cast<std::uint32_t>(one_of(2))));
        }
        const auto answer = bench.ask("j");
        ASSERT_TRUE(answer) << answer.error().detail;
        ASSERT_EQ(WhatIfBench::told(*answer), bench.recorded("j")) << rollout;
        EXPECT_EQ(answer->counts.succeeded, bench.counts("j").succeeded);
        EXPECT_EQ(answer->counts.failed, bench.counts("j").failed);
    }
}

TEST(WhatIf, APolicyAsksOneQuestionAtATime) {
    WhatIfBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("j", rollout_body("{}")));
    bench.pass(seconds(1));
    const auto reports = (*bench.hub)->jobs().report("j", {});
    ASSERT_TRUE(reports);
    OpenReports& open = *(*reports)->open_reports();
    {
        const OpenReports::Asker first(open, "ann");
        EXPECT_TRUE(first.may_ask());
        EXPECT_EQ(bench.ask("j").error().code, Errc::throttling_exception);
        const OpenReports::Asker second(open, "bob");
        EXPECT_TRUE(second.may_ask());
        EXPECT_FALSE(OpenReports::Asker(open, "cy").may_ask()) << "two in all";
    }
    EXPECT_TRUE(bench.ask("j"));
    EXPECT_TRUE(bench.ask("j")) << "one after the other";
}

TEST(WhatIf, ARecordTakesSomeBytesOfEachDevice) {
    WhatIfBench bench;
    bench.add(2000);
    bench.connect_all(2000, one_in(3));
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"order":"random"})", "*", 30)));
    bench.pass(seconds(20), milliseconds(50));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    const auto reports = (*bench.hub)->jobs().report("j", {});
    ASSERT_TRUE(reports);
    const auto recorded =
        bench.hub->run(read_recorded_job((*bench.hub)->shards().first(), 2, (*reports)->entry(), {}));
    ASSERT_TRUE(recorded) << recorded.error().detail;
    EXPECT_EQ((*recorded)->devices, 2000U);
    std::size_t bytes = 0;
    for (const auto& part : (*recorded)->parts) bytes += part.tape.bytes();
    EXPECT_LT(bytes, std::size_t{2000} * 40);
    EXPECT_GT(bytes, std::size_t{2000} * 4);
}

TEST(WhatIf, G15_2AnotherRuleStopsWhereItWouldHave) {
    WhatIfBench bench({}, 1);
    bench.add(400);
    // Devices answer at once, so they end as they begin; the 3rd failure is the 120th end.
    const std::map<int, int> failures{{20, 500}, {70, 500}, {119, 500}, {200, 500}};
    bench.connect_all(400, [&](int i) {
        return RolloutBench::Manner{milliseconds(0), failures.contains(i) ? 500 : 200};
    });
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(60), milliseconds(20));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    const auto answer = bench.ask("j", R"({"stop":[{"failed":"2%","after":100,"do":"cancel"}]})");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_TRUE(answer->is_replay);
    EXPECT_EQ(answer->end, WhatIfAnswer::End::cancelled);
    ASSERT_FALSE(answer->decisions.empty());
    const auto* tripped = std::get_if<RuleTrippedEvent>(&answer->decisions.front());
    ASSERT_NE(tripped, nullptr);
    EXPECT_EQ(tripped->failed, 3U);
    EXPECT_EQ(tripped->ended, 120U);
    EXPECT_LE(answer->touched, 121U);
    EXPECT_EQ(answer->counts.failed, 3U);
    EXPECT_EQ(answer->counts.succeeded, 117U);
}

TEST(WhatIf, APauseThatIsNotOnRecordLetsNothingBeginAnyMore) {
    WhatIfBench bench({}, 1);
    bench.add(200);
    bench.connect_all(200, one_in(10, seconds(2)));
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(60), milliseconds(20));
    const auto answer = bench.ask("j", R"({"stop":[{"failed":3}]})");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->end, WhatIfAnswer::End::paused);
    EXPECT_LT(answer->touched, 60U);
    EXPECT_EQ(answer->touched, answer->counts.succeeded + answer->counts.failed) << "what was out has ended";
}

TEST(WhatIf, OtherWavesAreSimulatedFromWhatDevicesDid) {
    WhatIfBench bench;
    bench.add(200);
    bench.connect_all(200, one_in(4));
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"order":"random","seed":7})")));
    bench.pass(seconds(20));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").failed, 50U);
    const auto canary = bench.ask("j", R"({"waves":[{"size":"10%"},{"size":"rest"}]})");
    ASSERT_TRUE(canary) << canary.error().detail;
    EXPECT_FALSE(canary->is_replay);
    EXPECT_EQ(canary->end, WhatIfAnswer::End::paused);
    EXPECT_EQ(canary->touched, 20U);
    // And so it is, where it is done.
    ASSERT_TRUE(bench.create("k", rollout_body(R"({"seed":7,"waves":[{"size":"10%"},{"size":"rest"}]})")));
    bench.pass(seconds(20));
    EXPECT_EQ(bench.counts("k").failed, canary->counts.failed);
    EXPECT_EQ(bench.counts("k").succeeded, canary->counts.succeeded);
    // Slower, it takes longer.
    const auto slow = bench.ask("j", R"({"pace":{"rate":"1/s"}})");
    ASSERT_TRUE(slow);
    EXPECT_EQ(slow->end, WhatIfAnswer::End::completed);
    EXPECT_EQ(slow->counts.failed, 50U);
    EXPECT_EQ(slow->counts.succeeded, 150U);
    const auto started = (*bench.hub)->jobs().progress("j")->snapshot.definition->start;
    EXPECT_NEAR(static_cast<double>(slow->ended.ticks - started.ticks) / WallTime::ticks_per_second, 199.0,
                3.0);
    const auto capped = bench.ask("j", R"({"pace":{"maxInFlight":1}})");
    ASSERT_TRUE(capped);
    EXPECT_EQ(capped->counts.succeeded, 150U);
    EXPECT_GT(capped->ended, canary->ended);
    // Attempts that were not made have no outcome.
    const auto again = bench.ask("j", R"({"retry":{"attempts":3}})");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->unknown, 50U);
    EXPECT_EQ(again->end, WhatIfAnswer::End::open);
}

TEST(WhatIf, OfATwinJobAndOfOneThatRuns) {
    WhatIfBench bench;
    bench.add(100);
    ASSERT_TRUE(
        bench.create("j", twin_rollout_body(R"({"pace":{"rate":"10/s"},"success":{"succeeded":"99%"}})")));
    bench.pass(seconds(3));
    const auto early = bench.ask("j");
    ASSERT_TRUE(early);
    EXPECT_EQ(early->end, WhatIfAnswer::End::open);
    EXPECT_EQ(early->counts.succeeded, bench.counts("j").succeeded);
    bench.pass(seconds(20));
    const auto answer = bench.ask("j");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->counts.succeeded, 100U);
    EXPECT_EQ(answer->verdict, true);
    EXPECT_EQ(WhatIfBench::told(*answer), bench.recorded("j"));
    const auto waves = bench.ask("j", R"({"waves":[{"size":10,"soak":"1h"},{"size":"rest"}]})");
    ASSERT_TRUE(waves);
    EXPECT_EQ(waves->end, WhatIfAnswer::End::completed);
    EXPECT_GT(waves->ended.ticks, answer->ended.ticks + 3500 * WallTime::ticks_per_second);
}

TEST(WhatIf, WhatCannotBeAskedIsRefused) {
    WhatIfBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("plain", twin_body("*")));
    ASSERT_TRUE(bench.create("later", fmt::format(R"({{"type":"scheduleDeviceMethod","startTime":"{}",)"
                                                  R"("cloudToDeviceMethod":{{"methodName":"m"}},)"
                                                  R"("queryCondition":"*","rollout":{{}}}})",
                                                  to_iso8601(bench.clock.wall_now().plus_s(60)))));
    ASSERT_TRUE(bench.create("j", twin_rollout_body(R"({"waves":[{"size":1},{"size":"rest"}]})")));
    ASSERT_TRUE(bench.create("goes-on", twin_rollout_body(R"({"members":{"mode":"continuous"}})")));
    bench.pass(seconds(1));
    const auto refusal = [&](const std::string& id, const std::string& changes) {
        const auto answer = bench.ask(id, changes);
        return answer ? Errc() : answer.error().code;
    };
    EXPECT_EQ(refusal("none", "{}"), Errc::job_not_found);
    EXPECT_EQ(refusal("plain", "{}"), Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(refusal("later", "{}"), Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(refusal("goes-on", "{}"), Errc::operation_not_allowed_in_current_state);
    bench.limits.devices_max = 1;
    EXPECT_EQ(refusal("j", "{}"), Errc::argument_invalid);
    bench.limits = {};
    bench.limits.bytes_max = 20;
    EXPECT_EQ(refusal("j", "{}"), Errc::argument_invalid);
    bench.limits = {};
    bench.limits.log_bytes_max = 20;
    EXPECT_EQ(refusal("j", "{}"), Errc::argument_invalid);
    bench.limits = {};
    EXPECT_EQ(refusal("j", "{}"), Errc());
    EXPECT_EQ(refusal("j", R"({"order":"random"})"), Errc::argument_invalid);
    EXPECT_EQ(refusal("j", R"({"deadline":"1h"})"), Errc::argument_invalid);
    EXPECT_EQ(refusal("j", R"({"stop":[{"failed":0}]})"), Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon
