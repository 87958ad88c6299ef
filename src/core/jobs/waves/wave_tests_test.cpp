// Waves that are judged by a test, on a hub. Cases of docs/rollout-reference.md.

#include "core/jobs/job_control.hpp"
#include "core/testing/rollout_bench.hpp"

#include <random>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto tenth_second = milliseconds(100);

struct WaveTests : ::testing::Test {
    /// A first wave of 100 with a test, of devices that answer after a second, but for so many that never do.
    void order(int silent, std::string_view more = "", int status = 200) {
        bench.add(200);
        std::vector<int> places(200);
        for (int i = 0; i < 200; ++i) places[static_cast<std::size_t>(i)] = i;
        std::mt19937_64 random(7);
        std::shuffle(places.begin(), places.end(), random);
        std::vector<bool> is_silent(200);
        for (int i = 0; i < silent; ++i)
            is_silent[static_cast<std::size_t>(places[static_cast<std::size_t>(i)])] = true;
        bench.connect_all(200, [&](int i) {
            return RolloutBench::Manner{
                is_silent[static_cast<std::size_t>(i)] ? milliseconds(-1) : milliseconds(1000), status};
        });
        ASSERT_TRUE(bench.create(
            "j", rollout_body(fmt::format(
                     R"({{"seed":4,"waves":[{{"size":100,"test":{{}}{}}},{{"size":"rest"}}]}})", more))));
    }
    WaveTestState test() { return bench.progress("j").rollout->tests.at(0).second; }
    std::string why() { return bench.progress("j").rollout->pause->why; }
    RolloutBench bench;
};

TEST_F(WaveTests, G18_1QuickSuccessesDoNotVouchForTimeoutsThatAreOut) {
    order(20);  // A tenth of all.
    bench.pass(seconds(5), tenth_second);
    EXPECT_EQ(test().what, WaveTestState::open);
    EXPECT_GT(bench.counts("j").succeeded, 80U) << "of a hundred, and they do not count yet";
    EXPECT_LT(test().failed + test().succeeded, 30U);
    bench.pass(seconds(30), tenth_second);
    EXPECT_EQ(test().what, WaveTestState::bad);
    EXPECT_EQ(bench.wave_states("j"), (std::vector<WaveState>{WaveState::failed, WaveState::waiting}));
    EXPECT_EQ(why().substr(0, 14), "waves[0].test:") << why();
    EXPECT_NE(why().find("at most 2 % is tolerated; evidence "), std::string::npos) << why();
    EXPECT_NE(why().find("(100 needed)"), std::string::npos) << why();
}

TEST_F(WaveTests, AGoodCanaryOpensTheNextWave) {
    order(0);
    bench.pass(seconds(3), tenth_second);
    const auto states = bench.wave_states("j");
    EXPECT_EQ(states[0], WaveState::passed);
    bench.pass(seconds(5), tenth_second);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(test().what, WaveTestState::good);
    EXPECT_EQ(test().succeeded, 70U);
    const auto lines = bench.hub->run((*bench.hub)->jobs().history("j", 0));
    EXPECT_TRUE(std::any_of(lines->begin(), lines->end(), [](const std::string& line) {
        return line.find(R"("event":"tested","wave":0,"state":"good","failed":0,"ended":70)") != line.npos;
    }));
}

TEST_F(WaveTests, AllThatFailAreSeenAfterAFew) {
    order(0, R"(,"else":"cancel")", 500);
    bench.pass(seconds(3), tenth_second);
    EXPECT_EQ(bench.status("j"), JobStatus::cancelled);
    EXPECT_EQ(test().what, WaveTestState::bad);
    EXPECT_LT(test().failed, 5U);
    EXPECT_EQ(test().succeeded, 0U);
}

