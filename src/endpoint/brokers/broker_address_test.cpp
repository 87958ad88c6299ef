#include "endpoint/brokers/broker_address.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Kind = BrokerAddress::Kind;

TEST(BrokerAddress, IsReadWithThePortOfItsScheme) {
    EXPECT_EQ(*BrokerAddress::parse("nats://A.example"),
              (BrokerAddress{Kind::nats, false, "a.example", 4222}));
    EXPECT_EQ(*BrokerAddress::parse("TLS://a:1"), (BrokerAddress{Kind::nats, true, "a", 1}));
    EXPECT_EQ(*BrokerAddress::parse("kafka://[::1]"), (BrokerAddress{Kind::kafka, false, "::1", 9092}));
    EXPECT_EQ(*BrokerAddress::parse("kafkas://[::1]:65535"),
              (BrokerAddress{Kind::kafka, true, "::1", 65535}));
    EXPECT_EQ(BrokerAddress::parse("kafkas://[::1]:65535")->place(), "[::1]:65535");
    EXPECT_EQ(BrokerAddress::parse("nats://a")->place(), "a:4222");
}

TEST(BrokerAddress, RefusesWhatIsNotAnAddress) {
    for (const auto* text : {"", "a:1", "http://a", "nats://", "nats://a:0", "nats://a:65536", "nats://a:x",
                             "nats://u@a", "nats://a/b", "nats://[::1", "nats://[::1]x", "kafka://a,b"}) {
        EXPECT_FALSE(BrokerAddress::parse(text)) << text;
    }
}

TEST(BrokerAddress, AListHasOneScheme) {
    const auto brokers = BrokerAddress::parse_list("kafka://a,b:1,[::1]:2");
    ASSERT_TRUE(brokers);
    ASSERT_EQ(brokers->size(), 3U);
    EXPECT_EQ((*brokers)[1], (BrokerAddress{Kind::kafka, false, "b", 1}));
    EXPECT_FALSE(BrokerAddress::parse_list("kafka://a,kafka://b"));
    EXPECT_FALSE(BrokerAddress::parse_list("kafka://a,"));
    std::string many = "nats://a";
    for (std::size_t i = 1; i < BrokerAddress::brokers_max; ++i) many += ",a";
    EXPECT_TRUE(BrokerAddress::parse_list(many));
    EXPECT_FALSE(BrokerAddress::parse_list(many + ",a"));
}

}  // namespace
}  // namespace carillon
