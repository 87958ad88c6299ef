#include "device/message_bag.hpp"

#include <gtest/gtest.h>

namespace carillon::client {
namespace {

TEST(BagOf, AMessageIsWrittenAsTheHubReadsIt) {
    TelemetryMessage message;
    message.message_id = "m 1";
    message.content_type = "application/json";
    message.content_encoding = "utf-8";
    message.properties = {{"temperature alert", "true"}, {"empty", ""}};
    EXPECT_EQ(bag_of(message).value(),
              "%24.mid=m%201&%24.ct=application%2Fjson&%24.ce=utf-8&temperature%20alert=true&empty=");
    EXPECT_EQ(bag_of({}).value(), "");
}

TEST(BagOf, WhatComesOutIsWhatWentIn) {
    TelemetryMessage message;
    message.correlation_id = "a&b=c";
    message.properties = {{"ключ", "100% + /"}};
    const std::string bag = bag_of(message).value();
    HubMessage received;
    received.bag = bag;
    const auto read = message_of(received).value();
    EXPECT_EQ(read.find_system("correlation-id"), "a&b=c");
    EXPECT_EQ(read.properties, message.properties);
}

TEST(BagOf, ATooLargeMessageAndAnImpossibleNameAreRefused) {
    TelemetryMessage message;
    message.body = std::string(TelemetryMessage::bytes_max, 'x');
    EXPECT_TRUE(bag_of(message));
    message.body += 'x';
    EXPECT_EQ(bag_of(message).error().code, Errc::message_too_large);
    message.body.clear();
    message.properties = {{"long", std::string(66'000, 'x')}};
    EXPECT_EQ(bag_of(message).error().code, Errc::message_too_large);
    message.properties = {{"$.mid", "x"}};
    EXPECT_EQ(bag_of(message).error().code, Errc::argument_invalid);
    message.properties = {{"", "x"}};
    EXPECT_EQ(bag_of(message).error().code, Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon::client
