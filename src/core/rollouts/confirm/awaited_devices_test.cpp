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

}  // namespace
}  // namespace carillon
