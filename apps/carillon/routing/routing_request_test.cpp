#include "routing/routing_request.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(EndpointJson, SaysWhatTheFlagsSay) {
    EndpointOrder order;
    order.url = "https://a.example/hook";
    order.secret = "whsec_x";
    order.wait_s = 5;
    order.enrichments = {"floor=$twin.tags.floor", "a=b=c"};
    EXPECT_EQ(endpoint_json(order),
              R"({"type":"webhook","url":"https://a.example/hook","secret":"whsec_x","maxWaitSeconds":5,)"
              R"("enrichments":{"floor":"$twin.tags.floor","a":"b=c"}})");
    order = {};
    order.container = "file:alerts";
    order.start = "earliest";
    EXPECT_EQ(endpoint_json(order), R"({"type":"file","container":"file:alerts","start":"earliest"})");
}

TEST(EndpointJson, TheSchemeSaysWhatABrokerIs) {
    EndpointOrder order;
    order.url = "tls://a.example:4222";
    order.subject = "plant.{deviceId}";
    EXPECT_EQ(endpoint_json(order),
              R"({"type":"nats","url":"tls://a.example:4222","subject":"plant.{deviceId}"})");
    order = {};
    order.url = "KAFKA://a.example";
    order.topic = "telemetry";
    EXPECT_EQ(endpoint_json(order), R"({"type":"kafka","url":"KAFKA://a.example","topic":"telemetry"})");
    order.mechanism = "SCRAM-SHA-256";
    order.client_certificate = "PEM";
    EXPECT_EQ(endpoint_json(order),
              R"({"type":"kafka","url":"KAFKA://a.example","mechanism":"SCRAM-SHA-256",)"
              R"("clientCertificate":"PEM","topic":"telemetry"})");
}

TEST(EndpointJson, ALogHasAKindAndNoPlace) {
    EndpointOrder order;
    order.kind = "events";
    order.retention_s = 3600;
    order.retention_bytes = 1048576;
    EXPECT_EQ(endpoint_json(order), R"({"type":"events","retentionSeconds":3600,"retentionBytes":1048576})");
    order.url = "https://a.example/";
    EXPECT_FALSE(endpoint_json(order));
}

TEST(EndpointJson, NeedsOnePlaceAndPairs) {
    EndpointOrder order;
    EXPECT_FALSE(endpoint_json(order));
    order.url = "https://a.example/";
    order.container = "file:alerts";
    EXPECT_FALSE(endpoint_json(order));
    order.container.clear();
    order.enrichments = {"floor"};
    EXPECT_FALSE(endpoint_json(order));
    order.enrichments = {"=1"};
    EXPECT_FALSE(endpoint_json(order));
}

TEST(RouteJson, SaysWhatTheFlagsSay) {
    RouteOrder order;
    order.source = "TwinChangeEvents";
    order.condition = "level = 'high'";
    order.endpoints = {"a", "b"};
    order.is_disabled = true;
    EXPECT_EQ(route_json(order), R"({"source":"TwinChangeEvents","condition":"level = 'high'",)"
                                 R"("endpointNames":["a","b"],"isEnabled":false})");
}

TEST(RoutingFile, HoldsEndpointsAndRoutesByName) {
    const auto file =
        read_routing_file(R"({"routes":[{"name":"r","endpointNames":["e"]}],"endpoints":[{"name":"e"}]})");
    ASSERT_TRUE(file);
    ASSERT_EQ(file->endpoints.size(), 1U);
    EXPECT_EQ(file->endpoints[0].name, "e");
    ASSERT_EQ(file->routes.size(), 1U);
    EXPECT_EQ(file->routes[0].json, R"({"name":"r","endpointNames":["e"]})");
    for (const char* text : {"", "[]", R"({"route":[]})", R"({"routes":{}})", R"({"routes":[{}]})"}) {
        EXPECT_FALSE(read_routing_file(text)) << text;
    }
}

TEST(TrialJson, MakesAMessage) {
    RouteTrial trial;
    trial.body = R"({"t":1})";
    trial.properties = {"level=high"};
    trial.device = "d";
    trial.condition = "a = 1";
    EXPECT_EQ(trial_json(trial), R"({"message":{"body":"{\"t\":1}","appProperties":{"level":"high"},)"
                                 R"("systemProperties":{"connectionDeviceId":"d"}},)"
                                 R"("route":{"name":"test","condition":"a = 1","endpointNames":["none"]}})");
    trial = {};
    trial.source = "TwinChangeEvents";
    EXPECT_EQ(trial_json(trial), R"({"message":{"body":"{}","appProperties":{},"systemProperties":{}},)"
                                 R"("routingSource":"TwinChangeEvents"})");
    trial.properties = {"level"};
    EXPECT_FALSE(trial_json(trial));
}

}  // namespace
}  // namespace carillon
