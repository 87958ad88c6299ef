// Jobs that each take the devices of the one before as those come out of it. Cases G17.2 of the specification
// of rollouts.

#include "core/testing/rollout_bench.hpp"

#include <random>
#include <set>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string piped_device(int i) {
    return fmt::format("d{:05}", i);
}

std::string method_step(std::string_view method, std::string_view rollout,
                        std::string_view condition = R"("queryCondition":"*",)") {
    return fmt::format(
        R"({{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"{}","responseTimeoutInSeconds":100}},)"
        R"({}"rollout":{}}})",
        method, condition, rollout);
}

std::string twin_step(std::string_view desired, std::string_view rollout,
                      std::string_view condition = R"("queryCondition":"*",)") {
    return fmt::format(
        R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*"{}}},{}"rollout":{}}})",
        desired.empty() ? std::string() : fmt::format(R"(,"properties":{{"desired":{}}})", desired),
        condition, rollout);
}

/// The rollout of a step that takes what comes out of another one.
std::string behind(std::string_view job, std::string_view states, std::string_view more = "") {
    return fmt::format(R"({{"members":{{"mode":"continuous"}},"from":{{"job":"{}","in":[{}]}}{}{}}})", job,
                       states, more.empty() ? "" : ",", more);
}

struct PipelineBench : RolloutBench {
    using RolloutBench::RolloutBench;

    /// Devices that answer each method by what `manner` says of it, with a record of all calls.
    void connect_steps(int count, std::function<Manner(int, const std::string&)> manner) {
        for (int i = 0; i < count; ++i) {
            const auto id = piped_device(i);
            if (!links.contains(id)) answer_as(id, {});
            auto* link = links[id].get();
            link->on_method = [this, id, i, manner](const FakeLink::Call& call) {
                calls[call.name + " " + id].push_back(clock.now());
                const auto how = manner(i, call.name);
                if (how.after.count() < 0) return;
                ++in_flight;
                ++at_work[id];
                answers.emplace(clock.now() + how.after, Answer{id, call.id, how.status});
            };
        }
        hub->settle();
    }
    TimePoint last_call(const std::string& method, int from, int to) {
        TimePoint last{};
        for (int i = from; i < to; ++i) {
            const auto found = calls.find(method + " " + piped_device(i));
            if (found != calls.end()) last = std::max(last, found->second.back());
        }
        return last;
    }
    void report(const std::string& id, std::string_view body) {
        const auto json = JsonDocument::parse(body);
        const auto patch = SectionPatch::parse(json->root());
        ASSERT_TRUE(patch);
        owner(id).write_reported(*hub->find(id), *patch, std::nullopt, [](const Result<std::int64_t>&) {});
        hub->settle();
    }
    void desire(const std::string& id, std::string_view desired) {
        const auto text = fmt::format(R"({{"properties":{{"desired":{}}}}})", desired);
        const auto json = JsonDocument::parse(text);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        auto writing = owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(hub->run(std::move(writing)));
    }
    std::string desired(const std::string& id) {
        std::string text;
        twin(id).desired.append_json(text, SectionForm::plain);
        return text;
    }
    std::map<std::string, std::vector<TimePoint>> calls;  ///< Method and device.
};

TEST(Pipeline, G17_2ASlowDeviceHoldsNobodyUp) {
    PipelineBench bench;
    bench.add(100);
    bench.connect_steps(100, [](int i, const std::string& method) {
        return RolloutBench::Manner{i == 7 && method == "backup" ? seconds(60) : milliseconds(200), 200};
    });
    ASSERT_TRUE(bench.create("backup", method_step("backup", "{}")));
    ASSERT_TRUE(bench.create("patch", method_step("patch", behind("backup", R"("succeeded")"), "")));
    ASSERT_TRUE(bench.create("reboot", method_step("reboot", behind("patch", R"("succeeded")"), "")));
    const auto begun = bench.clock.now();
    bench.pass(seconds(30), milliseconds(50));
    EXPECT_EQ(bench.counts("reboot").succeeded, 99U);
    EXPECT_EQ(bench.counts("backup").running, 1U);
    EXPECT_LT(bench.last_call("reboot", 0, 100) - begun, seconds(10));
    for (const auto* job : {"backup", "patch", "reboot"}) EXPECT_EQ(bench.status(job), JobStatus::running);
    bench.pass(seconds(40), milliseconds(50));
    for (const auto* job : {"backup", "patch", "reboot"}) {
        EXPECT_EQ(bench.status(job), JobStatus::completed) << job << " ends behind the one before";
        EXPECT_EQ(bench.counts(job).succeeded, 100U) << job;
    }
    EXPECT_EQ(bench.calls.size(), 300U);
}

