#include "wire/amqp/device/device_messages.hpp"

#include "wire/amqp/encode.hpp"
#include "wire/amqp/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

/// What one side writes the other reads; the hub's side is tested against recorded clients.
MessageView view(const std::string& message) {
    const auto decoded = decode_message(as_bytes(message));
    EXPECT_TRUE(decoded);
    return *decoded;
}

TEST(AmqpDeviceMessages, TheHubReadsAToken) {
    std::string message;
    append_put_token(message, "7", "hub.example.net", "SharedAccessSignature sr=x");
    const auto token = parse_put_token(view(message));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->message_id.as_text(), "7");
    EXPECT_EQ(token->name, "hub.example.net");
    EXPECT_EQ(token->token, "SharedAccessSignature sr=x");
    EXPECT_TRUE(token->is_sas);
    std::string answer;
    append_cbs_response(answer, token->message_id, 401, "no");
    const auto read = parse_cbs_answer(view(answer));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 401);
    EXPECT_EQ(read->description, "no");
    EXPECT_FALSE(parse_cbs_answer(view(message)));
}

TEST(AmqpDeviceMessages, TheHubReadsTwinRequests) {
    for (const auto operation : {TwinOperation::get, TwinOperation::patch_reported,
                                 TwinOperation::subscribe_desired, TwinOperation::unsubscribe_desired}) {
        std::string message;
        append_twin_request(message, "r1", operation, std::nullopt, R"({"a":1})");
        const auto request = parse_twin_request(view(message));
        ASSERT_TRUE(request);
        EXPECT_EQ(request->operation, operation);
        EXPECT_EQ(request->correlation_id.as_text(), "r1");
        EXPECT_FALSE(request->has_version);
    }
    std::string message;
    append_twin_request(message, "r2", TwinOperation::patch_reported, 8, R"({"a":1})");
    const auto request = parse_twin_request(view(message));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->version, 8);
    EXPECT_EQ(request->body, R"({"a":1})");
    std::string answer;
    append_twin_response(answer, request->correlation_id, 204, 9, "");
    const auto news = parse_twin_news(view(answer));
    ASSERT_TRUE(news);
    EXPECT_EQ(news->correlation, "r2");
    EXPECT_FALSE(news->is_desired);
    EXPECT_EQ(news->status, 204);
    EXPECT_EQ(news->version, 9);
}

TEST(AmqpDeviceMessages, AChangeOfDesiredPropertiesIsNoAnswer) {
    std::string message;
    append_desired_notification(message, 5, R"({"floor":3})");
    const auto news = parse_twin_news(view(message));
    ASSERT_TRUE(news);
    EXPECT_TRUE(news->is_desired);
    EXPECT_EQ(news->version, 5);
    EXPECT_EQ(news->body, R"({"floor":3})");
    std::string other;
    append_data(other, as_bytes("{}"));
    EXPECT_FALSE(parse_twin_news(view(other)));
}

TEST(AmqpDeviceMessages, AMethodsAnswerFindsItsCall) {
    std::string message;
    append_method_request(message, 513, "lock", R"({"force":true})");
    const auto call = parse_method_call(view(message));
    ASSERT_TRUE(call);
    EXPECT_EQ(call->name, "lock");
    EXPECT_EQ(call->payload, R"({"force":true})");
    std::string answer;
    append_method_answer(answer, call->correlation, 201, "{}");
    const auto response = parse_method_response(view(answer));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->request_id, 513);
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->payload, "{}");
    EXPECT_FALSE(parse_method_call(view(answer)));
}

TEST(AmqpDeviceMessages, PropertiesOfAMessageComeBackAsTheyWere) {
    DeviceMessage sent;
    sent.system = {{"message-id", "m1"},
                   {"correlation-id", "c1"},
                   {"user-id", "u"},
                   {"to", "/devices/d/messages/devicebound"},
                   {"content-type", "application/json"},
                   {"content-encoding", "utf-8"},
                   {"absolute-expiry-time", "2026-11-29T10:00:00Z"}};
    sent.properties = {{"level", "high"}, {"none", std::nullopt}};
    sent.body = "21";
    std::string message;
    append_telemetry(message, sent);
    const auto read = read_cloud_message_of(view(message));
    EXPECT_EQ(read.system, sent.system);
    EXPECT_EQ(read.properties, sent.properties);
    EXPECT_EQ(read.body, "21");
}

}  // namespace
}  // namespace carillon::amqp
