#include "wire/mqtt/hub_topics.hpp"

#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

constexpr ClientIdentity device{"d1", {}};
constexpr ClientIdentity module{"d1", "m1"};
constexpr ClientIdentity odd{"a+b#c$?%", {}};

TEST(ParseFilter, FiltersOfSdksAreKnown) {
    struct Case {
        std::string_view filter;
        ClientIdentity identity;
        FilterKind kind;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"devices/d1/messages/devicebound/#", device, FilterKind::c2d},
             {"DEVICES/d1/Messages/deviceBound/#", device, FilterKind::c2d},
             {"devices/d1/messages/#", device, FilterKind::c2d},
             {"devices/d1/messages/devicebound/+", device, FilterKind::c2d},
             {"devices/d1/messages/+/#", device, FilterKind::c2d},
             {"devices/a+b#c$?%/messages/devicebound/#", odd, FilterKind::c2d},
             {"devices/d1/modules/m1/#", module, FilterKind::module_inputs},
             {"devices/d1/modules/m1/inputs/#", module, FilterKind::module_inputs},
             {"devices/d1/modules/m1/inputs/in1/#", module, FilterKind::module_inputs},
             {"devices/d1/modules/m1/messages/devicebound/#", module, FilterKind::c2d},
             {"$iothub/methods/POST/#", device, FilterKind::methods},
             {"$iothub/methods/POST/+/#", device, FilterKind::methods},
             {"$iothub/methods/POST/reboot/#", device, FilterKind::method_named},
             {"$iothub/methods/POST/reboot/+", device, FilterKind::method_named},
             {"$iothub/twin/res/#", device, FilterKind::twin_responses},
             {"$iothub/twin/res/+/#", device, FilterKind::twin_responses},
             {"$iothub/twin/PATCH/properties/desired/#", module, FilterKind::desired},
             {"$iothub/twin/PATCH/properties/desired/+", module, FilterKind::desired},
         }) {
        EXPECT_EQ(parse_filter(c.filter, c.identity), c.kind) << c.filter;
    }
    EXPECT_EQ(named_method("$iothub/methods/POST/reboot/#"), "reboot");
}

TEST(ParseFilter, EverythingElseIsRefused) {
    for (std::string_view filter : {
             "#",
             "+",
             "+/#",
             "/",
             "a",
             "$iothub/#",
             "$iothub/+/POST/#",
             "$iothub/methods/#",
             "$SYS/#",
             "devices/#",
             "devices/+/#",
             "devices/+/modules/+/messages/devicebound/#",
             "devices/d1/#",
             "devices/d1",
             "devices/d1/+",
             "devices/d2/messages/devicebound/#",
             "devices/D1/messages/devicebound/#",
             "devices/d12/messages/devicebound/#",
             "devices/d/messages/devicebound/#",
             "/devices/d1/messages/devicebound/#",
             "devices/d1/messages/devicebound",
             "devices/d1/messages/devicebound/",
             "devices/d1/messages/devicebound/x",
             "devices/d1/messages/devicebound/x/#",
             "devices/d1/messages/devicebound/#/x",
             "devices/d1/messages/devicebound#",
             "devices/d1/messages/events/#",
             "devices/d1/messages/events/",
             "devices/d1/modules/m1/#",
             "devices/d1/modules/m1/inputs/#",
             "devices/d1/modules/#",
             "$iothub/methods/POST",
             "$iothub/methods/POST/",
             "$iothub/methods/POST/reboot",
             "$iothub/methods/POST/reboot/x",
             "$iothub/methods/POST/a/b/#",
             "$iothub/methods/POST/a+/#",
             "$iothub/methods/POST//#",
             "$iothub/methods/post/#",
             "$IOTHUB/methods/POST/#",
             "$iothub/methods/res/#",
             "$iothub/methods/POST/#/",
             "$iothub/twin/res",
             "$iothub/twin/res/",
             "$iothub/twin/res/200/#",
             "$iothub/twin/Res/#",
             "$iothub/twin/#",
             "$iothub/twin/GET/#",
             "$iothub/twin/PATCH/properties/reported/#",
             "$iothub/twin/PATCH/properties/desired",
             "$iothub/twin/PATCH/properties/desired/",
             "$iothub/twin/PATCH/properties/#",
             "$iothub/twin/PATCH/properties/desired/#/#",
             "$iothub/streams/POST/#",
             "$share/g/$iothub/methods/POST/#",
             "$dps/registrations/res/#",
         }) {
        EXPECT_FALSE(parse_filter(filter, device)) << filter;
    }
    for (std::string_view filter :
         {"devices/d1/messages/devicebound/#", "devices/+/messages/devicebound/#", "devices/d1/modules/m2/#",
          "devices/+/modules/m2/#", "devices/d2/modules/+/#", "devices/+/modules/#", "devices/+/+/m1/#",
          "devices/d2/modules/m1/#", "devices/d1/modules/m1", "devices/d1/modules/m1/inputs/a/b/#",
          "devices/d1/modules/m1/messages/events/#"}) {
        EXPECT_FALSE(parse_filter(filter, module)) << filter;
    }
}