TEST(Pipeline, G17_2ExactlyTheDevicesOfWhichTheConditionFailsAreUndone) {
    JobEngineLimits limits;
    limits.undo_bytes_max = 150;  // Less than the values of two of them take.
    PipelineBench bench(limits);
    bench.add(100);
    for (int i = 0; i < 100; ++i) bench.desire(piped_device(i), fmt::format(R"({{"fw":"old-{}"}})", i));
    bench.connect_steps(100, [](int, const std::string&) {
        return RolloutBench::Manner{milliseconds(100), 200};
    });
    for (int i = 0; i < 100; ++i) {
        if (i % 40 != 5) bench.report(piped_device(i), R"({"fw":2})");
    }
    ASSERT_TRUE(bench.create("patch", twin_step(R"({"fw":2})", R"({"pace":{"rate":"20/s"}})")));
    ASSERT_TRUE(bench.create("reboot", method_step("reboot", behind("patch", R"("succeeded")"), "")));
    const auto verified =
        R"("confirm":{"by":"condition","condition":"properties.reported.fw = 2","within":"5s"})";
    ASSERT_TRUE(bench.create(
        "verify", twin_step(R"({"verified":1})", behind("reboot", R"("succeeded")", verified), "")));
    ASSERT_TRUE(
        bench.create("undo", twin_step("", behind("verify", R"("failed")", R"("undoOf":"patch")"), "")));
    bench.pass(seconds(40), milliseconds(100));
    for (const auto* job : {"patch", "reboot", "verify", "undo"})
        EXPECT_EQ(bench.status(job), JobStatus::completed) << job;
    EXPECT_EQ(bench.counts("reboot").succeeded, 100U);
    EXPECT_EQ(bench.counts("verify").failed, 3U);
    EXPECT_EQ(bench.counts("undo").device, 3U);
    EXPECT_EQ(bench.counts("undo").succeeded, 3U);
    for (int i = 0; i < 100; ++i) {
        const bool is_undone = i % 40 == 5;
        EXPECT_EQ(bench.desired(piped_device(i)),
                  is_undone ? fmt::format(R"({{"fw":"old-{}","verified":1}})", i) : R"({"fw":2,"verified":1})")
            << i;
    }
}

/// The process dies at any moment, again and again.
TEST(Pipeline, G17_2EachDeviceIsOnceInEachStepWhateverDies) {
    constexpr int fleet = 6;
    int crashes = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 dice(seed);
        PipelineBench bench({}, 1 + dice() % 2);
        bench.add(fleet);
        const auto connect = [&] {
            bench.connect_steps(fleet, [&](int, const std::string&) {
                return RolloutBench::Manner{milliseconds(dice() % 3000), 200};
            });
        };
        connect();
        ASSERT_TRUE(bench.create("backup", method_step("backup", "{}")));
        const auto all = R"("succeeded","failed")";
        ASSERT_TRUE(bench.create("patch", method_step("patch", behind("backup", all), "")));
        ASSERT_TRUE(bench.create("reboot", method_step("reboot", behind("patch", all), "")));
        for (int i = 0; i < 40; ++i) {
            switch (dice() % 6) {
                case 0:
                    bench.crash();
                    connect();
                    ++crashes;
                    break;
                case 1:
                    bench.pass(milliseconds(dice() % 400), milliseconds(100));
                    break;
                case 2:
                    bench.hub->storage().step();
                    break;
                default:
                    bench.give_answers();
                    bench.hub->io().restart();
                    for (auto left = dice() % 8; left > 0; --left) bench.hub->io().poll_one();
            }
        }
        bench.pass(seconds(20), milliseconds(200));
        for (const auto& [what, times] : bench.calls) EXPECT_EQ(times.size(), 1U) << what;
        for (const auto* job : {"backup", "patch", "reboot"}) {
            EXPECT_EQ(bench.status(job), JobStatus::completed) << job;
            EXPECT_EQ(bench.counts(job).device, std::uint64_t{fleet}) << job;
            EXPECT_EQ(bench.rows(job).size(), std::size_t{fleet}) << job;
        }
        if (::testing::Test::HasFailure()) return;
    }
    EXPECT_GT(crashes, 1000);
}

