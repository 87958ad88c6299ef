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
