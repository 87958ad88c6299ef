#include "store/removed_ranges.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Ranges = std::map<std::string, std::string, std::less<>>;

TEST(RemovedRanges, ThoseThatTouchAreOne) {
    RemovedRanges ranges;
    ranges.add("a1", "a3");
    ranges.add("b1", "b2");
    ranges.add("a3", "a5");
    EXPECT_EQ(ranges.all(), (Ranges{{"a1", "a5"}, {"b1", "b2"}}));
    ranges.add("a0", "a2");
    EXPECT_EQ(ranges.all(), (Ranges{{"a0", "a5"}, {"b1", "b2"}}));
    ranges.add("a2", "a4");
    EXPECT_EQ(ranges.all(), (Ranges{{"a0", "a5"}, {"b1", "b2"}}));
    ranges.add("a4", "b1");
    EXPECT_EQ(ranges.all(), (Ranges{{"a0", "b2"}}));
}

TEST(RemovedRanges, TheFirstAreForgottenBeyondTheLimit) {
    RemovedRanges ranges;
    for (std::size_t i = 0; i <= RemovedRanges::count_max; ++i) {
        const auto n = std::to_string(10'000 + i);
        ranges.add(n + "a", n + "b");
    }
    EXPECT_EQ(ranges.all().size(), RemovedRanges::count_max);
    EXPECT_EQ(ranges.all().begin()->first, "10001a");
}

}  // namespace
}  // namespace carillon
