#include "json_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

std::string pretty(std::string_view text) {
    auto document = JsonDocument::parse(text);
    return document ? pretty_json(document->root()) : "?";
}

TEST(PrettyJson, IndentsByTwoSpaces) {
    EXPECT_EQ(pretty(R"({"a":[1,{"b":null}],"c":"x"})"),
              "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": \"x\"\n}");
}

TEST(PrettyJson, KeepsNumbersAsTheyWereWritten) {
    EXPECT_EQ(pretty("[1.0]"), "[\n  1.0\n]");
}

TEST(PrettyJson, LeavesEmptyOnesOnOneLine) {
    EXPECT_EQ(pretty(R"({"a":{},"b":[]})"), "{\n  \"a\": {},\n  \"b\": []\n}");
}

TEST(CompactJson, IsOneLineWhateverTheSource) {
    auto document = JsonDocument::parse("{ \"a\" : [ 1 ,\n 2 ] }");
    ASSERT_TRUE(document);
    EXPECT_EQ(compact_json(document->root()), R"({"a":[1,2]})");
}

TEST(FindPath, WalksMembers) {
    auto document = JsonDocument::parse(R"({"a":{"b":{"c":7}}})");
    ASSERT_TRUE(document);
    EXPECT_EQ(find_path(document->root(), "a.b.c").raw(), "7");
    EXPECT_FALSE(find_path(document->root(), "a.x.c").exists());
}

TEST(ReadJsonArgument, NamesTheFlagThatIsWrong) {
    auto text = read_json_argument("--patch", "{tags");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Errc::config_invalid);
    EXPECT_NE(text.error().detail.find("--patch"), std::string::npos);
}

TEST(ReadJsonArgument, AFileThatIsNotThereIsAMistakeOfUse) {
    EXPECT_EQ(read_json_argument("--patch", "@no-such-file").error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace carillon
