// Cloud-to-device messages over MQTT.

#include "core/messages/messages.hpp"
#include "endpoint/mqtt/cloud_message_topic.hpp"
#include "endpoint/mqtt/testing.hpp"
#include "wire/mqtt/decode.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::Peer;
using testing::publish_of;
using testing::Site;
using testing::subscribe_of;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

constexpr std::string_view filter = "devices/d1/messages/devicebound/#";

TEST(CloudMessageTopic, HasThePropertiesInTheOrderThatClientsNeed) {
    CloudMessage message;
    message.expiry = WallTime{637'312'832'651'720'000};
    message.ack = Ack::full;
    message.system = {{"content-type", "application/json"},
                      {"content-encoding", "utf-8"},
                      {"user-id", "u"},
                      {"correlation-id", "c"},
                      {"to", "/devices/d1/messages/devicebound"},
                      {"message-id", "m 1"},
                      {"iothub-operation", "dropped"}};
    message.properties = {{"a", "1"}, {"empty", ""}, {"null", std::nullopt}};
    EXPECT_EQ(cloud_message_topic({"d1", {}}, message),
              "devices/d1/messages/devicebound/%24.exp=2020-07-25T14%3A14%3A25.1720000Z&%24.mid=m%201&"
              "%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound&%24.cid=c&%24.uid=u&"
              "%24.ct=application%2Fjson&%24.ce=utf-8&iothub-ack=full&a=1&empty=&null");
}

TEST(CloudMessageTopic, AlwaysSaysWhereTheMessageGoes) {
    EXPECT_EQ(cloud_message_topic({"d1", {}}, {}),
              "devices/d1/messages/devicebound/%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound");
    EXPECT_EQ(cloud_message_topic({"d1", "m"}, {}),
              "devices/d1/modules/m/messages/devicebound/"
              "%24.to=%2Fdevices%2Fd1%2Fmodules%2Fm%2Fmessages%2Fdevicebound");
    CloudMessage message;
    message.system = {{std::string(CloudMessage::input_property), "in1"}, {"to", "x"}};
    EXPECT_EQ(cloud_message_topic({"d1", "m"}, message), "devices/d1/modules/m/inputs/in1/%24.to=x");
}

struct MqttMessages : ::testing::Test {
    Site site;
    MqttMessages() { site.hub.add_device("d1"); }

    void send(std::string body, Ack ack = Ack::none) {
        CloudMessage message;
        message.ack = ack;
        message.system = {{"message-id", body}};
        message.body = std::move(body);
        ASSERT_TRUE(site.hub.run(site.hub->messages().send(IdentityKey::parse("d1").value(), message)));
    }
    struct Received {
        std::string body;
        std::uint16_t id;
    };
    /// The messages that the device was sent since the last look, `again` behind those that are repeated.
    static std::vector<Received> received(Peer& peer) {
        std::vector<Received> out;
        const std::string bytes = peer.wire.take_sent();
        Framer framer(PacketLimits::packet_bytes_max);
        Bytes input = as_bytes(bytes);
        for (auto packet = framer.next(input); packet && *packet; packet = framer.next(input)) {
            if (!(*packet)->is(PacketType::publish)) continue;
            const auto publish = decode_publish(**packet);
            out.push_back({std::string(as_text(publish->payload)) + (publish->dup ? " again" : ""),
                           publish->packet_id});
        }
        return out;
    }
    static Texts bodies(const std::vector<Received>& all) {
        Texts out;
        for (const Received& one : all) out.push_back(one.body);
        return out;
    }
    void acknowledge(Peer& peer, std::uint16_t id) {
        std::string packet;
        append_puback(packet, id);
        peer.say(packet);
        site.hub.settle();
    }
    std::uint32_t waiting() { return site.hub.find("d1")->c2d_count; }
};

TEST_F(MqttMessages, AreDeliveredOnSubscriptionInOrderAndCompletedByPuback) {
    for (const char* text : {"1", "2"}) send(text);
    Peer peer(site);
    peer.open("d1");
    EXPECT_TRUE(received(peer).empty());
    peer.say(subscribe_of(filter, 1));
    site.hub.settle();
    const auto first = received(peer);
    EXPECT_EQ(bodies(first), (Texts{"1", "2"}));
    send("3");
    const auto third = received(peer);
    EXPECT_EQ(bodies(third), Texts{"3"});
    EXPECT_EQ(waiting(), 3U);
    for (const Received& one : first) acknowledge(peer, one.id);
    acknowledge(peer, third[0].id);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(MqttMessages, NotAcknowledgedComeAgainOnTheNextConnection) {
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(filter, 1));
    site.hub.settle();
    for (const char* text : {"1", "2"}) send(text);
    acknowledge(peer, received(peer)[0].id);
    peer.lose();
    site.hub.settle();
    EXPECT_EQ(waiting(), 1U);
    Peer next(site);
    next.open("d1");
    EXPECT_TRUE(received(next).empty());  // its program may not run yet
    next.say(publish_of("devices/d1/messages/events/", "x"));
    site.hub.settle();
    const auto again = received(next);
    EXPECT_EQ(bodies(again), Texts{"2 again"});
    acknowledge(next, again[0].id);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(MqttMessages, AtQosZeroAreCompletedWhenTheyAreSent) {
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(filter, 0));
    site.hub.settle();
    peer.wire.take_sent();
    send("1", Ack::full);
    EXPECT_EQ(bodies(received(peer)), Texts{"1"});
    EXPECT_EQ(waiting(), 0U);
    site.hub.advance(15s);
    const auto feedback = site.hub.run(site.hub->messages().feedback().receive(60s));
    ASSERT_TRUE(feedback && *feedback);
    EXPECT_EQ((*feedback)->records[0].original_message_id, "1");
    EXPECT_EQ((*feedback)->records[0].outcome, MessageOutcome::success);
}

TEST_F(MqttMessages, AreSixteenInFlight) {
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(filter, 1));
    site.hub.settle();
    peer.wire.take_sent();
    for (int i = 0; i < 20; ++i) send(std::to_string(i));
    const auto first = received(peer);
    ASSERT_EQ(first.size(), 16U);
    acknowledge(peer, first[3].id);
    EXPECT_EQ(bodies(received(peer)), Texts{"16"});
}

TEST_F(MqttMessages, WaitForAPeerThatDoesNotRead) {
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(filter, 1));
    site.hub.settle();
    peer.wire.take_sent();
    peer.wire.unsent = Connection::output_bytes_max;
    peer.wire.congested = true;
    send("1");
    EXPECT_TRUE(received(peer).empty());
    peer.wire.unsent = 0;
    peer.wire.congested = false;
    peer.wire.handler->drained();
    site.hub.settle();
    EXPECT_EQ(bodies(received(peer)), Texts{"1"});
}

TEST_F(MqttMessages, AreNotForThoseWhoDidNotSubscribe) {
    Peer peer(site);
    peer.open("d1");
    peer.subscribe("$iothub/methods/POST/#");
    send("1");
    EXPECT_TRUE(received(peer).empty());
    EXPECT_EQ(waiting(), 1U);
}

}  // namespace
}  // namespace carillon::mqtt
