#include "core/rollouts/confirm/awaited_devices.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace carillon {
namespace {

using std::chrono::seconds;
constexpr TimePoint start{};

TEST(AwaitedDevices, HaveTheirTimeFromWhenTheyWereReached) {
    AwaitedDevices devices(seconds(10));
    for (Ordinal i = 1; i <= 3; ++i) devices.add(i, {i, false, 2, 0, {}});
    EXPECT_FALSE(devices.next_due());
    devices.reach(2, start);
    devices.reach(2, start + seconds(5));
    devices.reach(1, start + seconds(3));
    EXPECT_EQ(devices.reached(), 2U);
    EXPECT_EQ(devices.next_due(), start + seconds(10));
    EXPECT_FALSE(devices.take_due(start + seconds(9)));
    EXPECT_EQ(devices.take_due(start + seconds(10)), 2U);
    devices.erase(2);
    devices.erase(1);
    EXPECT_FALSE(devices.next_due()) << "it has confirmed";
    EXPECT_EQ(devices.size(), 1U);
    EXPECT_EQ(devices.reached(), 0U);
}

TEST(AwaitedDevices, AreLookedAtInTurn) {
    AwaitedDevices devices(seconds(10));
    for (Ordinal i = 0; i < 10; ++i) devices.add(i, {i, false, 2, 0, {}});
    std::vector<Ordinal> looked;
    for (int i = 0; i < 5; ++i) {
        devices.look_at_next(4, [&](Ordinal ordinal, const auto&) { looked.push_back(ordinal); });
    }
    ASSERT_EQ(looked.size(), 20U);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(looked[i], i % 10);
    devices.look_at_next(10, [&](Ordinal ordinal, const auto&) {
        if (ordinal % 2 == 0) devices.erase(ordinal);
    });
    looked.clear();
    devices.look_at_next(100, [&](Ordinal ordinal, const auto&) { looked.push_back(ordinal); });
    std::sort(looked.begin(), looked.end());
    EXPECT_EQ(std::unique(looked.begin(), looked.end()) - looked.begin(), 5);
}

TEST(AwaitedDevices, ThatWereReachedAreLookedAtOftenHoweverManyOthersThereAre) {
    AwaitedDevices devices(seconds(10));
    for (Ordinal i = 0; i < 1000; ++i) devices.add(i, {i, false, 2, 0, {}});
    for (Ordinal i = 0; i < 1000; i += 100) devices.reach(i, start);
    std::vector<int> looks(1000);
    for (int i = 0; i < 50; ++i) {
        int looked = 0;
        devices.look_at_next(20, [&](Ordinal ordinal, const auto&) {
            ++looks[ordinal];
            ++looked;
        });
        EXPECT_LE(looked, 25);
    }
    for (std::size_t i = 0; i < 1000; ++i) {
        if (i % 100 == 0) {
            EXPECT_EQ(looks[i], 50) << i;
        } else {
            EXPECT_LE(looks[i], 1) << i;
        }
    }
    // Of many that were reached some others are looked at too.
    for (Ordinal i = 0; i < 500; ++i) devices.reach(i, start);
    int others = 0;
    for (int i = 0; i < 10; ++i) {
        devices.look_at_next(20, [&](Ordinal ordinal, const auto&) { others += ordinal >= 500 ? 1 : 0; });
    }
    EXPECT_GE(others, 20);
}

}  // namespace
}  // namespace carillon
