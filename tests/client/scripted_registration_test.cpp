// The provisioning client over MQTT against a service that is busy, breaks off, or says nothing.
#include "carillon/provisioning_client.hpp"
#include "client/hub_fixture.hpp"
#include "client/scripted_hub.hpp"
#include "wire/mqtt/encode.hpp"

namespace carillon::client_test {
namespace {

using mqtt::PacketType;

constexpr std::string_view assigning = R"({"operationId":"4.a","status":"assigning"})";
constexpr std::string_view assigned =
    R"({"operationId":"4.a","status":"assigned","registrationState":)"
    R"({"assignedHub":"hub.example.net","deviceId":"d1","payload":{"a":1}}})";

class ScriptedRegistrationTest : public HubTest {
protected:
    /// The fixture's hub lends its certificate.
    Result<ProvisionedDevice> play(std::vector<ScriptedHub::Script> scripts,
                                   std::chrono::milliseconds patience_of_client = patience) {
        const std::string data = (folder() / "data").string();
        ScriptedHub peer(data + "/server-ecdsa.pem", data + "/server-ecdsa-key.pem", std::move(scripts));
        ProvisioningOptions options;
        options.host = target().host_name;
        options.id_scope = "0ne00SCRIPT";
        options.ca_file = ca_file();
        options.address = ScriptedHub::address;
        options.port = peer.port();
        options.transport = ProvisioningTransport::mqtt;
        options.connect_timeout = patience_of_client;
        options.request_timeout = patience_of_client;
        auto client = ProvisioningClient::open(options);
        if (!client) return fail(client.error());
        auto device = client->register_device("d1", "MDEyMzQ1Njc4OWFiY2RlZg==", R"({"floor":2})");
        peer.wait();
        return device;
    }

    /// Reads a request whose topic is said to be this, and answers.
    static void answer(Conversation& device, std::string_view asked, std::string_view topic,
                       std::string_view body) {
        EXPECT_EQ(device.read(), PacketType::publish);
        EXPECT_NE(device.body.find(asked), std::string::npos) << device.body;
        mqtt::Publish packet;
        packet.topic = topic;
        packet.payload = as_bytes(body);
        std::string out;
        mqtt::append_publish(out, packet);
        device.send(out);
    }
    static void until_gone(Conversation& device) {
        while (device.read() != PacketType{}) {
        }
    }
};

TEST_F(ScriptedRegistrationTest, AsksAgainWhereTheServiceIsBusyOrBreaksOff) {
    const auto busy = [](Conversation& device) {
        EXPECT_EQ(device.read(), PacketType::connect);
        std::string out;
        mqtt::append_connack(out, mqtt::ConnectCode::server_unavailable, false);
        device.send(out);
        until_gone(device);
    };
    const auto breaks_off = [](Conversation& device) {
        device.accept();
        device.grant();
        answer(device, R"(iotdps-register/?$rid=1)", "$dps/registrations/res/429/?$rid=1&retry-after=0",
               "{}");
        answer(device, R"({"registrationId":"d1","payload":{"floor":2}})",
               "$dps/registrations/res/202/?$rid=2&retry-after=3", assigning);
        EXPECT_EQ(device.read(), PacketType::publish);
        device.cut();
    };
    const auto ends = [](Conversation& device) {
        device.accept();
        device.grant();
        answer(device, "$rid=1&operationId=4.a", "$dps/registrations/res/200/?$rid=1", assigned);
        until_gone(device);
    };
    const auto device = play({busy, breaks_off, ends});
    ASSERT_TRUE(device) << device.error().detail;
    EXPECT_EQ(device->hub, "hub.example.net");
    EXPECT_EQ(device->payload, R"({"a":1})");
}

TEST_F(ScriptedRegistrationTest, ARefusalIsTheServicesOwn) {
    const auto refuses = [](Conversation& device) {
        device.accept();
        device.grant();
        answer(device, "iotdps-register", "$dps/registrations/res/401/?$rid=1",
               R"({"errorCode":401002,"message":"Unauthorized"})");
        EXPECT_EQ(device.read(), PacketType::disconnect);
    };
    const auto device = play({refuses});
    EXPECT_EQ(device.error().code, Errc::iot_hub_unauthorized_access);
    EXPECT_EQ(device.error().detail, "Unauthorized");
}

TEST_F(ScriptedRegistrationTest, SilenceEndsInTime) {
    constexpr std::chrono::milliseconds short_patience{300};
    const auto says_nothing = [](Conversation& device) { until_gone(device); };
    EXPECT_EQ(play({says_nothing}, short_patience).error().code, Errc::gateway_timeout);
    const auto does_not_answer = [](Conversation& device) {
        device.accept();
        device.grant();
        until_gone(device);
    };
    EXPECT_EQ(play({does_not_answer}, short_patience).error().code, Errc::gateway_timeout);
}

TEST_F(ScriptedRegistrationTest, AnOperationThatNoTopicHoldsIsRefused) {
    const auto raves = [](Conversation& device) {
        device.accept();
        device.grant();
        const std::string body =
            R"({"operationId":")" + std::string(70'000, 'x') + R"(","status":"assigning"})";
        answer(device, "iotdps-register", "$dps/registrations/res/202/?$rid=1&retry-after=0", body);
        until_gone(device);
    };
    EXPECT_EQ(play({raves}).error().code, Errc::malformed_packet);
}

}  // namespace
}  // namespace carillon::client_test
