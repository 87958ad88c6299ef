#include "carillon/device_events.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

TEST(DeviceEventJson, IsReadInAllItsParts) {
    const auto event = parse_device_event(
        R"({"partition":2,"sequenceNumber":118,"offset":"118","enqueuedTime":"2026-11-29T10:00:00.1Z",)"
        R"("deviceId":"d","moduleId":"m","source":"Telemetry","systemProperties":{"message-id":"1"},)"
        R"("properties":{"a":"b","none":null},"bodyFormat":"json","body":{"t":21}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->partition, 2U);
    EXPECT_EQ(event->sequence, 118U);
    EXPECT_EQ(event->enqueued, "2026-11-29T10:00:00.1Z");
    EXPECT_EQ(event->device_id, "d");
    EXPECT_EQ(event->module_id, "m");
    EXPECT_EQ(event->source, "Telemetry");
    EXPECT_EQ(event->system, (Texts{{"message-id", "1"}}));
    EXPECT_EQ(event->properties, (Texts{{"a", "b"}, {"none", ""}}));
    EXPECT_EQ(event->body, R"({"t":21})");
}

TEST(DeviceEventJson, ABodyComesAsItWasSent) {
    const auto body = [](std::string_view rest) {
        const auto event =
            parse_device_event(R"({"partition":0,"sequenceNumber":0,)" + std::string(rest) + "}");
        return event ? event->body : "";
    };
    EXPECT_EQ(body(R"("bodyFormat":"json","body":"x")"), "\"x\"");
    EXPECT_EQ(body(R"("bodyFormat":"text","body":"x\ny")"), "x\ny");
    EXPECT_EQ(body(R"("bodyFormat":"base64","body":"AP8=")"), std::string("\0\xFF", 2));
}

TEST(DeviceEventJson, WhatIsNoEventIsRefused) {
    for (const auto* text : {"", "[]", R"({"partition":0})", R"({"partition":-1,"sequenceNumber":0})",
                             R"({"partition":0,"sequenceNumber":0,"bodyFormat":"base64","body":"!"})"}) {
        EXPECT_FALSE(parse_device_event(text)) << text;
    }
}

}  // namespace
}  // namespace carillon