TEST_F(WaveTests, OneThatIsUndecidedAtItsEndFails) {
    // Seven of a hundred or so: neither too many for sure nor few enough.
    order(8);
    bench.pass(seconds(40), tenth_second);
    const auto state = test();
    ASSERT_EQ(state.what, WaveTestState::undecided)
        << state.failed << " of " << state.failed + state.succeeded;
    EXPECT_EQ(state.failed + state.succeeded, 100U);
    EXPECT_EQ(bench.wave_states("j")[0], WaveState::failed);
    EXPECT_NE(why().find("waves[0].test: undecided"), std::string::npos) << why();
    ASSERT_TRUE(bench.promote("j", 0));
    bench.pass(seconds(40), tenth_second);
    EXPECT_EQ(bench.status("j"), JobStatus::completed) << "somebody has taken it upon them";
}

TEST_F(WaveTests, ARestartFindsTheSameDevices) {
    order(0);
    bench.pass(milliseconds(500), tenth_second);
    ASSERT_EQ(bench.counts("j").running, 100U);
    bench.crash();
    bench.connect_all(200, [](int) { return RolloutBench::Manner{}; });
    bench.pass(seconds(3), tenth_second);
    // Nobody knows what they did, so all of them have failed.
    EXPECT_EQ(test().what, WaveTestState::bad);
    EXPECT_EQ(bench.wave_states("j")[0], WaveState::failed);
    const auto before = test();
    bench.crash();
    bench.pass(seconds(3), tenth_second);
    EXPECT_EQ(test(), before);
}

TEST_F(WaveTests, ATestOfAnOpenWaveCannotBeChanged) {
    order(20);
    bench.pass(seconds(1), tenth_second);
    const auto changed =
        bench.change("j", R"({"waves":[{"size":100,"test":{"tolerate":"3%"}},{"size":"rest"}]})");
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().detail, "rollout.waves[0]: has opened and cannot change");
}

// --- other signals than failures -----------------------------------------------------------------

struct WaveSignals : ::testing::Test {
    /// A first wave of 80 among 400 devices, all of which are there and answer after `answer`.
    void order(std::string_view test, milliseconds answer = milliseconds(500), std::string_view more = "") {
        bench.add(400);
        answers_after = answer;
        connect_all();
        ASSERT_TRUE(bench.create(
            "j", rollout_body(fmt::format(
                     R"({{"seed":4,"waves":[{{"size":80,"test":{}{}}},{{"size":"rest"}}]}})", test, more))));
        bench.pass(seconds(2) + answer, tenth_second);
        for (const auto& begin : bench.begins) in_wave.push_back(begin.device);
        ASSERT_EQ(in_wave.size(), 80U);
    }
    void connect_all() {
        bench.connect_all(400, [this](int) { return RolloutBench::Manner{answers_after, 200}; });
    }
    void come_back() {
        for (int i = 0; i < 400; ++i) {
            const auto id = fmt::format("d{:05}", i);
            if (!bench.links.contains(id)) bench.answer_as(id, {answers_after, 200});
        }
        bench.hub->settle();
    }
    std::vector<std::string> others() {
        std::vector<std::string> found;
        for (int i = 0; i < 400; ++i) {
            const auto id = fmt::format("d{:05}", i);
            if (std::find(in_wave.begin(), in_wave.end(), id) == in_wave.end()) found.push_back(id);
        }
        return found;
    }
    void lose(const std::vector<std::string>& ids, std::size_t from, std::size_t to) {
        for (auto i = from; i < to; ++i) bench.disconnect(ids[i]);
        bench.pass(milliseconds(1500), tenth_second);
    }
    void put_site(const std::string& id, const std::string& site) {
        const auto body = fmt::format(R"({{"tags":{{"site":"{}"}}}})", site);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(patch);
        ASSERT_TRUE(bench.hub->run(
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{})));
    }
    WaveTestState test() { return bench.progress("j").rollout->tests.at(0).second; }
    WaveState state() { return bench.wave_states("j")[0]; }
    std::string why() { return bench.progress("j").rollout->pause->why; }
    RolloutBench bench;
    milliseconds answers_after{};
    std::vector<std::string> in_wave;
};

