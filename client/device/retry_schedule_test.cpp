#include "device/retry_schedule.hpp"

#include <gtest/gtest.h>

namespace carillon::client {
namespace {

using std::chrono::milliseconds;

TEST(NextDelay, DoublesUpToItsBound) {
    const RetryPolicy policy;
    std::vector<std::int64_t> delays;
    for (std::uint32_t failures = 1; failures <= 9; ++failures) {
        delays.push_back(next_delay(policy, failures, 0)->count());
    }
    EXPECT_EQ(delays, (std::vector<std::int64_t>{0, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}));
    EXPECT_EQ(next_delay(policy, 4'000'000'000, 0), milliseconds(10'000));
}

TEST(NextDelay, ChanceTakesUpToAQuarterAway) {
    const RetryPolicy policy;
    EXPECT_EQ(next_delay(policy, 9, 2500), milliseconds(7500));
    EXPECT_EQ(next_delay(policy, 9, 2501), milliseconds(10'000));
    EXPECT_EQ(next_delay(policy, 9, UINT64_MAX), milliseconds(10'000 - UINT64_MAX % 2501));
}

TEST(NextDelay, EndsAfterItsAttempts) {
    RetryPolicy policy;
    policy.is_first_at_once = false;
    policy.attempts_max = 2;
    EXPECT_EQ(next_delay(policy, 1, 0), milliseconds(200));
    EXPECT_TRUE(next_delay(policy, 2, 0));
    EXPECT_FALSE(next_delay(policy, 3, 0));
    policy.attempts_max = 0;
    EXPECT_FALSE(next_delay(policy, 1, 0));
}

}  // namespace
}  // namespace carillon::client
