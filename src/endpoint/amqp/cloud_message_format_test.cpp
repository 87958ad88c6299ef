#include "endpoint/amqp/cloud_message_format.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace carillon::amqp {
namespace {

std::string target_of(std::string_view to) {
    Properties properties;
    properties.to = to;
    std::string bytes;
    append_properties(bytes, properties);
    append_data(bytes, {});
    const auto target = read_cloud_message_target(*decode_message(as_bytes(bytes)));
    return target ? target->key.path() + (target->input.empty() ? "" : ":" + target->input) : "";
}

TEST(CloudMessageFormat, ReadsWhomAMessageIsFor) {
    EXPECT_EQ(target_of("/devices/d1/messages/devicebound"), "d1");
    EXPECT_EQ(target_of("devices/d1/Messages/deviceBound"), "d1");
    EXPECT_EQ(target_of("amqps://hub:5671/devices/a%40b/messages/devicebound"), "a@b");
    EXPECT_EQ(target_of("/devices/d1/modules/m1/messages/deviceBound"), "d1/m1");
    EXPECT_EQ(target_of("/devices/d1/modules/m1/Inputs/in%2D1"), "d1/m1:in-1");
    for (const char* bad :
         {"", "/", "/devices/d1", "/devices//messages/devicebound", "/devices/d1/messages/events",
          "/devices/d1/modules//messages/devicebound", "/x/d1/messages/devicebound", "/devices/d1/inputs/in1",
          "/devices/d1/modules/m1/inputs", "/devices/d1/modules/m1/inputs/",
          "/devices/d1/modules/m1/outputs/o", "/devices/%zz/messages/devicebound", "amqps://hub"}) {
        EXPECT_EQ(target_of(bad), "") << bad;
    }
}

/// A message as it comes to its device from one that a back end sent.
Result<CloudMessage> read(const std::function<void(MapWriter&)>& properties, std::string_view body = "body") {
    std::string bytes;
    std::string id;
    append_string(id, "m1");
    Properties standard;
    standard.message_id = encoded_value(as_bytes(id));
    standard.to = "/devices/d1/messages/devicebound";
    standard.absolute_expiry_ms = 2'000;
    append_properties(bytes, standard);
    {
        MapWriter map(bytes, descriptor::application_properties);
        properties(map);
    }
    append_data(bytes, as_bytes(body));
    return read_cloud_message(*decode_message(as_bytes(bytes)));
}

TEST(CloudMessageFormat, KeepsWhatTheBackEndSaid) {
    auto message = read([](MapWriter& map) {
        append_string(map.string_key("iothub-ack"), "Full");
        append_int(map.string_key("count"), 5);
    });
    ASSERT_TRUE(message);
    EXPECT_EQ(message->ack, Ack::full);
    EXPECT_EQ(message->expiry, WallTime::from_unix_s(2));
    EXPECT_EQ(message->find_system("message-id"), "m1");
    message->sequence = 9;
    message->enqueued = WallTime::from_unix_s(1);
    LockToken lock{};
    lock[0] = 1;
    const std::string sent = format_cloud_message({.message = *message, .lock = lock, .delivery_count = 2});
    const auto view = decode_message(as_bytes(sent));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->content(), "body");
    EXPECT_EQ(view->properties.message_id.as_text(), "m1");
    EXPECT_EQ(view->properties.to, "/devices/d1/messages/devicebound");
    EXPECT_EQ(view->properties.absolute_expiry_ms, 2'000);
    EXPECT_EQ(find_in_map(view->application_properties, "iothub-ack").as_text(), "full");
    EXPECT_EQ(find_in_map(view->application_properties, "count").as_text(), "5");
    EXPECT_EQ(find_in_map(view->message_annotations, "iothub-enqueuedtime").as_timestamp(), 1'000);
    EXPECT_EQ(find_in_map(view->message_annotations, "iothub-deliverycount").type, Type::ubyte);
    EXPECT_EQ(find_in_map(view->message_annotations, "x-opt-sequence-number").as_u64(), 9U);
    EXPECT_EQ(find_in_map(view->message_annotations, "x-opt-lock-token").as_text(), lock_token_text(lock));
}

TEST(CloudMessageFormat, NamesTheInputAmongTheAnnotationsAlone) {
    CloudMessage message;
    message.system.emplace_back(CloudMessage::input_property, "in1");
    const std::string sent = format_cloud_message({.message = message});
    const auto view = decode_message(as_bytes(sent));
    ASSERT_TRUE(view);
    EXPECT_EQ(find_in_map(view->message_annotations, "x-opt-input-name").as_text(), "in1");
    EXPECT_FALSE(find_in_map(view->application_properties, CloudMessage::input_property).as_text());
}

TEST(CloudMessageFormat, LeavesOutAContentTypeThatIsNoSymbol) {
    CloudMessage message;
    message.system.emplace_back("content-type", "text/ü");
    message.system.emplace_back("content-encoding", "utf-8");
    const std::string sent = format_cloud_message({.message = message});
    const auto view = decode_message(as_bytes(sent));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->properties.content_type, "");
    EXPECT_EQ(view->properties.content_encoding, "utf-8");
}

TEST(CloudMessageFormat, RefusesAnUnknownAckAndTooManyProperties) {
    EXPECT_EQ(read([](MapWriter& map) { append_string(map.string_key("iothub-ack"), "maybe"); }).error().code,
              Errc::argument_invalid);
    const auto many = [](std::size_t count) {
        return [count](MapWriter& map) {
            for (std::size_t i = 0; i < count; ++i) append_null(map.string_key(std::to_string(i)));
        };
    };
    EXPECT_TRUE(read(many(cloud_properties_max)));
    EXPECT_FALSE(read(many(cloud_properties_max + 1)));
}

TEST(CloudMessageFormat, TellsAnOutcomeByStatusCodeAndByDescription) {
    FeedbackBatch batch;
    batch.records.push_back({.original_message_id = "m1",
                             .device_id = "d1",
                             .generation_id = "7",
                             .time = WallTime::from_unix_s(1),
                             .outcome = MessageOutcome::expired});
    const std::string sent = format_feedback(batch, "hub");
    const auto view = decode_message(as_bytes(sent));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->properties.content_type, "application/vnd.microsoft.iothub.feedback.json");
    EXPECT_EQ(as_text(view->properties.user_id), "hub");
    const std::string body = view->content();
    EXPECT_NE(body.find(R"("originalMessageId":"m1")"), std::string::npos) << body;
    EXPECT_NE(body.find(R"("statusCode":"Expired")"), std::string::npos) << body;
    EXPECT_NE(body.find(R"("description":"Expired")"), std::string::npos) << body;
    EXPECT_NE(body.find(R"("enqueuedTimeUtc":"1970-01-01T00:00:01)"), std::string::npos) << body;
}

}  // namespace
}  // namespace carillon::amqp
