#include "message_request.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(MessageOrder, ReadsPropertiesAsAzDoes) {
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(*properties_argument(""), Pairs{});
    EXPECT_EQ(*properties_argument("a=1;b=x=y;c="), (Pairs{{"a", "1"}, {"b", "x=y"}, {"c", ""}}));
    EXPECT_FALSE(properties_argument("a"));
    EXPECT_FALSE(properties_argument("=1"));
}

TEST(MessageOrder, TakesAnExpiryInEitherForm) {
    EXPECT_EQ(*expiry_argument("2026-11-29T12:00:00Z"), "2026-11-29T12:00:00Z");
    EXPECT_EQ(*expiry_argument("1795953600500"), "2026-11-29T12:00:00.5Z");
    EXPECT_EQ(*expiry_argument(""), "");
    for (const char* text : {"tomorrow", "-1", "99999999999999999"})
        EXPECT_FALSE(expiry_argument(text)) << text;
}

TEST(MessageOrder, IsPrintedWithItsProperties) {
    ReceivedServiceMessage received;
    received.lock = "l";
    received.body = "open";
    received.properties = {{"room", "7"}};
    received.system = {{"iothub-messageid", "m1"}};
    EXPECT_EQ(
        message_json(received),
        R"({"data":"open","etag":"l","properties":{"app":{"room":"7"},"system":{"iothub-messageid":"m1"}}})");
    received.body = "\xFF";
    EXPECT_NE(message_json(received).find(R"("dataBase64":"/w==")"), std::string::npos);
}

}  // namespace
}  // namespace carillon
