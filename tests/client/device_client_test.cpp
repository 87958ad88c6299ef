// What a device does with its hub, by the public client against the real program.
#include "base/json.hpp"
#include "carillon/enrollments.hpp"
#include "carillon/provisioning_client.hpp"
#include "client/hub_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <future>
#include <thread>

namespace carillon::client_test {
namespace {

std::int64_t reported(ServiceClient& service, const IdentityKey& key, std::string_view name) {
    const auto twin = service.find_twin(key);
    const auto document = JsonDocument::parse(twin.value());
    return document->root().find("properties").find("reported").find(name).integer().value_or(-1);
}

class DeviceClientTest : public HubTest {
protected:
    /// All that a device can do, over whatever `options` say.
    void exercise(const DeviceOptions& options, const IdentityKey& key) {
        auto client = DeviceClient::open(options);
        ASSERT_TRUE(client) << client.error().detail;
        client->on_method("add", [](const MethodRequest& request) {
            const auto payload = JsonDocument::parse(request.payload_json);
            const auto sum = payload->root().find("a").integer().value() + 1;
            return MethodResponse{.status = 201, .payload_json = std::to_string(sum)};
        });
        std::promise<std::string> wished;
        client->on_desired([&wished](const DesiredProperties& desired) {
            if (desired.json.find("\"x\"") != std::string::npos) wished.set_value(desired.json);
        });
        const auto connected = client->connected().get();
        ASSERT_TRUE(connected) << connected.error().detail;
        EXPECT_EQ(client->report(R"({"n":5})").get().value(), 2);
        EXPECT_EQ(reported(service(), key, "n"), 5);
        const auto twin = client->get_twin().get();
        ASSERT_TRUE(twin);
        EXPECT_NE(twin->find(R"("n":5)"), std::string::npos);

        MethodInvocation call{.name = "add", .payload_json = R"({"a":41})"};
        EXPECT_EQ(service().invoke_method(key, call).value(), R"({"status":201,"payload":42})");
        call.name = "unheard-of";
        const auto unknown = service().invoke_method(key, call);
        EXPECT_EQ(unknown.value_or("").substr(0, 13), R"({"status":501)");

        ASSERT_TRUE(service().update_twin(key, R"({"properties":{"desired":{"x":1}}})"));
        EXPECT_EQ(wished.get_future().get(), R"({"x":1,"$version":2})");

        TelemetryMessage message;
        message.body = Ledger::body(1);
        message.content_type = "text/plain";
        message.properties = {{"kind", "a b"}};
        const auto delivery = client->send(message).get();
        EXPECT_TRUE(delivery.is_stored()) << delivery.detail;
        client->close().wait();
        EXPECT_EQ(client->send(message).get().fate, MessageFate::not_sent) << "it is closed";
        EXPECT_EQ(stored_bodies(), std::vector<std::string>{Ledger::body(1)});
    }
};

TEST_F(DeviceClientTest, ADeviceDoesAllByMqtt) {
    exercise(device("d1"), IdentityKey::parse("d1").value());
}

TEST_F(DeviceClientTest, ADeviceDoesAllWithinAWebSocket) {
    DeviceOptions options = device("d1");
    options.transport = DeviceTransport::mqtt_websocket;
    options.port = target().https.port;
    exercise(options, IdentityKey::parse("d1").value());
}

TEST_F(DeviceClientTest, AModuleDoesAll) {
    device("d1");
    exercise(device("d1", "m1"), IdentityKey::parse("d1", "m1").value());
}

TEST_F(DeviceClientTest, ACertificateProvesADevice) {
    const std::string key = (folder() / "device-key.pem").string();
    const std::string certificate = (folder() / "device.pem").string();
    const std::string thumbprint = (folder() / "thumbprint").string();
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=d1"
        " -keyout " +
        key + " -out " + certificate + " 2>/dev/null && openssl x509 -in " + certificate +
        " -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr -d '\\n' > " + thumbprint;
    ASSERT_EQ(std::system(make.c_str()), 0);
    std::string digits(64, '\0');
    std::FILE* file = std::fopen(thumbprint.c_str(), "r");
    ASSERT_EQ(std::fread(digits.data(), 1, digits.size(), file), digits.size());
    std::fclose(file);
    const std::string identity = R"({"deviceId":"d1","authentication":{"type":"selfSigned","x509Thumbprint":)"
                                 R"({"primaryThumbprint":")" +
                                 digits + R"("}}})";
    ASSERT_TRUE(service().create_device(DeviceId::parse("d1").value(), identity));
    DeviceOptions options;
    options.connection_string = "HostName=" + target().host_name + ";DeviceId=d1;x509=true";
    options.certificate_file = certificate;
    options.key_file = key;
    options.ca_file = ca_file();
    options.address = address;
    options.port = target().mqtts.port;
    exercise(options, IdentityKey::parse("d1").value());
}

