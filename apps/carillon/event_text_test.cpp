#include "event_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr std::string_view event =
    R"({"partition":3,"sequenceNumber":7,"offset":"7","enqueuedTime":"2026-11-24T10:00:00.5Z","deviceId":"d",)"
    R"("moduleId":"m","source":"Telemetry","authMethod":{"scope": "device"},"generationId":"42",)"
    R"("systemProperties":{"message-id":"1"},"properties":{"alert":"true","none":null},)"
    R"("bodyFormat":"json","body":{"t": 21}})";

std::string text_of(std::string_view json, std::string_view parts = {}) {
    const auto document = JsonDocument::parse(json);
    return event_text(document->root(), parts.empty() ? std::set<EventPart>() : *parse_event_parts(parts));
}

TEST(EventText, IsALineOfTimeSenderAndBody) {
    EXPECT_EQ(text_of(event), "2026-11-24T10:00:00.5Z  d/m  {\"t\":21}\n");
}

TEST(EventText, ShowsThePartsThatAreWanted) {
    EXPECT_EQ(text_of(event, "app"),
              "2026-11-24T10:00:00.5Z  d/m  {\"t\":21}\n    property alert: true\n    property none: null\n");
    const std::string all = text_of(event, "all");
    EXPECT_NE(all.find("    annotation sequenceNumber: 7\n"), std::string::npos) << all;
    EXPECT_NE(all.find("    system message-id: 1\n"), std::string::npos) << all;
    EXPECT_EQ(text_of(event, "sys, app"), text_of(event, "app,sys"));
    EXPECT_EQ(parse_event_parts("some").error().code, Errc::config_invalid);
}

TEST(EventText, KeepsControlCharactersOfDevicesOffTheTerminal) {
    EXPECT_EQ(
        text_of(R"({"enqueuedTime":"t","deviceId":"d","bodyFormat":"text","body":"a\u001b[2J\n\"\\b"})"),
        "t  d  a\\u001b[2J\\n\"\\b\n");
    EXPECT_EQ(text_of(R"({"enqueuedTime":"t","deviceId":"d","bodyFormat":"base64","body":"/w=="})"),
              "t  d  /w==  (base64)\n");
}

TEST(EventStartArgument, TakesTimesAndHowLongAgo) {
    const WallTime now = WallTime::from_unix_s(1'795'514'400);  // 2026-11-24T10:00:00Z
    EXPECT_EQ(*event_start_argument("earliest", now), "earliest");
    EXPECT_EQ(*event_start_argument("2026-11-24", now), "2026-11-24");
    EXPECT_EQ(*event_start_argument("10m", now), "2026-11-24T09:50:00Z");
    EXPECT_EQ(*event_start_argument("2d", now), "2026-11-22T10:00:00Z");
    for (const char* bad : {"", "m", "-1m", "10", "10y", "1.5h", "99999999999d", "100000000d"}) {
        EXPECT_FALSE(event_start_argument(bad, now)) << bad;
    }
}

}  // namespace
}  // namespace carillon