constexpr std::string_view watched_minute = R"({"signals":["disconnects"],"falseAlarm":"2%","watch":"60s"})";

TEST_F(WaveSignals, G18_3AWaveThatLosesItsConnectionsIsBad) {
    order(watched_minute);
    EXPECT_EQ(test().what, WaveTestState::good) << "of the failures";
    EXPECT_EQ(test().lost.control, 100U);
    EXPECT_EQ(state(), WaveState::open) << "its devices are watched";
    lose(in_wave, 0, 5);
    EXPECT_EQ(test().lost.in_wave, 5U);
    EXPECT_EQ(state(), WaveState::open);
    lose(in_wave, 5, 14);
    EXPECT_EQ(test().what, WaveTestState::bad);
    EXPECT_EQ(state(), WaveState::failed);
    EXPECT_EQ(why().substr(0, 15), "waves[0].test: ") << why();
    EXPECT_NE(
        why().find(" devices of the wave and 0 of the control group of 100 lost their connection; evidence"),
        std::string::npos)
        << why();
}

TEST_F(WaveSignals, G18_3AnOutageOfBothIsNoFault) {
    order(watched_minute);
    const auto rest = others();
    // All that are not in the wave, so the whole control group.
    lose(rest, 0, rest.size());
    EXPECT_EQ(test().lost.in_control, 100U);
    lose(in_wave, 0, 60);
    EXPECT_EQ(test().lost.in_wave, 60U);
    EXPECT_NE(test().what, WaveTestState::bad) << test().lost.evidence();
    come_back();
    bench.pass(seconds(65), tenth_second);
    EXPECT_EQ(state(), WaveState::passed);
    EXPECT_EQ(test().what, WaveTestState::good);
    EXPECT_EQ(test().lost.in_wave, 60U) << "each device counts once";
}

TEST_F(WaveSignals, G18_3TheWavePassesWhenItsDevicesHaveBeenWatched) {
    order(watched_minute);
    bench.pass(seconds(55), tenth_second);
    EXPECT_EQ(state(), WaveState::open);
    bench.pass(seconds(6), tenth_second);
    EXPECT_EQ(state(), WaveState::passed);
    const auto lines = bench.hub->run((*bench.hub)->jobs().history("j", 0));
    EXPECT_TRUE(std::any_of(lines->begin(), lines->end(), [](const std::string& line) {
        return line.find(
                   R"("event":"tested","wave":0,"state":"good","failed":0,"ended":70,"lostInWave":0)") !=
               line.npos;
    }));
    // What is lost when the watch is over counts no more.
    lose(in_wave, 0, 40);
    EXPECT_EQ(test().lost.in_wave, 0U);
}

TEST_F(WaveSignals, G18_3AWaveWhoseTimeIsOverBeforeItWasWatchedIsUndecided) {
    bench.add(400);
    bench.connect_all(399, [](int) { return RolloutBench::Manner{milliseconds(500), 200}; });
    ASSERT_TRUE(bench.create(
        "j", rollout_body(fmt::format(
                 R"({{"seed":4,"waves":[{{"size":399,"within":"61s","test":{}}},{{"size":"rest"}}]}})",
                 watched_minute))));
    bench.pass(seconds(30), tenth_second);
    // The last one comes late, and its watch ends behind the time that the wave has.
    bench.answer_as("d00399", {milliseconds(500), 200});
    bench.pass(seconds(35), tenth_second);
    ASSERT_EQ(bench.begins.size(), 399U);
    ASSERT_EQ(bench.begins.back().device, "d00399");
    EXPECT_EQ(test().what, WaveTestState::undecided);
    EXPECT_EQ(state(), WaveState::failed);
    EXPECT_EQ(why(), "waves[0].test: undecided, its devices have not been watched for 1m yet");
}

