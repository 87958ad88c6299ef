#include "wire/amqp/hub_links.hpp"

#include "wire/amqp/encode.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::amqp {
namespace {

Attach attach_to(std::string_view address) {
    Attach attach;
    attach.role = LinkRole::sender;
    attach.target.is_present = true;
    attach.target.address = address;
    return attach;
}

Attach attach_from(std::string_view address) {
    Attach attach;
    attach.role = LinkRole::receiver;
    attach.source.is_present = true;
    attach.source.address = address;
    return attach;
}

struct Case {
    const char* address;
    LinkKind to;    ///< Of a client that sends.
    LinkKind from;  ///< Of one that receives.
    const char* device = "";
    const char* module = "";
};

TEST(LinkAddress, IsOfAKindByItsPathAndItsDirection) {
    constexpr LinkKind none = LinkKind::unknown;
    const Case cases[] = {
        {"$cbs", LinkKind::cbs_requests, LinkKind::cbs_responses},
        {"/$cbs", LinkKind::cbs_requests, LinkKind::cbs_responses},
        {"amqps://hub.example.net/$cbs", LinkKind::cbs_requests, LinkKind::cbs_responses},
        {"/devices/d1/messages/events", LinkKind::telemetry, none, "d1"},
        {"/DEVICES/d1/Messages/Events", LinkKind::telemetry, none, "d1"},
        {"devices/d1/messages/events", LinkKind::telemetry, none, "d1"},
        {"amqps://hub.example.net:5671/devices/d1/messages/events", LinkKind::telemetry, none, "d1"},
        {"/devices/D1/messages/deviceBound", none, LinkKind::devicebound, "D1"},
        {"/devices/d1/methods/devicebound", LinkKind::method_responses, LinkKind::method_requests, "d1"},
        {"/devices/d1/twin", LinkKind::twin_requests, LinkKind::twin_responses, "d1"},
        {"/devices/d1/modules/m1/messages/events", LinkKind::telemetry, LinkKind::module_inputs, "d1", "m1"},
        {"/devices/d1/modules/m1/twin", LinkKind::twin_requests, LinkKind::twin_responses, "d1", "m1"},
        {"/devices/a%40b/modules/c%25d/twin", LinkKind::twin_requests, LinkKind::twin_responses, "a@b",
         "c%d"},
        {"/messages/devicebound", LinkKind::service_send, none},
        {"/messages/serviceBound/feedback", none, LinkKind::feedback},
        {"/messages/servicebound/filenotifications", none, LinkKind::file_notifications},
        {"/messages/events/$management", LinkKind::events, LinkKind::events},
        {"", none, none},
        {"/", none, none},
        {"/devices", none, none},
        {"/devices/d1", none, none},
        {"/devices//twin", none, none},
        {"/devices/d1/twin/", none, none},
        {"/devices/d1/modules/twin", none, none},
        {"/devices/d1/modules//twin", none, none},
        {"/devices/%zz/twin", none, none},
        {"/devices/d1/messages/devicebound/x", none, none},
        {"/messages", none, none},
        {"amqps://hub.example.net", none, none},
    };
    for (const Case& expected : cases) {
        const LinkAddress to = parse_link_address(attach_to(expected.address));
        const LinkAddress from = parse_link_address(attach_from(expected.address));
        EXPECT_EQ(to.kind, expected.to) << expected.address;
        EXPECT_EQ(from.kind, expected.from) << expected.address;
        if (expected.to != none) {
            EXPECT_EQ(to.device, expected.device);
            EXPECT_EQ(to.module, expected.module);
        }
        if (expected.from != none) {
            EXPECT_EQ(from.device, expected.device);
            EXPECT_EQ(from.module, expected.module);
        }
    }
}

TEST(LinkAddress, IsUnknownWithoutATerminusOrWithADynamicOne) {
    Attach absent = attach_to("$cbs");
    absent.target.is_present = false;
    EXPECT_EQ(parse_link_address(absent).kind, LinkKind::unknown);
    Attach dynamic = attach_from("$cbs");
    dynamic.source.is_dynamic = true;
    EXPECT_EQ(parse_link_address(dynamic).kind, LinkKind::unknown);
    Attach coordinator = attach_to("$cbs");
    coordinator.target.is_coordinator = true;
    EXPECT_EQ(parse_link_address(coordinator).kind, LinkKind::unknown);
}

TEST(PlainUser, IsAPolicyADeviceOrAModule) {
    const auto policy = parse_plain_user("iothubowner@sas.root.hub");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->policy, "iothubowner");
    const auto device = parse_plain_user("d@sas.x@sas.hub");
    ASSERT_TRUE(device);
    EXPECT_EQ(device->device, "d@sas.x");
    EXPECT_EQ(device->policy, "");
    const auto module = parse_plain_user("d1/modules/m1@sas.hub");
    ASSERT_TRUE(module);
    EXPECT_EQ(module->device, "d1");
    EXPECT_EQ(module->module, "m1");
    for (const char* bad : {"", "d1", "@sas.hub", "@sas.root.hub", "d1@sas.", "p@sas.root.",
                            "/modules/m@sas.h", "d/modules/@sas.hub"}) {
        EXPECT_FALSE(parse_plain_user(bad)) << bad;
    }
}

TEST(LinkProperty, IsTheTextOfItsKey) {
    std::string properties;
    {
        MapWriter map(properties);
        append_string(map.symbol_key("com.microsoft:model-id"), "dtmi:a;1");
        append_int(map.symbol_key("number"), 1);
    }
    Attach attach;
    EXPECT_EQ(link_property(attach, "com.microsoft:model-id"), "");
    attach.properties = as_bytes(properties);
    EXPECT_EQ(link_property(attach, "com.microsoft:model-id"), "dtmi:a;1");
    EXPECT_EQ(link_property(attach, "number"), "");
    EXPECT_EQ(link_property(attach, "absent"), "");
}

}  // namespace
}  // namespace carillon::amqp
