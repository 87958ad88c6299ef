// The sequential test of a wave. Cases of docs/rollout-reference.md.

#include "model/rollouts/canary.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
namespace {

/// After these devices, `x` for one that failed.
WaveTestState after_devices(std::string_view devices) {
    WaveTestState state;
    for (const char c : devices) state.add(WaveTest(), c != 'x');
    return state;
}

TEST(WaveTest, G18_1EvidenceIsWhatTheRuleSays) {
    const WaveTest test;
    EXPECT_NEAR(test.bad_evidence(3, 6), 114, 0.5);
    EXPECT_NEAR(test.bad_evidence(3, 7), 94, 0.5);
    EXPECT_NEAR(test.bad_evidence(6, 47), 104, 0.5);
    EXPECT_NEAR(test.good_evidence(0, 70), 20.7, 0.05);
    EXPECT_LT(test.good_evidence(0, 69), 20);
    EXPECT_EQ(test.size_min(), 70U);
    EXPECT_EQ(test.bad_needed(), 100);
    EXPECT_EQ(test.good_needed(), 20);
    EXPECT_DOUBLE_EQ(test.good_evidence(1, 0), (0.1 + 0.25 + 0.5) / 4);
    WaveTest wide;
    wide.tolerate = {4'500};
    wide.refuse = {5'000};
    EXPECT_GT(wide.bad_evidence(20, 1), wide.bad_needed()) << "alternatives are rates below one";
}

TEST(WaveTest, G18_1DecidesAtTheFirstMomentAndStaysSo) {
    EXPECT_EQ(after_devices("oxxoooxoo").what, WaveTestState::bad);
    EXPECT_EQ(after_devices("oxxoooxo").what, WaveTestState::bad) << "three of eight";
    EXPECT_EQ(after_devices("ooxooooxoo").what, WaveTestState::open);
    EXPECT_EQ(after_devices("oooooooxxx").what, WaveTestState::open) << "three of ten";
    EXPECT_EQ(after_devices("ooooooxxxooooooooooooooooo").what, WaveTestState::bad)
        << "three of the first nine, whatever comes then";
    EXPECT_EQ(after_devices(std::string(69, 'o')).what, WaveTestState::open);
    EXPECT_EQ(after_devices(std::string(70, 'o')).what, WaveTestState::good);
    const auto decided = after_devices(std::string(70, 'o') + std::string(50, 'x'));
    EXPECT_EQ(decided.what, WaveTestState::good);
    EXPECT_EQ(decided.failed, 0U);
}

struct CanaryRates {
    int good = 0;
    int bad = 0;
    std::vector<int> devices;  ///< Until it was decided.
};

CanaryRates try_canaries(double rate, int seeds) {
    CanaryRates rates;
    for (int seed = 0; seed < seeds; ++seed) {
        std::mt19937_64 random(static_cast<std::uint64_t>(seed) * 7919 +
                               static_cast<std::uint64_t>(rate * 1e6));
        std::bernoulli_distribution fails(rate);
        WaveTestState state;
        int devices = 0;
        while (devices < 1000 && state.what == WaveTestState::open) {
            state.add(WaveTest(), !fails(random));
            ++devices;
        }
        rates.good += state.what == WaveTestState::good ? 1 : 0;
        rates.bad += state.what == WaveTestState::bad ? 1 : 0;
        rates.devices.push_back(devices);
    }
    std::sort(rates.devices.begin(), rates.devices.end());
    return rates;
}

TEST(WaveTest, G18_2FalseAlarmsAndFalsePassesAreAsRareAsPromised) {
    constexpr int seeds = 10'000;
    for (const double rate : {0.0, 0.02, 0.05, 0.1}) {
        const auto found = try_canaries(rate, seeds);
        const auto median = found.devices[found.devices.size() / 2];
        std::printf("%5.1f %% fail, 1,000 devices, %d seeds: bad %.2f %%, good %.2f %%, median %d devices\n",
                    100 * rate, seeds, 100.0 * found.bad / seeds, 100.0 * found.good / seeds, median);
        if (rate == 0) {
            EXPECT_EQ(found.good, seeds);
            EXPECT_EQ(median, 70);
        }
        if (rate == 0.02) {
            EXPECT_LE(found.bad, seeds / 100) << "false alarms";
        }
        if (rate == 0.05) {
            EXPECT_LE(found.good, seeds / 20) << "false passes";
        }
        if (rate == 0.1) {
            EXPECT_GE(found.bad, seeds * 99 / 100);
            EXPECT_NEAR(median, 59, 3);
        }
    }
}

// --- other signals than failures -----------------------------------------------------------------

WaveTest with_disconnects(std::uint32_t false_alarm) {
    WaveTest test;
    test.false_alarm = {false_alarm};
    test.has_disconnects = true;
    return test;
}

/// Of a wave and a control group of a thousand each; `C` is one of the wave, `K` one of the group.
WaveTestState after_lost(const WaveTest& test, std::string_view lost) {
    WaveTestState state;
    state.lost.control = 1000;
    std::uint64_t in_wave = 1000;
    std::uint64_t in_control = 1000;
    for (const char c : lost) {
        state.add_lost(test, c == 'C', in_wave, in_control);
        --(c == 'C' ? in_wave : in_control);
    }
    return state;
}

TEST(WaveTest, G18_3SignalsShareTheFalseAlarm) {
    WaveTest test;
    EXPECT_EQ(test.bad_needed(), 100);
    test.false_alarm = {200};
    test.has_disconnects = true;
    EXPECT_EQ(test.signals(), 2U);
    EXPECT_EQ(test.bad_needed(), 100);
    test.slower_than = RolloutDuration{2000};
    EXPECT_EQ(test.bad_needed(), 150);
    EXPECT_EQ(test.good_needed(), 20) << "only failures have to be good";
}

TEST(WaveTest, G18_3DisconnectsOfAWaveAndItsControlGroup) {
    const auto test = with_disconnects(200);
    const auto ten = after_lost(test, "CCCCCCCCCC");
    EXPECT_EQ(ten.what, WaveTestState::bad);
    EXPECT_NEAR(ten.lost.evidence(), 130, 0.5);
    EXPECT_EQ(disconnects_sentence(test, ten),
              "10 devices of the wave and 0 of the control group of 1000 lost their connection; evidence 130 "
              "(100 needed); devices are taken to lose it independently of each other");
    const auto nine = after_lost(test, "CCCCCCCCC");
    EXPECT_EQ(nine.what, WaveTestState::open);
    EXPECT_NEAR(nine.lost.evidence(), 76, 0.5);
    const auto mixed = after_lost(test, "CCCCKCCCCKCCCCKCCCCKCCC");
    EXPECT_EQ(mixed.what, WaveTestState::bad);
    EXPECT_EQ(mixed.lost.in_wave, 19U);
    EXPECT_EQ(mixed.lost.in_control, 4U);
    EXPECT_NEAR(mixed.lost.evidence(), 104, 0.5);
    EXPECT_EQ(after_lost(test, "CCCCKCCCCKCCCCKCCCCKCC").what, WaveTestState::open);
    const auto even = after_lost(test, "CCCCKCCKCCKCK");
    EXPECT_EQ(even.what, WaveTestState::open);
    EXPECT_NEAR(even.lost.evidence(), 1.7, 0.3);
    EXPECT_EQ(after_lost(test, "KKKKKKKKKKKKKKKKKKKKKKKKK").what, WaveTestState::open)
        << "it is of the wave alone that one wants to know";
}

TEST(WaveTest, G18_3TheSameEventsGiveTheSameValueToTheBit) {
    const auto test = with_disconnects(1);
    std::string lost;
    std::mt19937_64 random(11);
    for (int i = 0; i < 900; ++i) lost += (random() & 1) != 0 ? 'C' : 'K';
    const auto once = after_lost(test, lost);
    EXPECT_EQ(once.lost, after_lost(test, lost).lost);
    std::swap(lost.front(), *std::find(lost.begin(), lost.end(), lost.front() == 'C' ? 'K' : 'C'));
    EXPECT_NE(once.lost, after_lost(test, lost).lost);
}

TEST(WaveTest, G18_3WithoutEnoughInTheControlGroupItIsOffAndSaysSo) {
    const auto test = with_disconnects(200);
    WaveTestState state;
    state.lost.control = 49;
    for (std::uint64_t i = 0; i < 40; ++i) state.add_lost(test, true, 100 - i, 49);
    EXPECT_GT(state.lost.evidence(), 100);
    EXPECT_EQ(state.what, WaveTestState::open);
    EXPECT_EQ(disconnects_sentence(test, state).substr(0, 46),
              "off: 49 devices of the control group have been");
    state.lost.control = 50;
    state.judge(test);
    EXPECT_EQ(state.what, WaveTestState::bad) << "as soon as there is enough to compare with";
}

TEST(WaveTest, G18_3SlowAnswersAreJudgedAsFailuresAre) {
    WaveTest test;
    test.false_alarm = {200};
    test.slower_than = RolloutDuration{2000};
    WaveTestState state;
    for (int i = 0; i < 47; ++i) state.add(test, true, false);
    for (int i = 0; i < 5; ++i) state.add(test, true, true);
    EXPECT_EQ(state.what, WaveTestState::open);
    // One that did not answer says nothing of how quick it is.
    state.add(test, true, std::nullopt);
    EXPECT_EQ(state.answered, 52U);
    state.add(test, true, true);
    EXPECT_EQ(state.what, WaveTestState::bad);
    EXPECT_EQ(slow_sentence(test, state),
              "6 of 53 answered later than 2s; at most 2 % is tolerated; evidence 104 (100 needed)");
    // One that was good for its failures may still be slow.
    WaveTestState good;
    for (int i = 0; i < 70; ++i) good.add(test, true, false);
    EXPECT_EQ(good.what, WaveTestState::good);
    for (int i = 0; i < 40 && good.what == WaveTestState::good; ++i) good.add(test, true, true);
    EXPECT_EQ(good.what, WaveTestState::bad);
    EXPECT_EQ(good.succeeded, 70U) << "what decided the failures stays";
}

TEST(WaveTest, G18_3EqualRatesAreTakenForBadAsRarelyAsPromised) {
    constexpr int seeds = 10'000;
    const auto test = with_disconnects(200);
    int bad = 0;
    for (int seed = 0; seed < seeds; ++seed) {
        std::mt19937_64 random(static_cast<std::uint64_t>(seed) * 104'729 + 3);
        WaveTestState state;
        std::uint64_t in_wave = state.lost.control = 1000;
        std::uint64_t in_control = 1000;
        // Who is next is as likely of the one as of the other, by how many are left.
        for (int i = 0; i < 1000 && state.what == WaveTestState::open; ++i) {
            const bool is_of_wave = random() % (in_wave + in_control) < in_wave;
            state.add_lost(test, is_of_wave, in_wave, in_control);
            --(is_of_wave ? in_wave : in_control);
        }
        bad += state.what == WaveTestState::bad ? 1 : 0;
    }
    std::printf("disconnects at equal rates, 1,000 and 1,000 devices, %d seeds: bad %.2f %%\n", seeds,
                100.0 * bad / seeds);
    EXPECT_GT(bad, 0) << "nothing was tried";
    EXPECT_LE(bad, seeds / 100);
}

}  // namespace
}  // namespace carillon