TEST(ParseFilter, APlusInEachPlaceOfEachFilter) {
    struct Row {
        std::string_view filter;
        ClientIdentity identity;
        std::string_view taken;  ///< For each level: y if a `+` in its place is accepted.
    };
    for (const Row& row : std::initializer_list<Row>{
             // devices / own id / messages / devicebound / anything
             {"devices/d1/messages/devicebound/#", device, "nyyyy"},
             {"devices/a+b#c$?%/messages/devicebound/#", odd, "nyyyy"},
             // devices / own id / modules / own id / messages / devicebound / anything
             {"devices/d1/modules/m1/messages/devicebound/#", module, "nynyyyy"},
             {"devices/d1/modules/m1/inputs/#", module, "nynyyy"},
             {"devices/d1/modules/m1/inputs/in1/#", module, "nynynyy"},
             {"$iothub/methods/POST/#", device, "nnnn"},  // `POST/+` is one level, a request's topic has two
             {"$iothub/methods/POST/reboot/#", device, "nnnyy"},
             {"$iothub/twin/res/#", device, "nnnn"},
             {"$iothub/twin/res/+/#", device, "nnnyy"},
             {"$iothub/twin/PATCH/properties/desired/#", device, "nnnnny"},
         }) {
        const auto kind = parse_filter(row.filter, row.identity);
        ASSERT_TRUE(kind) << row.filter;
        std::size_t begin = 0;
        for (std::size_t level = 0; level < row.taken.size(); ++level) {
            const std::size_t end = std::min(row.filter.find('/', begin), row.filter.size());
            std::string filter(row.filter);
            filter.replace(begin, end - begin, "+");
            const auto parsed = parse_filter(filter, row.identity);
            EXPECT_EQ(parsed.has_value(), row.taken[level] == 'y') << filter;
            // One method becomes all of them; nothing else becomes something else.
            if (parsed && kind != FilterKind::method_named) {
                EXPECT_EQ(parsed, kind) << filter;
            }
            begin = end + 1;
        }
        EXPECT_GT(begin, row.filter.size()) << row.filter << " has more levels than its row";
    }
}

TEST(ParsePublishTopic, TelemetryIsTakenInAllItsForms) {
    struct Case {
        std::string_view topic;
        std::string_view bag;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"devices/d1/messages/events", ""},
             {"devices/d1/messages/events/", ""},
             {"devices/d1/messages/events/a=b", "a=b"},
             {"devices/d1/messages/events/a=b/", "a=b/"},
             {"devices/d1/messages/events/?a=b", "?a=b"},
             {"devices/d1/messages/events/a=b/c#+", "a=b/c#+"},
             {"Devices/d1/Messages/Events/a=b", "a=b"},
         }) {
        const auto topic = parse_publish_topic(c.topic, device);
        ASSERT_TRUE(topic) << c.topic;
        EXPECT_EQ(topic->kind, TopicKind::telemetry);
        EXPECT_EQ(topic->bag, c.bag) << c.topic;
    }
    EXPECT_TRUE(parse_publish_topic("devices/d1/modules/m1/messages/events/x=y", module));
    EXPECT_TRUE(parse_publish_topic("devices/a+b#c$?%/messages/events/", odd));
}