/// A hub with which devices register.
class ProvisionedDeviceTest : public DeviceClientTest {
protected:
    static constexpr const char* id_scope = "0ne00CLIENT";

    void SetUp() override {
        ::setenv("CARILLON_PROVISIONING__ID_SCOPES", id_scope, 1);
        DeviceClientTest::SetUp();
        ::unsetenv("CARILLON_PROVISIONING__ID_SCOPES");
    }
    ProvisioningOptions provisioning(ProvisioningTransport transport, std::uint16_t port) const {
        ProvisioningOptions options;
        options.host = target().host_name;
        options.id_scope = id_scope;
        options.ca_file = ca_file();
        options.address = address;
        options.transport = transport;
        options.port = port;
        return options;
    }
    /// A device of a new group registers, is told where it belongs, and does all there.
    void register_and_exercise(ProvisioningTransport transport, std::uint16_t port) {
        Enrollments enrollments(service());
        const auto made =
            enrollments.put(Enrollments::Kind::group, "doors", R"({"attestation":{"type":"symmetricKey"}})");
        ASSERT_TRUE(made) << made.error().detail;
        const auto group = JsonDocument::parse(*made);
        const std::string group_key(
            group->root().find("attestation").find("symmetricKey").find("primaryKey").string());
        auto client = ProvisioningClient::open(provisioning(transport, port));
        ASSERT_TRUE(client) << client.error().detail;
        EXPECT_EQ(client->register_device("d1", group_key).error().code, Errc::iot_hub_unauthorized_access)
            << "the key of the group itself proves nobody";
        const auto device = client->register_device("d1", derive_device_key(group_key, "d1"));
        ASSERT_TRUE(device) << device.error().detail;
        EXPECT_EQ(device->hub, target().host_name);
        EXPECT_EQ(device->substatus, "initialAssignment");
        DeviceOptions options;
        options.connection_string = device->connection_string;
        options.ca_file = ca_file();
        options.address = address;
        options.port = target().mqtts.port;
        exercise(options, IdentityKey::parse(device->device_id).value());
    }
};

TEST_F(ProvisionedDeviceTest, ADeviceThatKnowsItsGroupsKeyAloneRegistersAndDoesAll) {
    register_and_exercise(ProvisioningTransport::https, target().https.port);
}

TEST_F(ProvisionedDeviceTest, ItDoesSoByMqtt) {
    register_and_exercise(ProvisioningTransport::mqtt, target().mqtts.port);
}

TEST_F(ProvisionedDeviceTest, ItDoesSoWithinAWebSocket) {
    register_and_exercise(ProvisioningTransport::mqtt_websocket, target().https.port);
}

