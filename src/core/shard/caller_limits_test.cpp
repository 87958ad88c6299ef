#include "core/shard/caller_limits.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct CallerLimitsTest : ::testing::Test {
    TimePoint now{seconds(100)};

    int accepted(CallerLimits& limits, Ordinal device, int messages, std::size_t bytes = 10) const {
        int count = 0;
        for (int i = 0; i < messages; ++i) count += limits.take_message(0, device, bytes, now) ? 1 : 0;
        return count;
    }
};

TEST_F(CallerLimitsTest, ADeviceMaySendWhatASecondBringsAtOnceAndNoMore) {
    CallerLimits limits({.device_messages_per_s = 5});
    EXPECT_EQ(accepted(limits, 1, 20), 5);
    EXPECT_EQ(accepted(limits, 2, 20), 5) << "another device is not concerned";
    now += milliseconds(400);
    EXPECT_EQ(accepted(limits, 1, 20), 2);
    now += seconds(60);
    EXPECT_EQ(accepted(limits, 1, 20), 5);
    EXPECT_EQ(limits.take_message(0, 1, 10, now).error().code, Errc::throttling_exception);
}

TEST_F(CallerLimitsTest, BytesOfADeviceAreLimitedToo) {
    CallerLimits limits({.device_bytes_per_s = 1000});
    EXPECT_EQ(accepted(limits, 1, 20, 300), 3);
    now += seconds(1);
    EXPECT_TRUE(limits.take_message(0, 1, 5000, now)) << "a large message goes once nothing is owed";
    now += seconds(4);
    EXPECT_FALSE(limits.take_message(0, 1, 10, now)) << "and is paid for";
    now += seconds(2);
    EXPECT_TRUE(limits.take_message(0, 1, 10, now));
}

TEST_F(CallerLimitsTest, NothingIsLimitedUnlessItIsAskedFor) {
    CallerLimits limits({});
    EXPECT_EQ(accepted(limits, 1, 5000, 100'000), 5000);
    EXPECT_FALSE(limits.limits_policies());
}

TEST_F(CallerLimitsTest, ThousandsOfDevicesAreForgottenWhenTheyAreQuietAndNotBefore) {
    CallerLimits limits({.device_messages_per_s = 1});
    for (Ordinal device = 0; device < 5000; ++device) ASSERT_EQ(accepted(limits, device, 2), 1);
    EXPECT_EQ(accepted(limits, 7, 1), 0);
    now += seconds(5);
    for (Ordinal device = 0; device < 5000; ++device) ASSERT_EQ(accepted(limits, device, 2), 1);
}

TEST_F(CallerLimitsTest, APolicysCallsWaitAndAreRefusedBeyondTenSeconds) {
    CallerLimits limits({.policy_calls_per_s = 10});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(*limits.take_call("service", now), Duration::zero());
    EXPECT_EQ(*limits.take_call("service", now), milliseconds(100));
    int waiting = 1;
    while (limits.take_call("service", now)) ++waiting;
    EXPECT_EQ(waiting, 100);
    EXPECT_EQ(limits.take_call("service", now).error().code, Errc::throttling_exception);
    EXPECT_EQ(*limits.take_call("iothubowner", now), Duration::zero());
}

}  // namespace
}  // namespace carillon