TEST(ParsePublishTopic, APlusIsNobodysId) {
    EXPECT_FALSE(parse_publish_topic("devices/+/messages/events/", device));
    EXPECT_FALSE(parse_publish_topic("devices/d1/modules/+/messages/events/", module));
}

TEST(ParsePublishTopic, RequestsAreTakenApart) {
    const auto get = parse_publish_topic("$iothub/twin/GET/?$rid=4200", device);
    ASSERT_TRUE(get);
    EXPECT_EQ(get->kind, TopicKind::twin_get);
    EXPECT_EQ(get->rid, "4200");
    for (std::string_view spelled : {"$iothub/twin/GET?$rid=4200", "$iothub/twin/GET/?%24rid=4200",
                                     "$iothub/twin/GET/?x=1&$rid=4200&$version=9"}) {
        const auto topic = parse_publish_topic(spelled, device);
        ASSERT_TRUE(topic) << spelled;
        EXPECT_EQ(topic->rid, "4200") << spelled;
    }
    EXPECT_EQ(parse_publish_topic("$iothub/twin/GET/", device)->rid, "");
    EXPECT_EQ(parse_publish_topic("$iothub/twin/GET", device)->rid, "");

    const auto patch =
        parse_publish_topic("$iothub/twin/PATCH/properties/reported/?$rid=a%20b&$version=7", device);
    ASSERT_TRUE(patch);
    EXPECT_EQ(patch->kind, TopicKind::twin_patch);
    EXPECT_EQ(patch->rid, "a%20b");  // echoed byte for byte, so not decoded
    EXPECT_EQ(patch->version, 7);
    const auto first =
        parse_publish_topic("$iothub/twin/PATCH/properties/reported/?$version=x&$rid=1", device);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->has_version);
    EXPECT_FALSE(first->version);
    EXPECT_EQ(first->rid, "1");

    const auto answer = parse_publish_topic("$iothub/methods/res/-2/?$rid=12", module);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, TopicKind::method_response);
    EXPECT_EQ(answer->status, -2);
    EXPECT_EQ(answer->rid, "12");
    for (std::string_view status : {"abc", "1x", "99999999999", "+1", " 1", "-"}) {
        const auto topic =
            parse_publish_topic("$iothub/methods/res/" + std::string(status) + "/?$rid=1", device);
        if (status == "+1") {
            EXPECT_FALSE(topic);  // a wildcard in a topic name
            continue;
        }
        ASSERT_TRUE(topic) << status;
        EXPECT_FALSE(topic->status) << status;
    }
}

TEST(ParsePublishTopic, RequestIdsHaveALimit) {
    const std::string at_limit(rid_bytes_max, 'r');
    EXPECT_EQ(parse_publish_topic("$iothub/twin/GET/?$rid=" + at_limit, device)->rid, at_limit);
    EXPECT_EQ(parse_publish_topic("$iothub/twin/GET/?$rid=r" + at_limit, device)->rid, "");
}

TEST(ParsePublishTopic, EverythingElseIsRefused) {
    for (std::string_view topic : {
             "a",
             "/",
             "devices/d2/messages/events/",
             "devices/D1/messages/events/",
             "devices/d1/messages/event",
             "devices/d1/messages/eventsx",
             "devices/d1/messages/events?a=b",
             "devices/d1/messages/",
             "devices/d1/messages/devicebound/",
             "devices/d1/modules/m1/messages/events/",
             "devices/d1",
             "devices//messages/events/",
             "/devices/d1/messages/events/",
             "$iothub",
             "$iothub/",
             "$iothub/twin",
             "$iothub/twin/",
             "$iothub/twin/GETX/?$rid=1",
             "$iothub/twin/get/?$rid=1",
             "$iothub/twin/GET/x/?$rid=1",
             "$iothub/twin/GET//?$rid=1",
             "$iothub/twin/PATCH/?$rid=1",
             "$iothub/twin/PATCH/properties/?$rid=1",
             "$iothub/twin/PATCH/properties/desired/?$rid=1",
             "$iothub/twin/PATCH/properties/reported/x?$rid=1",
             "$iothub/twin/PATCH/properties/reportedx",
             "$iothub/twin/PATCH/tags/?$rid=1",
             "$iothub/twin/res/200/?$rid=1",
             "$iothub/methods/POST/x/?$rid=1",
             "$iothub/methods/res",
             "$iothub/methods/res/",
             "$iothub/methods/res//?$rid=1",
             "$iothub/methods/res/200/x/?$rid=1",
             "$IOTHUB/twin/GET/?$rid=1",
             "$iothub/twin/GET/?$rid=#",
             "$iothub/twin/GET/?$rid=+",
             "$SYS/x",
             "$iothub/messages/events/",
         }) {
        EXPECT_FALSE(parse_publish_topic(topic, device)) << topic;
    }
    EXPECT_FALSE(parse_publish_topic("devices/d1/messages/events/", module));
    EXPECT_FALSE(parse_publish_topic("devices/d1/modules/m2/messages/events/", module));
}