TEST_F(ProvisionedDeviceTest, AnUnknownScopeAnUntrustedAuthorityAndALongIdAreRefusedByMqtt) {
    ProvisioningOptions options = provisioning(ProvisioningTransport::mqtt, target().mqtts.port);
    options.id_scope = "0ne00OTHER";
    const std::string key = "MDEyMzQ1Njc4OWFiY2RlZg==";
    auto stranger = ProvisioningClient::open(options);
    ASSERT_TRUE(stranger);
    EXPECT_EQ(stranger->register_device("d1", key).error().code, Errc::iot_hub_unauthorized_access);
    EXPECT_EQ(stranger->register_device(std::string(129, 'd'), key).error().code, Errc::argument_invalid);
    EXPECT_EQ(stranger->register_device("d1", key, std::string(100'000, '1')).error().code,
              Errc::argument_invalid);
    options.ca_file.clear();
    auto distrustful = ProvisioningClient::open(options);
    ASSERT_TRUE(distrustful);
    EXPECT_EQ(distrustful->register_device("d1", key).error().code, Errc::tls_failed);
    options.ca_file = "absent.pem";
    EXPECT_EQ(ProvisioningClient::open(options).error().code, Errc::not_found_locally);
}

/// All that a device says, one after the other.
Coroutine say_all(DeviceClient& device, std::promise<std::string>& said) {
    std::string heard;
    const auto connected = co_await device.connected(awaiting);
    heard += connected ? "connected " : connected.error().detail;
    for (int n = 1; n <= 3; ++n) {
        const std::string patch = R"({"n":)" + std::to_string(n) + "}";
        const auto version = co_await device.report(patch, awaiting);
        heard += version ? std::to_string(*version) + " " : version.error().detail;
        if (co_await device.after(std::chrono::milliseconds(5), awaiting)) heard += "later ";
    }
    const auto refused = co_await device.report("[]", awaiting);
    heard += refused ? "taken " : "refused ";
    const auto twin = co_await device.get_twin(awaiting);
    heard += twin && twin->find(R"("n":3)") != std::string::npos ? "three " : "lost ";
    TelemetryMessage message;
    message.body = Ledger::body(1);
    const Delivery delivery = co_await device.send(message, awaiting);
    heard += delivery.is_stored() ? "stored " : delivery.detail;
    co_await device.close(std::chrono::seconds(10), awaiting);
    if (!co_await device.after(std::chrono::hours(1), awaiting)) heard += "closed";
    said.set_value(heard);
}

TEST_F(DeviceClientTest, ACoroutineSaysOneThingAfterTheOther) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    std::promise<std::string> said;
    say_all(*client, said);
    EXPECT_EQ(said.get_future().get(), "connected 2 later 3 later 4 later refused three stored closed");
    EXPECT_EQ(stored_bodies(), std::vector<std::string>{Ledger::body(1)});
}

TEST_F(DeviceClientTest, AWaitEndsWithTheClient) {
    std::promise<bool> waited;
    {
        auto client = DeviceClient::open(device("d1"));
        ASSERT_TRUE(client);
        client->after(std::chrono::hours(1), [&waited](bool is_over) { waited.set_value(is_over); });
    }
    EXPECT_FALSE(waited.get_future().get());
}

TEST_F(DeviceClientTest, AnAnswerMayComeLaterAndFromAnotherThread) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    std::promise<bool> sent;
    std::thread worker;
    client->on_method_later("work", [&](const MethodRequest&, const MethodReply& reply) {
        worker = std::thread([reply, &sent] {
            reply.answer({.status = 200, .payload_json = "\"done\""},
                         [&sent](bool left) { sent.set_value(left); });
            reply.answer({.status = 500});
        });
    });
    ASSERT_TRUE(client->connected().get());
    ASSERT_TRUE(client->get_twin().get()) << "what was subscribed to before is in force";
    const MethodInvocation call{.name = "work"};
    EXPECT_EQ(service().invoke_method(IdentityKey::parse("d1").value(), call).value(),
              R"({"status":200,"payload":"done"})");
    EXPECT_TRUE(sent.get_future().get());
    worker.join();
}

TEST_F(DeviceClientTest, AnUnknownAuthorityAndAWrongKeyStopIt) {
    DeviceOptions options = device("d1");
    options.ca_file.clear();
    auto distrustful = DeviceClient::open(options);
    ASSERT_TRUE(distrustful);
    EXPECT_EQ(distrustful->connected().get().error().code, Errc::tls_failed);

    options = device("d2");
    options.connection_string =
        "HostName=" + target().host_name + ";DeviceId=d2;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==";
    auto impostor = DeviceClient::open(options);
    ASSERT_TRUE(impostor);
    EXPECT_EQ(impostor->connected().get().error().code, Errc::iot_hub_unauthorized);
}

TEST_F(DeviceClientTest, ManyClientsShareALoopThatTheProgramRuns) {
    auto loop = EventLoop::open();
    ASSERT_TRUE(loop);
    std::thread runner([&loop] { loop->run(); });
    {
        std::vector<DeviceClient> clients;
        std::vector<std::future<Result<>>> connected;
        for (int i = 0; i < 20; ++i) {
            DeviceOptions options = device("d" + std::to_string(i));
            options.loop = &*loop;
            clients.push_back(DeviceClient::open(options).value());
            connected.push_back(clients.back().connected());
        }
        for (auto& each : connected) EXPECT_TRUE(each.get());
        std::vector<std::future<Delivery>> deliveries;
        for (auto& client : clients) deliveries.push_back(client.send({.body = "x"}));
        for (auto& each : deliveries) EXPECT_TRUE(each.get().is_stored());
    }
    loop->stop();
    runner.join();
}

TEST_F(DeviceClientTest, AFullQueueRefusesAtOnceAndSaysSo) {
    DeviceOptions options = device("d1");
    options.messages_max = 2;
    options.message_bytes_max = 10;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    const auto first = client->send({.body = "12345"});
    const auto second = client->send({.body = "1234567890"}).get();
    EXPECT_EQ(second.fate, MessageFate::not_sent);
    EXPECT_EQ(second.reason, Errc::throttling_backlog_limit_exceeded);
    const auto third = client->send({.body = "12345"});
    EXPECT_EQ(client->send({.body = ""}).get().reason, Errc::throttling_backlog_limit_exceeded);
    EXPECT_EQ(client->report("[]").get().error().code, Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon::client_test
