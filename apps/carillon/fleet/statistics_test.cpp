#include "fleet/statistics.hpp"

#include <gtest/gtest.h>

namespace carillon::fleet {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, OfNothingIsZero) {
    EXPECT_EQ(Histogram().percentile(50), 0us);
}

TEST(Histogram, APercentileIsAtMostAnEighthAbove) {
    Histogram histogram;
    for (int us = 1; us <= 100'000; ++us) histogram.add(std::chrono::microseconds(us));
    for (const double percent : {1.0, 25.0, 50.0, 99.0, 100.0}) {
        const double exact = percent * 1000;
        const auto said = static_cast<double>(histogram.percentile(percent).count());
        EXPECT_GE(said, exact) << percent;
        EXPECT_LE(said, exact * 1.125) << percent;
    }
    EXPECT_EQ(histogram.total(), 100'000U);
}

TEST(Histogram, EachSizeFallsIntoABucketThatHoldsIt) {
    for (std::int64_t us = 0; us < (1LL << 40); us = us * 2 + 1) {
        for (const std::int64_t near : {us, us + 1}) {
            Histogram histogram;
            histogram.add(std::chrono::microseconds(near));
            const auto said = histogram.percentile(100).count();
            EXPECT_GE(said, near);
            EXPECT_LE(said, near + near / 8);
        }
    }
}

TEST(Histogram, WhatIsBeyondAllBucketsIsInTheLast) {
    Histogram histogram;
    histogram.add(std::chrono::hours(24 * 365 * 100));
    histogram.add(-5ms);
    EXPECT_EQ(histogram.total(), 2U);
    EXPECT_EQ(histogram.percentile(50), 0us);
    EXPECT_GT(histogram.percentile(100), std::chrono::hours(24));
}

}  // namespace
}  // namespace carillon::fleet
