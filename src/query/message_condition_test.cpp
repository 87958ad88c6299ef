#include "query/message_condition.hpp"

#include "base/text.hpp"
#include "query/test_fleet.hpp"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

namespace carillon::query {
namespace {

constexpr std::string_view weather =
    R"({"Weather":{"Temperature":50,"IsEnabled":true,"Location":{"State":"WA"},)"
    R"("HistoricalData":[{"Month":"Feb"},{"Month":"Jan"}]},"list":[1,[2,3]]})";

Message message(std::string_view body = weather) {
    Message made;
    made.device_id = "pump-1";
    made.enqueued = *parse_iso8601("2026-11-29T10:00:00.5Z");
    made.system = {{"content-type", "application/json"},
                   {"content-encoding", "utf-8"},
                   {"message-id", "m-1"},
                   {"dt-subject", "thermostat1"}};
    made.properties = {
        {"processingPath", "hot"}, {"level", "7"}, {"a.b", "dotted"}, {"none", std::nullopt}, {"$own", "x"}};
    made.body = body;
    return made;
}

TestRow twin() {
    return make_row("pump-1", "",
                    R"({"tags":{"building":{"floor":1}},"desired":[{"sendFrequency":"5m"}],)"
                    R"("reported":[{"batteryLevel":55}],"connected":true})");
}

bool keeps_message(std::string_view text, const Message& of, const Document* sender = nullptr) {
    const auto condition = MessageCondition::parse(text);
    EXPECT_TRUE(condition) << text << ": " << condition.error().detail;
    Meter meter;
    return condition && condition->keeps(of, sender, meter);
}

bool keeps_message(std::string_view text) {
    const TestRow sender = twin();
    return keeps_message(text, message(), &sender.document);
}

// The examples of IoT Hub docs, "IoT Hub message routing query syntax".
TEST(MessageCondition, HoldsAsTheDocumentationSays) {
    for (const std::string_view text : {
             "*",
             "true",
             "$contentEncoding = 'utf-8'",
             "processingPath = 'hot'",
             "$contentEncoding = 'utf-8' AND processingPath = 'hot'",
             "$body.Weather.HistoricalData[0].Month = 'Feb'",
             "$body.Weather.Temperature = 50 AND $body.Weather.IsEnabled",
             "length($body.Weather.Location.State) = 2",
             "$body.Weather.Temperature = 50 AND processingPath = 'hot'",
             "is_defined($body.Weather.Temperature)",
             "$twin.properties.desired.sendFrequency = '5m'",
             "$twin.tags.building.floor = 1",
             "$body.Weather.Temperature = 50 AND $twin.properties.desired.sendFrequency = '5m'",
             "$connectionDeviceId = 'pump-1'",
             "$dt-subject = 'thermostat1'",
         }) {
        EXPECT_TRUE(keeps_message(text)) << text;
    }
}

TEST(MessageCondition, ReadsEveryPartOfAMessage) {
    for (const std::string_view text : {
             "$messageId = 'm-1'", "$MESSAGEID = 'm-1'", "PROCESSINGPATH = 'hot'", "a.b = 'dotted'",
             "none = null", "as_number(level) > 6", "$body.list[1][0] = 2",
             "$enqueuedTime > '2026-11-29T10:00:00Z'", "$twin.properties.reported.batteryLevel < 60",
             "NOT is_defined($connectionModuleId)", "starts_with(processingPath, 'h')",
             "$own = 'x'",  // Of a name that begins with $, application properties come second.
         }) {
        EXPECT_TRUE(keeps_message(text)) << text;
    }
}

TEST(MessageCondition, IsNotTrueOfWhatIsUndefined) {
    for (const std::string_view text : {
             "false",
             "missing = 'x'",
             "NOT missing = 'x'",
             "level = 7",  // Properties are texts.
             "$body = 1",
             "is_defined($body)",
             "$body[0] = 'Feb'",
             "$body.weather.Temperature = 50",
             "$body.list[7] = 1",
             "$twin.tags.building.floor = '1'",
             "$twin.connectionState = 'Connected'",
             "is_defined($twin)",
             "is_defined($twin.deviceId)",
             "deviceId = 'pump-1'",
             "processingPath[0] = 'h'",
         }) {
        EXPECT_FALSE(keeps_message(text)) << text;
    }
    EXPECT_FALSE(keeps_message("$twin.tags.building.floor = 1", message())) << "nobody knows the twin";
    EXPECT_TRUE(keeps_message("NOT is_defined($twin.tags.building)", message()));
}

TEST(MessageCondition, ReadsTheBodyIfItMayBeJson) {
    const auto with = [](std::string_view type, std::string_view encoding) {
        Message made = message();
        made.system.clear();
        if (!type.empty()) made.system.emplace_back("content-type", type);
        if (!encoding.empty()) made.system.emplace_back("content-encoding", encoding);
        return made;
    };
    constexpr std::string_view text = "$body.Weather.Temperature = 50";
    EXPECT_TRUE(keeps_message(text, with("", "")));
    EXPECT_TRUE(keeps_message(text, with("Application/JSON; charset=utf-8", "UTF-8")));
    EXPECT_FALSE(keeps_message(text, with("text/plain", "utf-8")));
    EXPECT_FALSE(keeps_message(text, with("application/json", "utf-16")));
    EXPECT_FALSE(keeps_message(text, message("{\"Weather\":")));
    EXPECT_FALSE(keeps_message("is_defined($body.a)", message("")));
}

TEST(MessageCondition, IsRefusedWithThePlaceOfTheFault) {
    const auto detail = [](std::string_view text) {
        const auto condition = MessageCondition::parse(text);
        EXPECT_FALSE(condition) << text;
        return condition ? std::string() : condition.error().detail;
    };
    EXPECT_TRUE(detail("level =").starts_with("Line 1:8 ")) << detail("level =");
    EXPECT_EQ(detail("nothing(level)"), "Line 1:1 Unknown function 'nothing'");
    EXPECT_EQ(detail("FROM devices"), "A condition on messages has no FROM");
    EXPECT_TRUE(MessageCondition::parse(std::string(MessageCondition::text_bytes_max - 5, ' ') + "a = 1"));
    EXPECT_FALSE(MessageCondition::parse(std::string(MessageCondition::text_bytes_max - 4, ' ') + "a = 1"));
}

TEST(MessageCondition, CostsNoMoreThanARowMay) {
    const auto condition = MessageCondition::parse("$body.a = 1 OR true");
    ASSERT_TRUE(condition);
    std::string large = "{\"b\":\"" + std::string(2 * 1024 * 1024, 'x') + "\"}";
    Meter meter;
    EXPECT_FALSE(condition->keeps(message(large), nullptr, meter));
    EXPECT_EQ(meter.overdrawn, 1U);
    large = "{\"b\":\"" + std::string(MessageLimits::d2c_bytes_max, 'x') + "\",\"a\":1}";
    EXPECT_TRUE(condition->keeps(message(large), nullptr, meter)) << "what a device may send is read";
}

TEST(MessageCondition, KnowsWhetherItReadsTheTwin) {
    EXPECT_FALSE(MessageCondition::parse("a = 1 AND $body.twin = 2")->reads_twin());
    EXPECT_TRUE(MessageCondition::parse("a = 1 AND NOT is_defined($twin.tags.a)")->reads_twin());
    EXPECT_TRUE(MessageCondition::parse("a IN ['1', '2'] OR length($TWIN.tags.a) = 2")->reads_twin());
}

TEST(MessageValue, IsATextOrAValueOfTheTwin) {
    const TestRow sender = twin();
    const auto text = [&](std::string_view of) {
        return MessageValue::parse(of)->text(&sender.document).value_or("nothing");
    };
    EXPECT_EQ(text("plant 7"), "plant 7");
    EXPECT_EQ(text("$twin.properties.desired.sendFrequency"), "5m");
    EXPECT_EQ(text("$twin.tags.building.floor"), "1");
    EXPECT_EQ(text("$twin.tags.building"), R"({"floor":1})");
    EXPECT_EQ(text("$twin.tags.none"), "nothing");
    EXPECT_FALSE(MessageValue::parse("$twin.deviceId"));
    EXPECT_FALSE(MessageValue::parse("$twin."));
    EXPECT_EQ(MessageValue::parse("$twin.tags.building")->text(nullptr), std::nullopt);
}

}  // namespace
}  // namespace carillon::query
