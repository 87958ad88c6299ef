// The sequential test of a wave. Cases of docs/rollout-reference.md.

#include "model/rollouts/canary.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstdio>
#include <random>
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

}  // namespace
}  // namespace carillon
