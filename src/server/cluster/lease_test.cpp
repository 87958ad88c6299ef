#include "server/cluster/lease.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace carillon {
namespace {

using namespace std::chrono_literals;

const Incarnation n1{"n1", 1};

TEST(Lease, IsClosedBeforeTheFirstBeatAndEndsBeforeOthersThinkSo) {
    Lease lease(5s);
    EXPECT_FALSE(lease.is_open_at(1s));
    lease.confirm(100s);
    EXPECT_TRUE(lease.is_open_at(104'499ms));
    EXPECT_FALSE(lease.is_open_at(104'500ms));
    lease.confirm(104s);
    EXPECT_TRUE(lease.is_open_at(108s));
}

TEST(LeasedClock, StandsStillWhileTheLeaseIsOverAndKeepsAskersWaiting) {
    Lease lease(700ms);  // Of which 200 ms may be used.
    lease.confirm(boot_time());
    const LeasedClock clock(lease);
    const SystemClock real;
    const TimePoint before = clock.now();
    const TimePoint really_before = real.now();
    while (lease.is_open()) std::this_thread::sleep_for(1ms);
    std::atomic<int> answered = 0;
    std::vector<std::thread> askers;
    TimePoint seen;
    for (int i = 0; i < 2; ++i) {
        askers.emplace_back([&, i] {
            const TimePoint now = clock.now();
            if (i == 0) seen = now;
            ++answered;
        });
    }
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(answered, 0);
    lease.confirm(boot_time());
    for (auto& asker : askers) asker.join();
    const auto real_time = real.now() - really_before;
    EXPECT_GE(real_time, 500ms);
    EXPECT_LE(seen - before, real_time - 290ms) << "the pause counts as time";
    EXPECT_GE(clock.now(), seen);
}

TEST(LeasedClock, GoesOnWithoutALeaseOnceNobodyActsByIt) {
    Lease lease(700ms);  // Never confirmed.
    LeasedClock clock(lease);
    std::atomic<bool> is_answered = false;
    std::thread asker([&] {
        clock.now();
        is_answered = true;
    });
    std::this_thread::sleep_for(50ms);
    EXPECT_FALSE(is_answered);
    clock.release();
    asker.join();
    EXPECT_TRUE(is_answered);
}

TEST(BeatWatch, ABeatThatStandsStillForALeaseMayBeKilled) {
    BeatWatch watch(5s);
    EXPECT_FALSE(watch.may_kill(100s));
    for (auto now = 100'000ms; now < 105s; now += 250ms) {
        watch.saw(n1, 7, now);
        EXPECT_FALSE(watch.may_kill(now));
    }
    watch.saw(n1, 7, 105s);
    EXPECT_TRUE(watch.may_kill(105s));
    watch.saw(n1, 8, 105'250ms);
    EXPECT_FALSE(watch.may_kill(105'250ms));
}

TEST(BeatWatch, AnotherOwnerIsWatchedFromTheBeginning) {
    BeatWatch watch(5s);
    for (auto now = 100'000ms; now <= 105s; now += 1s) watch.saw(n1, 7, now);
    EXPECT_TRUE(watch.may_kill(105s));
    watch.saw({"n1", 2}, 7, 105s);
    EXPECT_FALSE(watch.may_kill(106s));
}

TEST(BeatWatch, AfterALookThatFailedItTakesThreeLeases) {
    BeatWatch watch(5s);
    for (auto now = 100'000ms; now <= 104s; now += 1s) watch.saw(n1, 7, now);
    watch.missed();
    EXPECT_FALSE(watch.may_kill(200s)) << "nothing has been seen since";
    for (auto now = 200'000ms; now < 215s; now += 1s) {
        watch.saw(n1, 7, now);
        EXPECT_FALSE(watch.may_kill(now));
    }
    watch.saw(n1, 7, 215s);
    EXPECT_TRUE(watch.may_kill(215s));
}

TEST(BeatWatch, WhoHasComeBackAfterAGapHasALeaseAsUsual) {
    BeatWatch watch(5s);
    watch.saw(n1, 7, 100s);
    watch.missed();
    watch.saw(n1, 7, 110s);
    watch.saw(n1, 8, 111s);
    for (auto now = 112'000ms; now < 116s; now += 1s) watch.saw(n1, 8, now);
    EXPECT_FALSE(watch.may_kill(115s));
    EXPECT_TRUE(watch.may_kill(116s));
}

TEST(BeatWatch, ALongTimeWithoutALookIsAGap) {
    BeatWatch watch(5s);
    watch.saw(n1, 7, 100s);
    watch.saw(n1, 7, 110s);
    EXPECT_FALSE(watch.may_kill(110s));
    for (auto now = 111'000ms; now <= 125s; now += 1s) watch.saw(n1, 7, now);
    EXPECT_TRUE(watch.may_kill(125s));
}

}  // namespace
}  // namespace carillon
