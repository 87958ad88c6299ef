#include "mcp/mcp_session.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Kind = McpParameter::Kind;

McpSession make_session() {
    std::vector<McpTool> tools;
    tools.push_back(
        {"echo",
         "Echo",
         "Gives its text back.",
         McpTool::Effect::reads,
         {{"text", Kind::text, true, "What to say"}, {"times", Kind::count, false, "How often"}},
         [](JsonValue a) -> Result<std::string> { return std::string(a.find("text").string()); }});
    tools.push_back(
        {"break", "Break", "Fails.", McpTool::Effect::destroys, {}, [](JsonValue) -> Result<std::string> {
             return fail(Errc::device_not_found, "there is no such device");
         }});
    tools.push_back({"flood",
                     "Flood",
                     "Gives too much.",
                     McpTool::Effect::reads,
                     {},
                     [](JsonValue) -> Result<std::string> {
                         return std::string(McpSession::result_bytes_max + 1, 'x');
                     }});
    return {std::move(tools), "for tests"};
}

class McpSessionTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto answer = session.receive(
            R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}})");
        ASSERT_TRUE(answer);
    }
    std::string call(std::string_view tool, std::string_view arguments) {
        return session
            .receive(R"({"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":")" +
                     std::string(tool) + R"(","arguments":)" + std::string(arguments) + "}}")
            .value_or("");
    }
    McpSession session = make_session();
};

bool answer_holds(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

TEST(McpSession, AnswersAKnownVersionWithItAndAnotherWithItsNewest) {
    const auto version_for = [](const std::string& wanted) {
        auto session = make_session();
        const auto answer =
            session.receive(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":")" +
                            wanted + R"("}})");
        const auto document = JsonDocument::parse(*answer);
        return std::string(document->root().find("result").find("protocolVersion").string());
    };
    EXPECT_EQ(version_for("2024-11-05"), "2024-11-05");
    EXPECT_EQ(version_for("2031-01-01"), "2025-06-18");
}

TEST(McpSession, CallsNoToolBeforeTheSessionHasBegun) {
    auto session = make_session();
    const auto answer = session.receive(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
    EXPECT_TRUE(answer_holds(answer.value_or(""), "-32600")) << answer.value_or("");
    EXPECT_TRUE(
        answer_holds(session.receive(R"({"jsonrpc":"2.0","id":2,"method":"ping"})").value_or(""), "result"));
}

TEST_F(McpSessionTest, GivesTheResultOfATool) {
    const std::string answer = call("echo", R"({"text":"hello"})");
    EXPECT_TRUE(answer_holds(answer, R"("id":"c")")) << answer;
    EXPECT_TRUE(answer_holds(answer, R"({"type":"text","text":"hello"})")) << answer;
    EXPECT_TRUE(answer_holds(answer, R"("isError":false)")) << answer;
}

TEST_F(McpSessionTest, ShowsTheModelWhatIsWrongWithItsArguments) {
    for (const char* arguments :
         {"{}", R"({"text":5})", R"({"text":"a","other":1})", R"({"text":"a","times":0})",
          R"({"text":"a","times":1.5})", "[]", R"({"text":null})"}) {
        EXPECT_TRUE(answer_holds(call("echo", arguments), R"("isError":true)")) << arguments;
    }
    EXPECT_TRUE(answer_holds(call("echo", R"({"text":"a","times":null})"), R"("isError":false)"));
}

TEST_F(McpSessionTest, ShowsTheModelWhyAToolFailed) {
    const std::string answer = call("break", "{}");
    EXPECT_TRUE(answer_holds(answer, "there is no such device")) << answer;
    EXPECT_TRUE(answer_holds(answer, R"("isError":true)")) << answer;
    EXPECT_TRUE(answer_holds(call("flood", "{}"), R"("isError":true)"));
}

TEST_F(McpSessionTest, RefusesWhatIsNotARequest) {
    const auto code = [this](std::string_view message) {
        const auto answer = session.receive(message);
        if (!answer) return std::int64_t{0};
        const auto document = JsonDocument::parse(*answer);
        return document->root().find("error").find("code").integer().value_or(1);
    };
    EXPECT_EQ(code("{"), -32700);
    EXPECT_EQ(code("[]"), -32600);
    EXPECT_EQ(code(R"({"id":1,"method":"ping"})"), -32600);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":{},"method":"ping"})"), -32600);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1})"), -32600);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})"), -32602);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})"), -32601);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no"}})"), -32602);
}

TEST_F(McpSessionTest, AnswersNoNotificationAndNoAnswer) {
    EXPECT_FALSE(session.receive(R"({"jsonrpc":"2.0","method":"notifications/initialized"})"));
    EXPECT_FALSE(session.receive(R"({"jsonrpc":"2.0","id":7,"result":{}})"));
}

}  // namespace
}  // namespace carillon
