// The device client against a hub that does what no well-behaved one does, or what ours does not do yet.
#include "client/hub_fixture.hpp"
#include "client/scripted_hub.hpp"
#include "wire/mqtt/encode.hpp"

#include <atomic>

namespace carillon::client_test {
namespace {

using mqtt::PacketType;

std::string publish(std::string_view topic, std::string_view payload, std::uint16_t packet_id = 0) {
    mqtt::Publish packet;
    packet.qos = packet_id == 0 ? 0 : 1;
    packet.topic = topic;
    packet.packet_id = packet_id;
    packet.payload = as_bytes(payload);
    std::string out;
    mqtt::append_publish(out, packet);
    return out;
}

class ScriptedTest : public HubTest {
protected:
    /// The fixture's hub lends its certificate.
    DeviceOptions play(std::vector<ScriptedHub::Script> scripts, const std::string& module = {}) {
        const std::string data = (folder() / "data").string();
        peer = std::make_unique<ScriptedHub>(data + "/server-ecdsa.pem", data + "/server-ecdsa-key.pem",
                                             std::move(scripts));
        DeviceOptions options = device("d1");
        if (!module.empty()) options.connection_string += ";ModuleId=" + module;
        options.address = ScriptedHub::address;
        options.port = peer->port();
        return options;
    }
    std::unique_ptr<ScriptedHub> peer;
};

TEST_F(ScriptedTest, ACloudToDeviceMessageArrivesAndIsCompletedOrLeft) {
    std::atomic<int> completed{0};
    std::string after;
    const auto script = [&](Conversation& device) {
        device.accept();
        device.grant();
        EXPECT_NE(device.body.find("devices/d1/messages/devicebound/#"), std::string::npos);
        device.send(publish(
            "devices/d1/messages/devicebound/%24.mid=m%201&%24.to=%2Fdevices%2Fd1&iothub-ack=full&a=b",
            "keep", 7));
        device.send(publish("devices/d1/messages/devicebound/%24.to=x", "take", 8));
        EXPECT_EQ(device.read(), PacketType::puback);
        completed = static_cast<std::uint8_t>(device.body.at(1));
        after = device.read() == PacketType::publish ? device.body : "no message";
    };
    auto client = DeviceClient::open(play({script}));
    ASSERT_TRUE(client) << client.error().detail;
    std::vector<HubToDeviceMessage> messages;
    client->on_message([&](const HubToDeviceMessage& message) {
        messages.push_back(message);
        // It follows what was said to both messages, so the script sees whether one was left.
        if (messages.size() == 2) client->send({.body = "after"}, [](const Delivery&) {});
        return message.body == "take" ? MessageAnswer::complete : MessageAnswer::leave;
    });
    ASSERT_TRUE(client->connected().get());
    peer->wait();
    EXPECT_EQ(completed, 8);
    EXPECT_NE(after.find("after"), std::string::npos);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].find_system("message-id"), "m 1");
    EXPECT_EQ(messages[0].properties, (Properties{{"iothub-ack", "full"}, {"a", "b"}}));
}

TEST_F(ScriptedTest, AModuleHearsOfItsInputs) {
    const auto script = [&](Conversation& device) {
        device.accept();
        device.grant();
        EXPECT_NE(device.body.find("devices/d1/modules/m1/#"), std::string::npos);
        device.send(publish("devices/d1/modules/m1/inputs/door/%24.cdid=d2", "open", 3));
        EXPECT_EQ(device.read(), PacketType::puback);
    };
    auto client = DeviceClient::open(play({script}, "m1"));
    ASSERT_TRUE(client) << client.error().detail;
    std::string heard;
    client->on_message([&heard](const HubToDeviceMessage& message) {
        heard = message.input + ": " + message.body;
        return MessageAnswer::complete;
    });
    ASSERT_TRUE(client->connected().get());
    peer->wait();
    EXPECT_EQ(heard, "door: open");
}

TEST_F(ScriptedTest, AHubThatBreaksOffInAPacketIsTriedAgainAndNothingIsLost) {
    Ledger ledger;
    const auto break_off = [](Conversation& device) {
        device.accept();
        EXPECT_EQ(device.read(), PacketType::publish);
        const std::string request = publish("$iothub/methods/POST/lock/?$rid=1", std::string(500, 'x'));
        device.send(request.substr(0, request.size() / 2));
        device.cut();
    };
    const auto speak_nonsense = [](Conversation& device) {
        device.accept();
        EXPECT_EQ(device.read(), PacketType::publish);
        device.send(std::string_view("\xF0\x00", 2));  // Type 15 is nobody's.
        EXPECT_EQ(device.read(), PacketType{});
    };
    const auto store = [](Conversation& device) {
        device.accept();
        EXPECT_EQ(device.read(), PacketType::publish);
        std::string out;
        // Topic, then the packet id under which it came the first time.
        const std::size_t topic = static_cast<std::uint8_t>(device.body.at(1));
        mqtt::append_puback(out, static_cast<std::uint8_t>(device.body.at(topic + 3)));
        device.send(out);
        EXPECT_EQ(device.read(), PacketType::disconnect);
    };
    auto client = DeviceClient::open(play({break_off, speak_nonsense, store}));
    ASSERT_TRUE(client) << client.error().detail;
    client->send({.body = Ledger::body(1)}, ledger.teller(1));
    client->connect();
    ledger.wait_for_all(1);
    EXPECT_TRUE(ledger.is(1, MessageFate::stored));
    client->close().wait();
    peer->wait();
}

TEST_F(ScriptedTest, AHubThatCutsForAnOldTokenGetsANewOne) {
    std::vector<std::string> connects;
    const auto expire = [&connects](Conversation& device) {
        EXPECT_EQ(device.read(), PacketType::connect);
        connects.push_back(device.body);
        std::string out;
        mqtt::append_connack(out, mqtt::ConnectCode::accepted, false);
        device.send(out);
        std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // Tokens count in seconds.
    };
    auto client = DeviceClient::open(play({expire, expire}));
    ASSERT_TRUE(client) << client.error().detail;
    client->connect();
    peer->wait();
    ASSERT_EQ(connects.size(), 2U);
    EXPECT_NE(connects[0], connects[1]);
}

TEST_F(ScriptedTest, AHubThatTakesNothingAndSaysNothingIsToldOf) {
    const auto say_nothing = [](Conversation& device) {
        device.accept();
        EXPECT_EQ(device.read(), PacketType::publish);
        EXPECT_NE(device.read(), PacketType::publish) << "until the client goes";
    };
    DeviceOptions options = play({say_nothing});
    options.operation_timeout = std::chrono::milliseconds(300);
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client) << client.error().detail;
    ASSERT_TRUE(client->connected().get());
    client->send({.body = Ledger::body(1)}, ledger.teller(1));
    ledger.wait_for_all(1);
    EXPECT_TRUE(ledger.is(1, MessageFate::unknown)) << "it was sent, and may be there";
}

}  // namespace
}  // namespace carillon::client_test