TEST_F(WaveSignals, G18_3WithoutAControlGroupItIsOffAndTheWavePasses) {
    bench.add(120);
    bench.connect_all(120, [](int) { return RolloutBench::Manner{milliseconds(500), 200}; });
    ASSERT_TRUE(bench.create(
        "j", rollout_body(fmt::format(R"({{"seed":4,"waves":[{{"size":80,"test":{}}},{{"size":"rest"}}]}})",
                                      watched_minute))));
    bench.pass(seconds(3), tenth_second);
    for (const auto& begin : bench.begins) in_wave.push_back(begin.device);
    ASSERT_EQ(in_wave.size(), 80U);
    lose(in_wave, 0, 60);
    EXPECT_EQ(test().lost.in_wave, 60U);
    EXPECT_EQ(test().lost.control, 40U);
    EXPECT_TRUE(test().lost.is_off());
    EXPECT_NE(test().what, WaveTestState::bad);
    bench.pass(seconds(65), tenth_second);
    EXPECT_EQ(state(), WaveState::passed);
}

TEST_F(WaveSignals, G18_3ARestartGoesOnWithTheSameValueToTheBit) {
    order(watched_minute);
    lose(in_wave, 0, 5);
    const auto rest = others();
    lose(rest, 0, 60);
    const auto before = test().lost;
    EXPECT_EQ(before.in_wave, 5U);
    EXPECT_GT(before.in_control, 5U);
    for (int crash = 0; crash < 2; ++crash) {
        bench.crash();
        bench.pass(seconds(1), tenth_second);
        EXPECT_EQ(test().lost.products, before.products);
        EXPECT_EQ(test().lost.in_wave, before.in_wave);
        EXPECT_EQ(test().lost.in_control, before.in_control);
        // All of them lost their connections with the hub, and that is not their fault.
        connect_all();
        bench.pass(seconds(1), tenth_second);
        EXPECT_EQ(test().lost.control, 100U);
    }
    lose(in_wave, 0, 5);
    EXPECT_EQ(test().lost.in_wave, 5U) << "each counts once";
    lose(in_wave, 5, 7);
    EXPECT_EQ(test().lost.in_wave, 7U);
    bench.pass(seconds(65), tenth_second);
    EXPECT_EQ(state(), WaveState::passed);
    const auto decided = test();
    bench.crash();
    bench.pass(seconds(1), tenth_second);
    EXPECT_EQ(test(), decided);
}

TEST_F(WaveSignals, G18_3LostConnectionsThatTheStoreRefusesAreToldLater) {
    order(watched_minute);
    bench.store.fail_commits(1, 3);
    lose(in_wave, 0, 6);
    bench.pass(seconds(8), tenth_second);
    EXPECT_EQ(test().lost.in_wave, 6U);
    const auto before = test().lost.products;
    bench.crash();
    bench.pass(seconds(1), tenth_second);
    EXPECT_EQ(test().lost.products, before);
}

TEST_F(WaveSignals, G18_3TheSoakBeginsWhenItsDevicesHaveBeenWatched) {
    order(watched_minute, milliseconds(500), R"(,"soak":"10m")");
    bench.pass(seconds(55), tenth_second);
    EXPECT_EQ(state(), WaveState::open);
    bench.pass(seconds(10), tenth_second);
    EXPECT_EQ(state(), WaveState::soaking);
    bench.pass(seconds(590), tenth_second);
    EXPECT_EQ(state(), WaveState::soaking);
    bench.pass(seconds(10), tenth_second);
    EXPECT_EQ(state(), WaveState::passed);
}

TEST_F(WaveSignals, G18_3SlowAnswersFailTheWave) {
    order(R"({"signals":["slow"],"slowerThan":"1s","falseAlarm":"2%"})", milliseconds(3000));
    EXPECT_EQ(state(), WaveState::failed);
    EXPECT_EQ(test().what, WaveTestState::bad);
    EXPECT_EQ(test().failed, 0U);
    EXPECT_EQ(test().slow, test().answered);
    EXPECT_NE(why().find("answered later than 1s; at most 2 % is tolerated; evidence"), std::string::npos)
        << why();
    const auto before = test();
    bench.crash();
    bench.pass(seconds(1), tenth_second);
    EXPECT_EQ(test(), before);
}

