#include "service_messages.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ServiceMessages, AreSentWithTheirPropertiesAsFields) {
    ServiceMessage message;
    message.body = "open";
    message.message_id = "m1";
    message.ack = "full";
    message.input = "in1";
    message.properties = {{"room", "7"}};
    const auto request = send_request("/devices/d/messages/devicebound", message);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->body, "open");
    EXPECT_EQ(request->headers, (HttpHeaders{{"Content-Type", "application/octet-stream"},
                                             {"iothub-messageid", "m1"},
                                             {"iothub-ack", "full"},
                                             {"iothub-inputname", "in1"},
                                             {"iothub-app-room", "7"}}));
}

TEST(ServiceMessages, ThatNoHeaderCanCarryAreRefused) {
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"a b", "1"}, {"", "1"}, {"a", "1\r\nAuthorization: x"}, {"größe", "1"}}) {
        ServiceMessage message;
        message.properties = {{name, value}};
        const auto request = send_request("/x", message);
        ASSERT_FALSE(request) << name;
        EXPECT_EQ(request.error().code, Errc::argument_invalid);
    }
    ServiceMessage message;
    message.message_id = "a\nb";
    EXPECT_FALSE(send_request("/x", message));
}

TEST(ServiceMessages, AreSettledByTheirLock) {
    EXPECT_EQ(settle_request("/q", "l", MessageSettlement::complete).target, "/q/l");
    EXPECT_EQ(settle_request("/q", "l", MessageSettlement::reject).target, "/q/l?reject");
    const auto abandon = settle_request("/q", "l/1", MessageSettlement::abandon);
    EXPECT_EQ(abandon.method + abandon.target, "POST/q/l%2F1/abandon");
}

TEST(ServiceMessages, AreReadFromTheFieldsOfAnAnswer) {
    HttpAnswer answer;
    answer.body = "open";
    answer.headers = {
        {"ETag", "\"l\""}, {"IoTHub-MessageId", "m1"}, {"iothub-app-Room", "7"}, {"Date", "today"}};
    const auto received = read_received(answer);
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(received.lock, "l");
    EXPECT_EQ(received.body, "open");
    EXPECT_EQ(received.properties, (Pairs{{"Room", "7"}}));
    EXPECT_EQ(received.system, (Pairs{{"iothub-messageid", "m1"}}));
}

}  // namespace
}  // namespace carillon
