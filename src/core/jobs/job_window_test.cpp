#include "core/jobs/job_window.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using namespace std::chrono_literals;

void rounds(MethodWindow& window, int count, Duration round_trip) {
    for (int i = 0; i < count * 2000; ++i) window.answered(round_trip, window.size());
}

TEST(MethodWindow, GrowsToItsBoundWhileAnswersComeQuickly) {
    MethodWindow window(4096);
    EXPECT_EQ(window.size(), MethodWindow::start);
    rounds(window, 20, 1ms);
    EXPECT_EQ(window.size(), 4096U);
}

TEST(MethodWindow, DoesNotGrowWhileItIsNotUsed) {
    MethodWindow window(4096);
    for (int i = 0; i < 10'000; ++i) window.answered(1ms, 3);
    EXPECT_EQ(window.size(), MethodWindow::start);
}

TEST(MethodWindow, ShrinksWhenEvenTheQuickestAnswerIsSlowAndNotBelowItsLeast) {
    MethodWindow window(4096);
    rounds(window, 20, 2ms);
    rounds(window, 2, 100ms);
    EXPECT_LT(window.size(), 4096U);
    rounds(window, 50, 100ms);
    EXPECT_EQ(window.size(), MethodWindow::least);
}

TEST(MethodWindow, SlowDevicesAmongQuickOnesDoNotShrinkIt) {
    MethodWindow window(1024);
    rounds(window, 20, 2ms);
    for (int i = 0; i < 20'000; ++i) window.answered(i % 10 == 0 ? 2ms : 5s, window.size());
    EXPECT_EQ(window.size(), 1024U);
}

TEST(MethodWindow, ShrinksWhenLinksCongestAndKeepsToASmallBound) {
    MethodWindow window(4096);
    window.congested();
    EXPECT_LT(window.size(), MethodWindow::start);
    MethodWindow small(3);
    EXPECT_EQ(small.size(), 3U);
    small.congested();
    EXPECT_EQ(small.size(), 3U);
}

TEST(MethodWindow, ShrinksToItsLeastWhenTheNetworkGoesAndGrowsAgainAfterwards) {
    MethodWindow window(4096);
    rounds(window, 20, 1ms);
    for (int i = 0; i < 200; ++i) window.lost();
    EXPECT_EQ(window.size(), MethodWindow::least);
    rounds(window, 20, 1ms);
    EXPECT_EQ(window.size(), 4096U);
}

TEST(MethodWindow, SettlesWhereQueuesAreShort) {
    // A device answers after half a millisecond, and all of them together forty times in one.
    MethodWindow window(4096);
    window.answered(500us, 1);
    for (int i = 0; i < 200'000; ++i) {
        const std::chrono::microseconds queued(window.size() * 25);
        window.answered(500us + queued, window.size());
    }
    EXPECT_LT(window.size(), 512U);
    EXPECT_GT(window.size(), 64U);
}

TEST(MethodWindow, DevicesThatGoNowAndThenDoNotShrinkIt) {
    MethodWindow window(1024);
    rounds(window, 20, 1ms);
    for (int i = 0; i < 20'000; ++i) {
        if (i % 5 == 0) window.lost();
        window.answered(1ms, window.size());
    }
    EXPECT_EQ(window.size(), 1024U);
}

}  // namespace
}  // namespace carillon