TEST_F(WaveSignals, G18_3QuickAnswersPassTheWaveAndARestartKnowsThem) {
    order(R"({"signals":["slow"],"slowerThan":"1s"})", milliseconds(500), R"(,"gate":"auto","soak":"1h")");
    EXPECT_EQ(state(), WaveState::soaking);
    EXPECT_EQ(test().slow, 0U);
    EXPECT_EQ(test().answered, 80U);
    bench.crash();
    bench.pass(seconds(1), tenth_second);
    EXPECT_EQ(test().slow, 0U);
    EXPECT_EQ(test().answered, 80U);
    EXPECT_EQ(state(), WaveState::soaking);
}

TEST_F(WaveSignals, G18_3TheControlGroupHasTheGroupsOfTheWave) {
    bench.add(300, "a");
    bench.add(100, "b");
    const auto manner = [](int) { return RolloutBench::Manner{milliseconds(500), 200}; };
    bench.connect_all(300, manner, "a");
    bench.connect_all(100, manner, "b");
    for (int i = 0; i < 400; ++i) {
        const auto id = i < 300 ? fmt::format("a{:05}", i) : fmt::format("b{:05}", i - 300);
        put_site(id, id.substr(0, 1));
    }
    ASSERT_TRUE(
        bench.create("j", rollout_body(fmt::format(R"({{"seed":4,"order":{{"spread":["tags.site"]}},)"
                                                   R"("waves":[{{"size":80,"test":{}}},{{"size":"rest"}}]}})",
                                                   watched_minute))));
    bench.pass(seconds(3), tenth_second);
    ASSERT_EQ(bench.begins.size(), 80U);
    EXPECT_EQ(test().lost.control, 100U);
    for (int i = 0; i < 100; ++i) {
        const auto id = fmt::format("b{:05}", i);
        if (std::none_of(bench.begins.begin(), bench.begins.end(),
                         [&](const auto& begin) { return begin.device == id; }))
            bench.disconnect(id);
    }
    bench.pass(milliseconds(1500), tenth_second);
    // Each part rounds its share.
    EXPECT_NEAR(static_cast<double>(test().lost.in_control), 25, 2)
        << "a quarter of the fleet is at that site";
}

/// All devices may have ended before their wave was looked at, as while its log was on its way to disk.
TEST(JobControl, AWaveJudgedAtTheEndIsJudgedByATestThatTheLogTells) {
    JobDefinition definition;
    definition.type = JobType::device_method;
    const auto rollout =
        Rollout::parse(R"({"waves":[{"size":4,"test":{"refuse":"50%","falsePass":"50%"}},{"size":"rest"}]})",
                       JobType::device_method);
    ASSERT_TRUE(rollout) << rollout.error().detail;
    definition.rollout = std::make_shared<const Rollout>(*rollout);
    const WallTime now{1};
    for (const auto what : {WaveTestState::good, WaveTestState::bad, WaveTestState::open}) {
        SCOPED_TRACE(what);
        JobControl control(definition);
        control.set_targets(8);
        control.apply(WaveOpenedEvent{now, 0, 4});
        ControlCounts counts;
        counts.waves = {{4, 0, 0}, {0, 0, 4}};
        counts.test.emplace();
        counts.test->what = what;
        const auto events = control.judge_open(counts, now);
        ASSERT_EQ(events.size(), 2U);
        const auto* tested = std::get_if<TestedEvent>(&events[0]);
        const auto* judged = std::get_if<WaveJudgedEvent>(&events[1]);
        ASSERT_TRUE(tested && judged);
        EXPECT_EQ(tested->state.what, what == WaveTestState::open ? WaveTestState::undecided : what);
        EXPECT_EQ(judged->what == WaveJudgedEvent::passed, what == WaveTestState::good) << judged->why;
    }
}

}  // namespace
}  // namespace carillon
