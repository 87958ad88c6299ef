#include "endpoint/amqp/telemetry_message.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/message.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

namespace carillon::amqp {
namespace {

using Fill = std::function<void(MapWriter&)>;

std::string message_with(const Fill& annotations, const Fill& properties, std::string_view body) {
    std::string message;
    if (annotations) {
        MapWriter map(message, descriptor::message_annotations);
        annotations(map);
    }
    if (properties) {
        MapWriter map(message, descriptor::application_properties);
        properties(map);
    }
    append_data(message, as_bytes(body));
    return message;
}

auto telemetry_of(const std::string& message, std::uint32_t format = plain_format) {
    Delivery delivery;
    delivery.format = format;
    delivery.message = as_bytes(message);
    return read_telemetry(delivery);
}

std::optional<std::string> property(const TelemetryMessage& message, std::string_view name) {
    for (const auto& [key, value] : message.message.properties) {
        if (key == name) return value;
    }
    return "absent";
}

std::string system_property(const TelemetryMessage& message, std::string_view name) {
    for (const auto& [key, value] : message.message.system) {
        if (key == name) return value;
    }
    return "absent";
}

TEST(TelemetryMessage, WritesValuesAsText) {
    const std::string message = message_with(
        {},
        [](MapWriter& map) {
            append_string(map.string_key("text"), "Zürich");
            append_bool(map.string_key("flag"), true);
            append_int(map.string_key("int"), -7);
            append_ulong(map.string_key("ulong"), 18446744073709551615ULL);
            append_timestamp(map.string_key("time"), 1'000);
            append_null(map.string_key("null"));
        },
        "body");
    const auto messages = telemetry_of(message);
    ASSERT_TRUE(messages);
    ASSERT_EQ(messages->size(), 1U);
    const TelemetryMessage& one = messages->front();
    EXPECT_EQ(one.body, "body");
    EXPECT_EQ(property(one, "text"), "Zürich");
    EXPECT_EQ(property(one, "flag"), "true");
    EXPECT_EQ(property(one, "int"), "-7");
    EXPECT_EQ(property(one, "ulong"), "18446744073709551615");
    EXPECT_EQ(property(one, "time")->substr(0, 19), "1970-01-01T00:00:01");
    EXPECT_EQ(property(one, "null"), std::nullopt);
}

TEST(TelemetryMessage, TakesSystemPropertiesFromWhereverClientsPutThem) {
    std::string message;
    {
        MapWriter map(message, descriptor::message_annotations);
        append_string(map.symbol_key("dt-subject"), "thermostat1");
        append_string(map.symbol_key("x-opt-other"), "ignored");
        append_string(map.symbol_key("iothub-connection-device-id"), "another");
    }
    Properties properties;
    std::string id;
    append_ulong(id, 5);
    properties.message_id = encoded_value(as_bytes(id));
    properties.content_type = "application/json";
    properties.absolute_expiry_ms = 2'000;
    append_properties(message, properties);
    {
        MapWriter map(message, descriptor::application_properties);
        append_string(map.string_key("iothub-outputname"), "out");
        append_string(map.string_key("iothub-connection-device-id"), "another");
        append_string(map.string_key("mine"), "kept");
    }
    append_data(message, {});
    const auto messages = telemetry_of(message);
    ASSERT_TRUE(messages);
    const TelemetryMessage& one = messages->front();
    EXPECT_EQ(system_property(one, "message-id"), "5");
    EXPECT_EQ(system_property(one, "content-type"), "application/json");
    EXPECT_EQ(system_property(one, "absolute-expiry-time").substr(0, 19), "1970-01-01T00:00:02");
    EXPECT_EQ(system_property(one, "dt-subject"), "thermostat1");
    EXPECT_EQ(system_property(one, "iothub-outputname"), "out");
    EXPECT_EQ(system_property(one, "iothub-connection-device-id"), "absent");
    EXPECT_EQ(one.message.properties.size(), 1U);
    EXPECT_EQ(property(one, "mine"), "kept");
}

TEST(TelemetryMessage, BatchIsItsMessagesInOrder) {
    std::string batch;
    for (const char* body : {"one", "two", "three"}) {
        append_data(batch, as_bytes(message_with({}, {}, body)));
    }
    const auto messages = telemetry_of(batch, batch_format);
    ASSERT_TRUE(messages);
    ASSERT_EQ(messages->size(), 3U);
    EXPECT_EQ((*messages)[0].body, "one");
    EXPECT_EQ((*messages)[2].body, "three");
}

TEST(TelemetryMessage, IsRefusedIfMalformedEmptyOrTooLarge) {
    EXPECT_EQ(telemetry_of("rubbish").error().code, Errc::iot_hub_format_error);
    EXPECT_EQ(telemetry_of("", batch_format).error().code, Errc::iot_hub_format_error);
    std::string batch;
    append_data(batch, as_bytes(std::string_view("rubbish")));
    EXPECT_EQ(telemetry_of(batch, batch_format).error().code, Errc::iot_hub_format_error);
    EXPECT_TRUE(telemetry_of(message_with({}, {}, std::string(256 * 1024, 'x'))));
    EXPECT_EQ(telemetry_of(message_with({}, {}, std::string(256 * 1024 + 1, 'x'))).error().code,
              Errc::message_too_large);
}

TEST(TelemetryMessage, HasABoundedNumberOfPropertiesAndOfMessagesInABatch) {
    const auto with_properties = [](std::size_t count) {
        return message_with({},
                            [count](MapWriter& map) {
                                for (std::size_t i = 0; i < count; ++i)
                                    append_null(map.string_key(std::to_string(i)));
                            },
                            {});
    };
    EXPECT_TRUE(telemetry_of(with_properties(properties_max)));
    EXPECT_EQ(telemetry_of(with_properties(properties_max + 1)).error().code, Errc::argument_invalid);
    std::string batch;
    const std::string empty = message_with({}, {}, {});
    for (std::size_t i = 0; i < batch_messages_max; ++i) append_data(batch, as_bytes(empty));
    EXPECT_TRUE(telemetry_of(batch, batch_format));
    append_data(batch, as_bytes(empty));
    EXPECT_EQ(telemetry_of(batch, batch_format).error().code, Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon::amqp
