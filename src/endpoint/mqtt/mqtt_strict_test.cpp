#include "core/shard/throttles.hpp"
#include "endpoint/mqtt/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::connack_of;
using testing::Peer;
using testing::publish_of;
using testing::Site;
using testing::to_hex;

/// A hub of the service's edition S1, and a device on it.
struct StrictSite : Site {
    StrictSite() : Site(1, options()) { hub.add_device("d1"); }
    static HubOptions options() {
        HubOptions strict;
        strict.tier = TierProfile{};
        return strict;
    }
    void use_up(ThrottleClass what) {
        while (hub->throttles().take_some(what, 1000, clock.now()) > 0) {
        }
    }
};

TEST(StrictMqtt, RefusesAConnectionTooMany) {
    StrictSite site;
    site.use_up(ThrottleClass::connections);
    Peer refused(site);
    refused.connect("d1", site.token_of("d1"));
    EXPECT_EQ(refused.wire.sent, connack_of(ConnectCode::server_unavailable));
    EXPECT_TRUE(refused.wire.closed);
    EXPECT_EQ(site.hub.find("d1")->link, nullptr);
    site.clock.advance(std::chrono::milliseconds(10));
    Peer accepted(site);
    accepted.connect("d1", site.token_of("d1"));
    EXPECT_EQ(accepted.wire.sent, connack_of(ConnectCode::accepted));
}

TEST(StrictMqtt, AnswersTwinRequestsTooManyWith429) {
    StrictSite site;
    Peer peer(site);
    peer.open("d1");
    peer.subscribe("$iothub/twin/res/#");
    site.use_up(ThrottleClass::twin_reads);
    peer.say(publish_of("$iothub/twin/GET/?$rid=1"));
    const std::string read = peer.wire.take_sent();
    EXPECT_NE(read.find("$iothub/twin/res/429/?$rid=1"), std::string::npos);
    EXPECT_NE(read.find("\"errorCode\":429001"), std::string::npos);
    peer.say(publish_of("$iothub/twin/PATCH/properties/reported/?$rid=2", R"({"a":1})"));
    site.hub.settle();
    EXPECT_NE(peer.wire.take_sent().find("$iothub/twin/res/204/?$rid=2"), std::string::npos);
    site.use_up(ThrottleClass::twin_updates);
    peer.say(publish_of("$iothub/twin/PATCH/properties/reported/?$rid=3", R"({"a":2})", 1, 9));
    site.hub.settle();
    const std::string write = peer.wire.take_sent();
    EXPECT_NE(write.find("$iothub/twin/res/429/?$rid=3"), std::string::npos);
    EXPECT_TRUE(to_hex(write).ends_with("40020009"));
    EXPECT_EQ(site.hub.find("d1")->committed->twin.reported.version(), 2);
    EXPECT_FALSE(peer.wire.closed);
}

TEST(StrictMqtt, ClosesWithoutAPubackWhenTelemetryComesTooFast) {
    StrictSite site;
    Peer peer(site);
    peer.open("d1");
    site.use_up(ThrottleClass::telemetry);
    peer.say(publish_of("devices/d1/messages/events/", "hello", 1, 7));
    site.hub.settle();
    EXPECT_EQ(peer.wire.sent, "");
    EXPECT_TRUE(peer.wire.closed);
}

}  // namespace
}  // namespace carillon::mqtt
