#include "base/json_merge.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

std::string merged(std::string_view target, std::string_view changes) {
    const auto below = JsonDocument::parse(target);
    const auto above = JsonDocument::parse(changes);
    return merged_json(below->root(), above->root());
}

// RFC 7396, appendix A, but for the cases that differ by the place of a member.
TEST(MergedJson, IsThatOfTheStandard) {
    EXPECT_EQ(merged(R"({"a":"b"})", R"({"a":"c"})"), R"({"a":"c"})");
    EXPECT_EQ(merged(R"({"a":"b"})", R"({"b":"c"})"), R"({"a":"b","b":"c"})");
    EXPECT_EQ(merged(R"({"a":"b"})", R"({"a":null})"), "{}");
    EXPECT_EQ(merged(R"({"a":"b","b":"c"})", R"({"a":null})"), R"({"b":"c"})");
    EXPECT_EQ(merged(R"({"a":["b"]})", R"({"a":"c"})"), R"({"a":"c"})");
    EXPECT_EQ(merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"), R"({"a":{"b":"d"}})");
    EXPECT_EQ(merged(R"({"a":[{"b":"c"}]})", R"({"a":[1]})"), R"({"a":[1]})");
    EXPECT_EQ(merged(R"(["a"])", R"(["c"])"), R"(["c"])");
    EXPECT_EQ(merged(R"({"e":null})", R"({"a":1})"), R"({"e":null,"a":1})");
    EXPECT_EQ(merged("[1]", R"({"a":"b","c":null})"), R"({"a":"b"})");
    EXPECT_EQ(merged("{}", R"({"a":{"bb":{"ccc":null}}})"), R"({"a":{"bb":{}}})");
}

TEST(MergedJson, KeepsNumbersAsTheyWereWritten) {
    EXPECT_EQ(merged(R"({"a":1.0,"b":2})", R"({"b":3e0})"), R"({"a":1.0,"b":3e0})");
}

}  // namespace
}  // namespace carillon
