#include "device/device_topics.hpp"

#include "wire/mqtt/user_name.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr mqtt::ClientIdentity device{"d1", {}};
constexpr mqtt::ClientIdentity module_of_device{"d1", "m1"};

TEST(DeviceTopics, EveryFilterIsOneTheHubKnows) {
    using mqtt::FilterKind;
    const auto kind = [](DeviceFeature feature, mqtt::ClientIdentity identity) {
        return mqtt::parse_filter(feature_filter(feature, identity), identity);
    };
    EXPECT_EQ(kind(DeviceFeature::methods, device), FilterKind::methods);
    EXPECT_EQ(kind(DeviceFeature::twin_responses, device), FilterKind::twin_responses);
    EXPECT_EQ(kind(DeviceFeature::desired, device), FilterKind::desired);
    EXPECT_EQ(kind(DeviceFeature::c2d, device), FilterKind::c2d);
    EXPECT_EQ(kind(DeviceFeature::c2d, module_of_device), FilterKind::c2d);
    EXPECT_EQ(kind(DeviceFeature::inputs, module_of_device), FilterKind::module_inputs);
}

TEST(DeviceTopics, AMethodRequestHasItsNameAndRequestId) {
    const auto topic = parse_hub_topic("$iothub/methods/POST/lockDoor/?$rid=17", device);
    ASSERT_TRUE(topic);
    EXPECT_EQ(topic->kind, HubTopic::Kind::method);
    EXPECT_EQ(topic->name, "lockDoor");
    EXPECT_EQ(topic->rid, "17");
}

TEST(DeviceTopics, ATwinResponseHasStatusRequestIdAndVersion) {
    const auto topic = parse_hub_topic("$iothub/twin/res/204/?$rid=3&$version=12", device);
    ASSERT_TRUE(topic);
    EXPECT_EQ(topic->kind, HubTopic::Kind::twin_response);
    EXPECT_EQ(topic->status, 204);
    EXPECT_EQ(topic->rid, "3");
    EXPECT_EQ(topic->version, 12);
}

TEST(DeviceTopics, ADesiredNotificationHasItsVersion) {
    const auto topic = parse_hub_topic("$iothub/twin/PATCH/properties/desired/?$version=9", device);
    ASSERT_TRUE(topic);
    EXPECT_EQ(topic->kind, HubTopic::Kind::desired);
    EXPECT_EQ(topic->version, 9);
}

TEST(DeviceTopics, MessagesAreOfThisIdentityOnly) {
    const auto message = parse_hub_topic("devices/d1/messages/devicebound/%24.mid=1&a=b", device);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->kind, HubTopic::Kind::c2d);
    EXPECT_EQ(message->bag, "%24.mid=1&a=b");
    EXPECT_FALSE(parse_hub_topic("devices/d2/messages/devicebound/%24.mid=1", device));
    const auto input = parse_hub_topic("devices/d1/modules/m1/inputs/in/%24.cdid=x", module_of_device);
    ASSERT_TRUE(input);
    EXPECT_EQ(input->kind, HubTopic::Kind::input);
    EXPECT_EQ(input->name, "in");
    EXPECT_FALSE(parse_hub_topic("devices/d1/inputs/in/a=b", device));
}

TEST(DeviceTopics, WhatHasNoRequestIdOrNoNumberIsNone) {
    for (const char* text : {"$iothub/methods/POST/lockDoor", "$iothub/methods/POST/lockDoor/",
                             "$iothub/methods/POST/lockDoor/?$version=1", "$iothub/methods/POST//?$rid=1",
                             "$iothub/twin/res/ok/?$rid=1", "$iothub/twin/res/204",
                             "$iothub/twin/PATCH/properties/desired/", "a/b", ""}) {
        EXPECT_FALSE(parse_hub_topic(text, device)) << text;
    }
}

TEST(DeviceTopics, TelemetryGoesToATopicTheHubTakes) {
    for (const mqtt::ClientIdentity identity : {device, module_of_device}) {
        const std::string name = telemetry_topic(identity) + "a=b";
        const auto topic = mqtt::parse_publish_topic(name, identity);
        ASSERT_TRUE(topic);
        EXPECT_EQ(topic->kind, mqtt::TopicKind::telemetry);
        EXPECT_EQ(topic->bag, "a=b");
    }
}

}  // namespace
}  // namespace carillon
