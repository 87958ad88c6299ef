#include "wire/amqp/message.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/testing.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace carillon::amqp {
namespace {

using testing::from_hex;
using testing::to_hex;

/// One of each section, as azure-iot-device-amqp sends telemetry.
std::string whole_message() {
    std::string message = from_hex("00 53 70 c0 02 01 41");
    {
        MapWriter annotations(message, descriptor::message_annotations);
        append_string(annotations.symbol_key("iothub-interface-id"), "i");
    }
    std::string id;
    append_string(id, "m1");
    Properties properties;
    properties.message_id = encoded_value(as_bytes(id));
    properties.user_id = as_bytes("u");
    properties.to = "/devices/d1/messages/events";
    properties.content_type = "application/json";
    properties.content_encoding = "utf-8";
    properties.absolute_expiry_ms = 1'700'000'000'000;
    append_properties(message, properties);
    {
        MapWriter map(message, descriptor::application_properties);
        append_string(map.string_key("room"), "attic");
        append_int(map.string_key("n"), 7);
    }
    append_data(message, as_bytes("{\"t\":21}"));
    return message;
}

TEST(AmqpMessage, EachSectionIsFound) {
    const std::string bytes = whole_message();
    const auto message = decode_message(as_bytes(bytes));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(find_in_map(message->message_annotations, "iothub-interface-id").as_text(), "i");
    EXPECT_TRUE(message->delivery_annotations.is_null());
    EXPECT_EQ(message->properties.message_id.as_text(), "m1");
    EXPECT_TRUE(message->properties.correlation_id.is_null());
    EXPECT_EQ(as_text(message->properties.user_id), "u");
    EXPECT_EQ(message->properties.to, "/devices/d1/messages/events");
    EXPECT_EQ(message->properties.content_type, "application/json");
    EXPECT_EQ(message->properties.absolute_expiry_ms, 1'700'000'000'000);
    EXPECT_EQ(message->properties.creation_ms, std::nullopt);
    EXPECT_EQ(find_in_map(message->application_properties, "room").as_text(), "attic");
    EXPECT_EQ(find_in_map(message->application_properties, "n").as_i64(), 7);
    EXPECT_EQ(message->body_kind, BodyKind::data);
    EXPECT_EQ(message->content(), "{\"t\":21}");
}

TEST(AmqpMessage, CutAtEveryByteItIsRefusedOrEndsWithASection) {
    const std::string bytes = whole_message();
    std::vector<std::size_t> ends;
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        if (decode_message(as_bytes(std::string_view(bytes).substr(0, length)))) ends.push_back(length);
    }
    // Nothing, and the ends of header, annotations, properties and application properties.
    EXPECT_EQ(ends.size(), 5U);
}

TEST(AmqpMessage, BodiesOfEachKindAreRead) {
    const std::tuple<const char*, BodyKind, std::string> cases[] = {
        {"", BodyKind::none, ""},
        {"00 53 75 a0 00", BodyKind::data, ""},
        {"00 53 75 a0 01 61 00 53 75 a0 01 62", BodyKind::data, "ab"},
        {"00 53 77 a1 02 6869", BodyKind::value, "hi"},
        {"00 53 77 a0 02 6869", BodyKind::value, "hi"},
        {"00 53 77 40", BodyKind::value, ""},
        {"00 53 77 54 01", BodyKind::value, ""},
        {"00 53 76 45 00 53 76 c0 02 01 41", BodyKind::sequence, ""},
        {"00 53 75 a0 01 61 00 53 78 c1 01 00", BodyKind::data, "a"},
        {"00 a3 10 616d71703a646174613a62696e617279 a0 01 61", BodyKind::data, "a"},
    };
    for (const auto& [hex, kind, content] : cases) {
        const std::string bytes = from_hex(hex);
        const auto message = decode_message(as_bytes(bytes));
        ASSERT_TRUE(message.has_value()) << hex;
        EXPECT_EQ(message->body_kind, kind) << hex;
        EXPECT_EQ(message->content(), content) << hex;
    }
    const std::string value = from_hex("00 53 77 c1 06 02 a1 01 61 54 05");
    EXPECT_EQ(find_in_map(decode_message(as_bytes(value))->body_value(), "a").as_i64(), 5);
}

