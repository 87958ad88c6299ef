#include "fleet/follow.hpp"

#include <gtest/gtest.h>

namespace carillon::fleet {
namespace {

std::string followed(std::string_view desired, Following how, bool acknowledges = false) {
    const auto document = JsonDocument::parse(desired).value();
    return following_json(document.root(), 7, how, acknowledges);
}

TEST(Following, ReportsEachValueAtTheSamePath) {
    EXPECT_EQ(followed(R"({"fw":"2.0","net":{"retries":3,"old":null},"list":[1,{"a":2}],"$version":7})",
                       Following::rightly),
              R"({"fw":"2.0","net":{"retries":3,"old":null},"list":[1,{"a":2}]})");
}

TEST(Following, WronglyReportsOtherValues) {
    EXPECT_EQ(followed(R"({"fw":"2.0","net":{"retries":3,"old":null}})", Following::wrongly),
              R"({"fw":"wrong","net":{"retries":"wrong","old":"wrong"}})");
}

TEST(Following, AcknowledgesAsPlugAndPlayDoes) {
    EXPECT_EQ(followed(R"({"fw":"2.0","old":null})", Following::rightly, true),
              R"({"fw":{"value":"2.0","ac":200,"av":7,"ad":""},"old":null})");
    EXPECT_EQ(followed(R"({"fw":"2.0"})", Following::wrongly, true),
              R"({"fw":{"value":"2.0","ac":500,"av":7,"ad":"simulated fault"}})");
}

TEST(Following, ReportsNothingWhereNothingIsAskedOrItNeverDoes) {
    EXPECT_EQ(followed(R"({"fw":"2.0"})", Following::never), "");
    EXPECT_EQ(followed(R"({"$version":7})", Following::rightly), "");
    EXPECT_EQ(followed("[]", Following::rightly), "");
}

}  // namespace
}  // namespace carillon::fleet