TEST(Pipeline, AStepTakesWhatItsSourceHasAlready) {
    PipelineBench bench;
    bench.add(10);
    bench.connect_steps(10, [](int i, const std::string&) {
        return RolloutBench::Manner{milliseconds(100), i < 4 ? 200 : 500};
    });
    ASSERT_TRUE(bench.create("backup", method_step("backup", "{}")));
    bench.pass(seconds(2), milliseconds(100));
    ASSERT_EQ(bench.status("backup"), JobStatus::completed);
    ASSERT_TRUE(bench.create("patch", method_step("patch", behind("backup", R"("succeeded")"), "")));
    bench.pass(seconds(2), milliseconds(100));
    EXPECT_EQ(bench.status("patch"), JobStatus::completed);
    EXPECT_EQ(bench.counts("patch").device, 4U);
    // Narrowed by a condition, and with a source that has not begun.
    ASSERT_TRUE(bench.create("waits", method_step("waits", R"({"startAfter":{"job":"patch"}})")));
    bench.pass(seconds(3), milliseconds(100));
    ASSERT_TRUE(bench.create("some", method_step("some", behind("waits", R"("failed")"),
                                                 R"("queryCondition":"deviceId = 'd00009'",)")));
    bench.pass(seconds(3), milliseconds(100));
    EXPECT_EQ(bench.status("some"), JobStatus::completed);
    EXPECT_EQ(bench.counts("some").device, 1U);
}

TEST(Pipeline, AStepThatIsClosedByHandTakesNoMore) {
    PipelineBench bench;
    bench.add(4);
    bench.connect_steps(4, [](int i, const std::string&) {
        return RolloutBench::Manner{i == 0 ? milliseconds(100) : seconds(20), 200};
    });
    ASSERT_TRUE(bench.create("backup", method_step("backup", "{}")));
    ASSERT_TRUE(bench.create("patch", method_step("patch", behind("backup", R"("succeeded")"), "")));
    bench.pass(seconds(5), milliseconds(100));
    ASSERT_EQ(bench.counts("patch").device, 1U);
    JobWish close;
    close.what = JobWish::close;
    ASSERT_TRUE(bench.direct("patch", close));
    bench.pass(seconds(40), milliseconds(100));
    EXPECT_EQ(bench.status("backup"), JobStatus::completed);
    EXPECT_EQ(bench.status("patch"), JobStatus::completed);
    EXPECT_EQ(bench.counts("patch").device, 1U);
}

TEST(Pipeline, ATemplateMakesAllSteps) {
    PipelineBench bench;
    bench.add(8);
    bench.connect_steps(8, [](int i, const std::string& method) {
        return RolloutBench::Manner{milliseconds(100), method == "reboot" && i == 3 ? 500 : 200};
    });
    const auto text = fmt::format(
        R"({{"jobs":[{{"name":"patch","job":{}}},{{"name":"reboot","job":{}}},{{"name":"undo","job":{}}}]}})",
        twin_step(R"({"fw":2})", "{}"), method_step("reboot", behind("@patch", R"("succeeded")"), ""),
        twin_step("", behind("@reboot", R"("failed")", R"("undoOf":"@patch")"), ""));
    JobActor by;
    by.policy = "service";
    auto putting = (*bench.hub)->jobs().put_template("pipeline", text, by);
    const auto put = bench.hub->run(std::move(putting));
    ASSERT_TRUE(put) << put.error().detail;
    auto running = (*bench.hub)->jobs().run_template("pipeline", "p-1", "{}", by);
    const auto made = bench.hub->run(std::move(running));
    ASSERT_TRUE(made) << made.error().detail;
    bench.pass(seconds(10), milliseconds(100));
    for (const auto* job : {"p-1-patch", "p-1-reboot", "p-1-undo"})
        EXPECT_EQ(bench.status(job), JobStatus::completed) << job;
    EXPECT_EQ(bench.counts("p-1-undo").succeeded, 1U);
    EXPECT_EQ(bench.desired(piped_device(3)), "{}");
    EXPECT_EQ(bench.desired(piped_device(4)), R"({"fw":2})");
}

}  // namespace
}  // namespace carillon
