// Devices that come back to their stored session, on a hub.

#include "core/shard/methods.hpp"
#include "endpoint/mqtt/mqtt_connection.hpp"
#include "endpoint/mqtt/testing.hpp"
#include "wire/mqtt/decode.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::connack_of;
using testing::methods_filter;
using testing::Peer;
using testing::publish_of;
using testing::published;
using testing::Site;
using testing::subscribe_of;
using testing::to_hex;

TEST(ReturningDevice, ACallWaitsForADeviceThatIsBackUntilItsProgramRuns) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    {
        Peer peer(site);
        peer.open("d1");
        peer.subscribe(methods_filter);
    }
    for (const bool subscribes : {true, false}) {
        Peer peer(site);
        peer.connect("d1", site.token_of("d1"));
        EXPECT_EQ(peer.wire.take_sent(), connack_of(ConnectCode::accepted, true));
        MethodCall call;
        call.name = "lock";
        auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
        call.name = "unlock";
        call.connect_timeout_s = 1;  // shorter than what the device is given
        auto patient = site.hub.begin(shard.methods().invoke(record.key, call));
        site.hub.settle();
        EXPECT_EQ(peer.wire.sent, "");
        EXPECT_FALSE(answer->has_value());
        if (subscribes) {
            peer.say(subscribe_of(methods_filter));
            EXPECT_TRUE(to_hex(peer.wire.sent).starts_with("9003000100"));
        } else {
            site.hub.advance(std::chrono::milliseconds(1'999));
            EXPECT_EQ(peer.wire.sent, "");
            site.hub.advance(std::chrono::milliseconds(1));
        }
        site.hub.settle();
        const auto calls = published(peer.wire.take_sent());
        ASSERT_EQ(calls.size(), 2U);
        EXPECT_EQ(calls[0].first, "$iothub/methods/POST/lock/?$rid=1");
        EXPECT_EQ(calls[1].first, "$iothub/methods/POST/unlock/?$rid=2");
        peer.say(publish_of("$iothub/methods/res/200/?$rid=1"));
        peer.say(publish_of("$iothub/methods/res/200/?$rid=2"));
        site.hub.settle();
        ASSERT_TRUE(answer->has_value() && patient->has_value());
        EXPECT_TRUE(**answer);
        EXPECT_TRUE(**patient);
    }
}

TEST(ReturningDevice, ADeviceThatKeepsComingBackDoesNotWaitAnew) {
    Site site;
    Record& record = site.hub.add_device("d1");
    {
        Peer peer(site);
        peer.open("d1");
        peer.subscribe(methods_filter);
    }
    for (const bool takes_over : {true, false}) {
        auto first = std::make_unique<Peer>(site);
        first->open("d1");
        EXPECT_FALSE(record.link->takes_method("m"));
        site.hub.advance(std::chrono::milliseconds(1'900));
        EXPECT_FALSE(record.link->takes_method("m"));
        if (!takes_over) first->lose();
        Peer second(site);
        second.open("d1");
        EXPECT_TRUE(record.link->takes_method("m"));
        second.lose();
        Peer third(site);  // the one before waited for nothing
        third.open("d1");
        EXPECT_FALSE(record.link->takes_method("m"));
        third.lose();
        site.hub.advance(SessionLimits::return_max + std::chrono::milliseconds(1));
    }
    Peer later(site);  // too long after the third
    later.open("d1");
    EXPECT_FALSE(record.link->takes_method("m"));
}

TEST(InterruptedReturns, AreBoundedAndShort) {
    InterruptedReturns returns;
    const TimePoint now{};
    for (std::uint64_t device = 0; device <= InterruptedReturns::devices_max; ++device)
        returns.note(device, now);
    EXPECT_FALSE(returns.take(InterruptedReturns::devices_max, now));
    EXPECT_TRUE(returns.take(0, now + SessionLimits::return_max));
    EXPECT_FALSE(returns.take(0, now));
    EXPECT_FALSE(returns.take(1, now + SessionLimits::return_max + std::chrono::nanoseconds(1)));
    returns.note(7'000, now + std::chrono::hours(1));  // makes room
    returns.note(7'001, now + std::chrono::hours(1));
    EXPECT_TRUE(returns.take(7'001, now + std::chrono::hours(1)));
}

TEST(ReturningDevice, ACallForADeviceThatIsBackAndGoneAgainFails) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    {
        Peer peer(site);
        peer.open("d1");
        peer.subscribe(methods_filter);
    }
    auto peer = std::make_unique<Peer>(site);
    peer->connect("d1", site.token_of("d1"));
    MethodCall call;
    call.name = "lock";
    auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
    site.hub.settle();
    peer.reset();
    site.hub.advance(DeviceLink::will_take_max);
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((**answer).error().code, Errc::device_not_online);
}

}  // namespace
}  // namespace carillon::mqtt
