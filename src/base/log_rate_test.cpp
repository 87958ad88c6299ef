#include "base/log_rate.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(LogRate, LetsThroughOneInAnIntervalWithTheNumberOfThem) {
    using std::chrono::seconds;
    constexpr TimePoint start{seconds(1000)};
    LogRate rate(seconds(10));
    EXPECT_EQ(rate.count(start), 1U);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(rate.count(start + seconds(9)), std::nullopt);
    EXPECT_EQ(rate.count(start + seconds(10)), 6U);
    EXPECT_EQ(rate.count(start + seconds(11)), std::nullopt);
    EXPECT_EQ(rate.count(start + seconds(100)), 2U);
}

}  // namespace
}  // namespace carillon