TEST(AmqpMessage, WhatIsNotOneIsRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {"a value that is not described", "45"},
        {"an unknown section", "00 53 79 45"},
        {"a performative", "00 53 10 c0 04 01 a1 01 63"},
        {"a header that is a map", "00 53 70 c1 01 00"},
        {"annotations that are a list", "00 53 72 45"},
        {"properties that are a map", "00 53 73 c1 01 00"},
        {"application properties that are text", "00 53 74 a1 00"},
        {"data that is text", "00 53 75 a1 01 61"},
        {"a sequence that is a map", "00 53 76 c1 01 00"},
        {"a footer that is a list", "00 53 78 45"},
        {"properties behind the body", "00 53 75 a0 00 00 53 73 45"},
        {"properties twice", "00 53 73 45 00 53 73 45"},
        {"header behind the properties", "00 53 73 45 00 53 70 45"},
        {"data behind a value", "00 53 77 40 00 53 75 a0 00"},
        {"a value behind data", "00 53 75 a0 00 00 53 77 40"},
        {"two values", "00 53 77 40 00 53 77 40"},
        {"data behind a footer", "00 53 78 c1 01 00 00 53 75 a0 00"},
        {"a message id that is a list", "00 53 73 c0 02 01 45"},
        {"a message id that is a boolean", "00 53 73 c0 02 01 41"},
        {"a correlation id that is a map", "00 53 73 c0 09 06 40 40 40 40 40 c1 01 00"},
        {"a user id that is text", "00 53 73 c0 05 02 40 a1 01 61"},
        {"a content type that is a number", "00 53 73 c0 0a 07 40 40 40 40 40 40 54 01"},
        {"an expiry that is text", "00 53 73 c0 0d 09 40 40 40 40 40 40 40 40 a1 01 61"},
        {"a map with an odd count within annotations", "00 53 72 c1 02 01 40"},
        {"data longer than the message", "00 53 75 b0 7fffffff 61"},
    };
    for (const auto& [what, hex] : cases) {
        const auto message = decode_message(as_bytes(from_hex(hex)));
        ASSERT_FALSE(message.has_value()) << what;
        EXPECT_EQ(message.error().code, Errc::malformed_packet) << what;
    }
}

/// azure-iot-sdk-java sends ids as uuid, azure-uamqp-c as ulong, _pyamqp as int.
TEST(AmqpMessage, IdsOfEachTypeAreKeptAsTheyCame) {
    for (const char* hex : {"a1 01 61", "53 07", "80 0000000000000001", "98 00112233445566778899aabbccddeeff",
                            "a0 01 ff", "54 03", "71 00000003"}) {
        const std::string id = from_hex(hex);
        std::string bytes;
        Properties properties;
        properties.message_id = encoded_value(as_bytes(id));
        properties.correlation_id = encoded_value(as_bytes(id));
        append_properties(bytes, properties);
        const auto message = decode_message(as_bytes(bytes));
        ASSERT_TRUE(message.has_value()) << hex;
        EXPECT_EQ(to_hex(as_text(message->properties.message_id.encoded)), to_hex(id));
        EXPECT_EQ(to_hex(as_text(message->properties.correlation_id.encoded)), to_hex(id));
    }
}

TEST(AmqpMessage, AContentTypeThatIsNoSymbolIsLeftOut) {
    Properties properties;
    properties.content_type = "caf\xc3\xa9";
    properties.content_encoding = "utf-8";
    std::string bytes;
    append_properties(bytes, properties);
    const auto message = decode_message(as_bytes(bytes));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->properties.content_type, "");
    EXPECT_EQ(message->properties.content_encoding, "utf-8");
}

TEST(AmqpMessage, PropertiesOfWhichNoneIsThereAreNoSection) {
    std::string bytes;
    append_properties(bytes, {});
    EXPECT_EQ(bytes, "");
}

TEST(AmqpMessage, ABatchGivesItsMessages) {
    std::string batch;
    for (const char* text : {"one", "two", "three"}) {
        std::string message;
        append_data(message, as_bytes(text));
        append_data(batch, as_bytes(message));
    }
    const auto envelope = decode_message(as_bytes(batch));
    BatchReader in(*envelope);
    std::string seen;
    while (true) {
        const auto message = in.next();
        ASSERT_TRUE(message.has_value());
        if (!*message) break;
        seen += (*message)->content() + " ";
    }
    EXPECT_EQ(seen, "one two three ");
}

TEST(AmqpMessage, ABatchWithAMalformedMessageIsRefusedThere) {
    std::string batch;
    append_data(batch, as_bytes(from_hex("00 53 75 a0 00")));
    append_data(batch, as_bytes("not a message"));
    const auto envelope = decode_message(as_bytes(batch));
    BatchReader in(*envelope);
    EXPECT_TRUE(in.next().has_value());
    EXPECT_FALSE(in.next().has_value());
    const std::string value = from_hex("00 53 77 a1 01 61");
    const auto no_batch = decode_message(as_bytes(value));
    EXPECT_FALSE(BatchReader(*no_batch).next()->has_value());
}

}  // namespace
}  // namespace carillon::amqp
