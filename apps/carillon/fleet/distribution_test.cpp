#include "fleet/distribution.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <vector>

namespace carillon::fleet {
namespace {

using namespace std::chrono_literals;

std::vector<Duration> drawn(std::string_view text, std::size_t count = 20'000) {
    const auto distribution = Distribution::parse(text);
    CARILLON_ASSERT(distribution.has_value());
    std::vector<Duration> all;
    for (std::size_t i = 0; i < count; ++i) {
        Chance chance(7, i, Purpose::method, 0);
        all.push_back(distribution->draw(chance));
    }
    std::sort(all.begin(), all.end());
    return all;
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

double mean(const std::vector<Duration>& all) {
    double sum = 0;
    for (Duration one : all) sum += seconds(one);
    return sum / static_cast<double>(all.size());
}

TEST(Distribution, AFixedOneIsAlwaysTheSame) {
    const auto all = drawn("250ms");
    EXPECT_EQ(all.front(), 250ms);
    EXPECT_EQ(all.back(), 250ms);
    EXPECT_TRUE(Distribution::parse("0s").value().is_zero());
}

TEST(Distribution, AUniformOneKeepsItsBoundsAndFillsThem) {
    const auto all = drawn("100ms..2s");
    EXPECT_GE(all.front(), 100ms);
    EXPECT_LE(all.back(), 2s);
    EXPECT_NEAR(mean(all), 1.05, 0.02);
    EXPECT_LT(all.front(), 110ms);
    EXPECT_GT(all.back(), 1990ms);
}

TEST(Distribution, AnExponentialOneHasItsMeanAndMedian) {
    const auto all = drawn("exp:500ms");
    EXPECT_NEAR(mean(all), 0.5, 0.02);
    EXPECT_NEAR(seconds(all[all.size() / 2]), 0.3466, 0.02);
}

TEST(Distribution, ALognormalOneHasItsMedianAndItsTail) {
    const auto all = drawn("lognormal:100ms,2s");
    EXPECT_NEAR(seconds(all[all.size() / 2]), 0.1, 0.005);
    EXPECT_NEAR(seconds(all[all.size() * 99 / 100]), 2.0, 0.25);
}

TEST(Distribution, ItsMeanIsThatOfWhatItDraws) {
    for (const char* text : {"250ms", "100ms..2s", "exp:500ms", "lognormal:100ms,1s"}) {
        const double said = seconds(Distribution::parse(text).value().mean());
        EXPECT_NEAR(mean(drawn(text)), said, said * 0.05) << text;
    }
}

TEST(Distribution, UnderstandsEveryUnit) {
    EXPECT_EQ(parse_duration("5us").value(), 5us);
    EXPECT_EQ(parse_duration("5ms").value(), 5ms);
    EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
    EXPECT_EQ(parse_duration("2m").value(), 2min);
    EXPECT_EQ(parse_duration("720h").value(), 720h);
}

TEST(Distribution, RefusesWhatIsNotADuration) {
    for (const char* text : {"",
                             "5",
                             "ms",
                             "5 ms",
                             "-5ms",
                             "5d",
                             "1.2.3s",
                             "2s..1s",
                             "1s..",
                             "exp:",
                             "exp:5",
                             "lognormal:5ms",
                             "lognormal:0s,1s",
                             "lognormal:2s,1s",
                             "normal:1s,2s",
                             "721h",
                             "1e3s",
                             "..",
                             "nans",
                             "infs"}) {
        EXPECT_FALSE(Distribution::parse(text)) << text;
    }
}

}  // namespace
}  // namespace carillon::fleet
