#include "model/tier.hpp"

#include "model/token_bucket.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double per_minute(Tier tier, unsigned units, ThrottleClass what) {
    return throttle_rate({tier, units}, what).per_s * 60;
}
double per_second(Tier tier, unsigned units, ThrottleClass what) {
    return throttle_rate({tier, units}, what).per_s;
}

TEST(Tiers, HaveTheServicesRates) {
    EXPECT_DOUBLE_EQ(per_minute(Tier::s1, 1, ThrottleClass::registry), 100);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s2, 3, ThrottleClass::registry), 300);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s3, 2, ThrottleClass::registry), 10'000);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s1, 1, ThrottleClass::queries), 20);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s3, 1, ThrottleClass::queries), 1000);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s3, 1, ThrottleClass::configurations), 20);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s3, 1, ThrottleClass::job_operations), 5000);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s1, 2, ThrottleClass::cloud_message_sends), 200);
    EXPECT_DOUBLE_EQ(per_minute(Tier::s3, 1, ThrottleClass::cloud_message_receives), 50'000);
    EXPECT_DOUBLE_EQ(per_second(Tier::s1, 1, ThrottleClass::connections), 100);
    EXPECT_DOUBLE_EQ(per_second(Tier::s1, 20, ThrottleClass::connections), 240);
    EXPECT_DOUBLE_EQ(per_second(Tier::s2, 1, ThrottleClass::telemetry), 120);
    EXPECT_DOUBLE_EQ(per_second(Tier::s1, 2, ThrottleClass::methods), 80);
    EXPECT_DOUBLE_EQ(per_second(Tier::s3, 1, ThrottleClass::methods), 6144);
    EXPECT_DOUBLE_EQ(per_second(Tier::s1, 200, ThrottleClass::twin_reads), 100);
    EXPECT_DOUBLE_EQ(per_second(Tier::s2, 20, ThrottleClass::twin_reads), 200);
    EXPECT_DOUBLE_EQ(per_second(Tier::s2, 20, ThrottleClass::twin_updates), 100);
    EXPECT_DOUBLE_EQ(per_second(Tier::s3, 2, ThrottleClass::twin_updates), 500);
}

TEST(Tiers, PaceJobsByTheDevice) {
    EXPECT_DOUBLE_EQ(per_second(Tier::s1, 5, ThrottleClass::job_devices), 10);
    EXPECT_DOUBLE_EQ(per_second(Tier::s2, 5, ThrottleClass::job_devices), 10);
    EXPECT_DOUBLE_EQ(per_second(Tier::s2, 50, ThrottleClass::job_devices), 50);
    EXPECT_DOUBLE_EQ(per_second(Tier::s3, 2, ThrottleClass::job_devices), 100);
    EXPECT_EQ(active_jobs_max(Tier::s1), 1U);
    EXPECT_EQ(active_jobs_max(Tier::s2), 5U);
    EXPECT_EQ(active_jobs_max(Tier::s3), 10U);
}

TEST(Tiers, NameEveryClassAndMeterAllButOne) {
    for (std::size_t i = 1; i < throttle_classes; ++i) {
        const auto what = static_cast<ThrottleClass>(i);
        EXPECT_NE(throttle_name(what), "None") << i;
        EXPECT_GE(throttle_rate({Tier::s1, 1}, what).burst, 1) << i;
    }
    EXPECT_EQ(throttle_rate({Tier::s1, 1}, ThrottleClass::none).per_s, 0);
}

TEST(TokenBucket, LetsABurstThroughAndMakesTheRestWait) {
    const TimePoint start = TimePoint{} + seconds(1);
    TokenBucket bucket({2, 3});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(1, start, seconds(1)), Duration::zero());
    EXPECT_EQ(bucket.take(1, start, seconds(1)), milliseconds(500));
    EXPECT_EQ(bucket.take(1, start, seconds(1)), milliseconds(1000));
    EXPECT_EQ(bucket.take(1, start, seconds(1)), std::nullopt);
    // Half a second later one has gone, and there is room for one more.
    EXPECT_EQ(bucket.take(1, start + milliseconds(500), seconds(1)), milliseconds(1000));
    EXPECT_EQ(bucket.take(1, start + milliseconds(500), seconds(1)), std::nullopt);
    // It never holds more than its burst.
    EXPECT_EQ(bucket.take_some(100, start + seconds(3600)), 3U);
}

TEST(TokenBucket, LetsWhatIsLargerThanItsBurstGoWhenItIsFull) {
    const TimePoint start = TimePoint{} + seconds(1);
    TokenBucket bucket({1, 4});
    EXPECT_EQ(bucket.take(10, start, seconds(10)), Duration::zero());
    EXPECT_EQ(bucket.take(1, start, seconds(10)), seconds(7));
    EXPECT_EQ(bucket.take(10, start, seconds(10)), std::nullopt);
}

TEST(TokenBucket, TakesBackWhatWasNotUsed) {
    const TimePoint start = TimePoint{} + seconds(1);
    TokenBucket bucket({1, 4});
    EXPECT_EQ(bucket.take_some(3, start), 3U);
    bucket.give_back(2);
    EXPECT_EQ(bucket.take_some(9, start), 3U);
    EXPECT_EQ(bucket.take_some(9, start), 0U);
    EXPECT_EQ(bucket.take_some(9, start + milliseconds(1999)), 1U);
}

}  // namespace
}  // namespace carillon
