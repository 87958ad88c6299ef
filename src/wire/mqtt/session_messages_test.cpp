// Cloud-to-device messages on one connection.

#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/session.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon::mqtt {
namespace {

using testing::publish_of;
using testing::subscribe_of;
using testing::Talk;
using Lines = std::vector<std::string>;

constexpr std::string_view messages_filter = "devices/d1/messages/devicebound/#";
constexpr std::string_view topic = "devices/d1/messages/devicebound/%24.to=x";

std::string puback_of(std::uint16_t id) {
    std::string out;
    append_puback(out, id);
    return out;
}

struct Subscribed : Talk {
    explicit Subscribed(std::uint8_t qos = 1) {
        open();
        say(subscribe_of(messages_filter, qos));
        host.take_sent();
        host.take_lines();
    }
    bool send(std::uint8_t tag, bool dup = false) {
        return session.send_cloud_message(topic, as_bytes("body"), dup, DeliveryTag{tag});
    }
    /// The one PUBLISH that was sent since the last look.
    struct Seen {
        std::uint16_t id = 0;
        int qos = -1;
        bool dup = false;
    };
    Seen sent() {
        const std::string bytes = host.take_sent();
        Framer framer(PacketLimits::packet_bytes_max);
        Bytes input = as_bytes(bytes);
        const auto packet = framer.next(input);
        if (!packet || !*packet) return {};
        const auto publish = decode_publish(**packet);
        EXPECT_TRUE(publish && publish->topic == topic && as_text(publish->payload) == "body");
        return {publish->packet_id, publish->qos, publish->dup};
    }
};

TEST(SessionMessages, AreTakenOnceTheyAreSubscribedTo) {
    Talk talk;
    EXPECT_EQ(talk.session.cloud_message_room(), 0U);
    talk.open();
    EXPECT_EQ(talk.session.cloud_message_room(), 0U);
    talk.say(subscribe_of("$iothub/methods/POST/#"));
    EXPECT_EQ(talk.session.cloud_message_room(), 0U);
    talk.host.take_lines();
    talk.say(subscribe_of(messages_filter, 1));
    EXPECT_EQ(talk.session.cloud_message_room(), SessionLimits::deliveries_max);
    EXPECT_EQ(talk.host.take_lines(), (Lines{"store 2", "changed"}));
}

TEST(SessionMessages, AreSentAtTheQosThatWasGranted) {
    Subscribed at_most_once(0);
    EXPECT_FALSE(at_most_once.send(1, true));
    const auto first = at_most_once.sent();
    EXPECT_EQ(first.qos, 0);
    EXPECT_FALSE(first.dup);  // [MQTT-3.3.1-2]
    EXPECT_EQ(at_most_once.session.cloud_message_room(), SessionLimits::deliveries_max);
    Subscribed at_least_once(1);
    EXPECT_TRUE(at_least_once.send(1, true));
    const auto second = at_least_once.sent();
    EXPECT_EQ(second.qos, 1);
    EXPECT_TRUE(second.dup);
}

TEST(SessionMessages, AreSettledByTheirPacketIds) {
    Subscribed talk;
    EXPECT_TRUE(talk.send(7));
    const auto first = talk.sent();
    EXPECT_TRUE(talk.send(8));
    const auto second = talk.sent();
    EXPECT_NE(first.id, second.id);
    EXPECT_EQ(talk.session.cloud_message_room(), SessionLimits::deliveries_max - 2);
    talk.say(puback_of(second.id));
    EXPECT_EQ(talk.host.take_lines(), Lines{"acknowledged 8"});
    talk.say(puback_of(second.id));  // nobody waits for it any more
    talk.say(puback_of(999));
    EXPECT_EQ(talk.host.take_lines(), Lines{});
    talk.say(puback_of(first.id));
    EXPECT_EQ(talk.host.take_lines(), Lines{"acknowledged 7"});
    EXPECT_EQ(talk.session.cloud_message_room(), SessionLimits::deliveries_max);
    EXPECT_FALSE(talk.session.is_closed());
}

TEST(SessionMessages, AreSixteenThatAreNotAcknowledged) {
    Subscribed talk;
    for (std::uint8_t tag = 0; tag < SessionLimits::deliveries_max; ++tag) {
        EXPECT_GT(talk.session.cloud_message_room(), 0U);
        talk.send(tag);
    }
    EXPECT_EQ(talk.session.cloud_message_room(), 0U);
}

TEST(SessionMessages, HavePacketIdsThatAreNotZeroAndNotInUse) {
    Subscribed talk;
    EXPECT_TRUE(talk.send(1));
    const auto held = talk.sent();
    for (int i = 0; i < 70'000; ++i) {
        talk.send(2);
        const auto next = talk.sent();
        ASSERT_NE(next.id, 0);
        ASSERT_NE(next.id, held.id);
        talk.say(puback_of(next.id));
        talk.host.take_lines();
    }
}

TEST(SessionMessages, WaitForADeviceThatIsBackInItsSession) {
    const auto room_after = [](std::string_view said) {
        Talk talk;
        talk.host.session_present = true;
        talk.host.restored = {{std::string(messages_filter), 1}};
        talk.open();
        EXPECT_EQ(talk.session.cloud_message_room(), 0U);
        if (said.empty()) {
            talk.host.now += SessionLimits::return_max;
            talk.session.tick(talk.host.now);
        } else {
            talk.say(said);
        }
        const Lines lines = talk.host.take_lines();
        const bool is_told = std::find(lines.begin(), lines.end(), "changed") != lines.end();
        EXPECT_TRUE(is_told || talk.session.cloud_message_room() == 0);
        return talk.session.cloud_message_room();
    };
    EXPECT_EQ(room_after(subscribe_of("$iothub/twin/res/#")), 0U);
    EXPECT_GT(room_after(subscribe_of(messages_filter, 1)), 0U);
    EXPECT_GT(room_after(publish_of("devices/d1/messages/events/", "x")), 0U);
    EXPECT_GT(room_after({}), 0U);  // after two seconds in any case
}

TEST(SessionMessages, OfAModuleAreNotSelectedByItsInputs) {
    const ClientIdentity module{"inputs", "m"};
    const auto qos_of = [module](std::string_view filter) {
        Subscriptions subscriptions;
        subscriptions.add(filter, parse_filter(filter, module).value(), 1, module);
        return subscriptions.c2d_qos();
    };
    EXPECT_EQ(qos_of("devices/inputs/modules/m/#"), 1);
    EXPECT_EQ(qos_of("devices/inputs/modules/m/inputs/#"), std::nullopt);
    EXPECT_EQ(qos_of("devices/inputs/modules/m/inputs/in1/#"), std::nullopt);
    EXPECT_EQ(qos_of("devices/+/modules/+/inputs/#"), std::nullopt);
    EXPECT_EQ(qos_of("devices/inputs/modules/m/messages/devicebound/#"), 1);
}

TEST(SessionMessages, ForAnInputAreSelectedByItsNameOrByAllTopics) {
    const ClientIdentity module{"d1", "m"};
    const auto inputs_of = [module](std::string_view filter) {
        Subscriptions subscriptions;
        subscriptions.add(filter, parse_filter(filter, module).value(), 1, module);
        return std::string(subscriptions.input_qos("in1") ? "1" : "") +
               (subscriptions.input_qos("in2") ? "2" : "");
    };
    EXPECT_EQ(inputs_of("devices/d1/modules/m/#"), "12");
    EXPECT_EQ(inputs_of("devices/d1/modules/m/inputs/#"), "12");
    EXPECT_EQ(inputs_of("devices/+/modules/+/Inputs/+/#"), "12");
    EXPECT_EQ(inputs_of("devices/d1/modules/m/inputs/in1/#"), "1");
    EXPECT_EQ(inputs_of("devices/d1/modules/m/messages/devicebound/#"), "");
}

}  // namespace
}  // namespace carillon::mqtt
