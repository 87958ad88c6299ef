#include "answer_script.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using namespace std::chrono_literals;

AnswerScript script() {
    fleet::ScriptedAnswer usual;
    usual.status = 200;
    usual.payload_json = "{}";
    return AnswerScript(usual);
}

TEST(AnswerScript, AnswersAsUsualWhatIsNotNamed) {
    AnswerScript answers = script();
    ASSERT_TRUE(answers.add(R"({"lockDoor":{"payload":{"locked": true},"after":"2s"}})"));
    EXPECT_EQ(answers.next("blink").payload_json, "{}");
    const auto locked = answers.next("lockDoor");
    EXPECT_EQ(locked.status, 200);
    EXPECT_EQ(locked.payload_json, R"({"locked":true})");
    EXPECT_EQ(locked.latency, Duration(2s));
}

TEST(AnswerScript, TakesAnswersInTurnAndKeepsToTheLast) {
    AnswerScript answers = script();
    ASSERT_TRUE(
        answers.add(R"({"update":[{"status":500},{"silent":true},{"status":201}],"*":{"status":404}})"));
    EXPECT_EQ(answers.next("update").status, 500);
    EXPECT_EQ(answers.next("update").status, std::nullopt);
    EXPECT_EQ(answers.next("update").status, 201);
    EXPECT_EQ(answers.next("update").status, 201);
    EXPECT_EQ(answers.next("other").status, 404);
}

TEST(AnswerScript, SaysWhatIsWrongWithIt) {
    for (const char* json :
         {"", "[]", R"({"m":1})", R"({"m":[]})", R"({"m":{"status":"ok"}})", R"({"m":{"after":"soon"}})",
          R"({"m":{"colour":1}})", R"({"m":{"status":4294967296}})"}) {
        AnswerScript answers = script();
        const auto added = answers.add(json);
        ASSERT_FALSE(added) << json;
        EXPECT_EQ(added.error().code, Errc::config_invalid) << json;
    }
}

TEST(WithoutMetadata, LeavesWhatADeviceCanReport) {
    EXPECT_EQ(without_metadata(R"({"a":1.0,"$version":3,"$metadata":{},"b":null})"), R"({"a":1.0,"b":null})");
    EXPECT_EQ(without_metadata(R"({"$version":3})"), "");
    EXPECT_EQ(without_metadata("nonsense"), "");
}

}  // namespace
}  // namespace carillon