/// The topic and payload of the one PUBLISH in `bytes`.
std::pair<std::string, std::string> published(const std::string& bytes) {
    Framer framer(PacketLimits::packet_bytes_max);
    Bytes input = as_bytes(bytes);
    const auto packet = framer.next(input);
    EXPECT_TRUE(packet && *packet && input.empty());
    const auto publish = decode_publish(**packet);
    EXPECT_TRUE(publish && publish->qos == 0 && !publish->dup && !publish->retain);
    return {std::string(publish->topic), std::string(as_text(publish->payload))};
}

TEST(HubPublish, TopicsAreWhatSdksParse) {
    std::string out;
    append_method_request(out, 65535, "reboot", R"({"delay":5})");
    EXPECT_EQ(published(out), (std::pair<std::string, std::string>("$iothub/methods/POST/reboot/?$rid=65535",
                                                                   R"({"delay":5})")));
    out.clear();
    append_twin_response(out, 204, "a b", 9, "");
    EXPECT_EQ(published(out),
              (std::pair<std::string, std::string>("$iothub/twin/res/204/?$rid=a b&$version=9", "")));
    out.clear();
    append_twin_response(out, 200, "x", std::nullopt, "{}");
    EXPECT_EQ(published(out), (std::pair<std::string, std::string>("$iothub/twin/res/200/?$rid=x", "{}")));
    out.clear();
    append_desired_notification(out, 4503599627370495, "{}");
    EXPECT_EQ(published(out), (std::pair<std::string, std::string>(
                                  "$iothub/twin/PATCH/properties/desired/?$version=4503599627370495", "{}")));
}

TEST(C2dTopic, BagsAreAsCapturedFromTheService) {
    EXPECT_EQ(c2d_topic({"X", {}}, {{"to", "/devices/X/messages/devicebound"}, {"mid", "g"}, {"ce", "utf-8"}},
                        "none", {}),
              "devices/X/messages/devicebound/%24.mid=g&%24.to=%2Fdevices%2FX%2Fmessages%2Fdevicebound"
              "&%24.ce=utf-8&iothub-ack=none");
    EXPECT_EQ(
        c2d_topic({"X", {}},
                  {{"mid", "Commands:c2d-1"},
                   {"exp", "2020-07-25T14:14:25.1720000Z"},
                   {"to", "/devices/X/messages/devicebound"}},
                  "none", {{"method-name", "Commands:c2d"}}),
        "devices/X/messages/devicebound/%24.exp=2020-07-25T14%3A14%3A25.1720000Z&%24.mid=Commands%3Ac2d-1"
        "&%24.to=%2Fdevices%2FX%2Fmessages%2Fdevicebound&iothub-ack=none&method-name=Commands%3Ac2d");
    EXPECT_EQ(c2d_topic(module, {{"to", "t"}, {"cid", ""}}, "",
                        {{"a b", "c+d/é"}, {"a b", "again"}, {"n", std::nullopt}, {"e", ""}, {"$.x", "1"}}),
              "devices/d1/modules/m1/messages/devicebound/%24.to=t&a%20b=c%2Bd%2F%C3%A9&n&e=");
}

}  // namespace
}  // namespace carillon::mqtt
