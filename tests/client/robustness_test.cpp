// The device client where hub and network fail: it recovers by its policy, loses no message that it reported
// as stored, and tells the fate of every other.
#include "base/json.hpp"
#include "client/faulty_proxy.hpp"
#include "client/hub_fixture.hpp"
#include "wire/sas/sas_token.hpp"

#include <atomic>
#include <future>
#include <set>
#include <thread>

namespace carillon::client_test {
namespace {

using std::chrono::milliseconds;

class RobustnessTest : public HubTest {
protected:
    /// Every message reported as stored is on disk, and the first time each is there it is in its order.
    void check(const Ledger& ledger, int messages) {
        EXPECT_EQ(ledger.told(), static_cast<std::size_t>(messages));
        EXPECT_EQ(ledger.told_twice(), 0);
        std::vector<std::string> in_order;
        std::set<std::string> seen;
        for (const std::string& body : stored_bodies()) {
            if (seen.insert(body).second) in_order.push_back(body);
        }
        EXPECT_TRUE(std::is_sorted(in_order.begin(), in_order.end()));
        for (int i = 0; i < messages; ++i) {
            const bool is_there = seen.count(Ledger::body(i)) == 1;
            EXPECT_TRUE(is_there || !ledger.is(i, MessageFate::stored)) << i << " was reported as stored";
            EXPECT_FALSE(is_there && ledger.is(i, MessageFate::not_sent)) << i << " was reported as not sent";
        }
    }
    /// Gives the client messages, a few at a time, until the hub has stored `until` of them.
    int send_until(DeviceClient& client, Ledger& ledger, int next, std::size_t until) {
        wait_until(
            [&] {
                while (next < static_cast<int>(ledger.told()) + 200) {
                    client.send({.body = Ledger::body(next)}, ledger.teller(next));
                    ++next;
                }
                return ledger.count(MessageFate::stored) >= until;
            },
            "messages to be stored");
        return next;
    }
};

TEST_F(RobustnessTest, AHubThatIsKilledAndStartedAgainCostsNothing) {
    Ledger ledger;
    std::atomic<int> losses{0};
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client) << client.error().detail;
    client->on_status([&losses](const ConnectionStatus& status) {
        losses += status.state == ConnectionState::waiting ? 1 : 0;
    });
    ASSERT_TRUE(client->connected().get());
    int sent = 0;
    for (int kills = 0; kills < 3; ++kills) {
        sent = send_until(*client, ledger, sent, ledger.count(MessageFate::stored) + 500);
        hub().kill();
        wait_until([&] { return losses > kills; }, "the loss to be noticed");
        EXPECT_EQ(client->send({.body = "x"}).wait_for(milliseconds(0)), std::future_status::timeout)
            << "it waits for the hub";
        start_hub();
    }
    sent = send_until(*client, ledger, sent, ledger.count(MessageFate::stored) + 100);
    ledger.wait_for_all(sent);
    EXPECT_EQ(ledger.count(MessageFate::stored), static_cast<std::size_t>(sent));
    client->close().wait();
    check(ledger, sent);
}

TEST_F(RobustnessTest, AHubThatStopsAndStartsFindsTheDeviceAgainWithItsTwin) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    std::atomic<std::int64_t> wish{0};
    client->on_desired([&wish](const DesiredProperties& desired) {
        const auto document = JsonDocument::parse(desired.json);
        wish = document->root().find("wish").integer().value_or(0);
    });
    client->on_method("hello", [](const MethodRequest&) { return MethodResponse{}; });
    ASSERT_TRUE(client->connected().get());
    const IdentityKey key = IdentityKey::parse("d1").value();
    ASSERT_TRUE(service().update_twin(key, R"({"properties":{"desired":{"wish":1}}})"));
    wait_until([&] { return wish == 1; }, "the first wish");
    EXPECT_EQ(hub().stop(), 0);
    auto patch = client->report(R"({"n":1})");  // Given while nobody is there to take it.
    start_hub();
    // Of this one the device may be told nothing, as it is away or its subscription is on its way.
    ASSERT_TRUE(service().update_twin(key, R"({"properties":{"desired":{"wish":2}}})"));
    EXPECT_TRUE(patch.get());
    wait_until([&] { return wish == 2; }, "the second wish");
    MethodInvocation call{.name = "hello"};
    call.connect_timeout_s = 20;
    EXPECT_TRUE(service().invoke_method(key, call));
}

TEST_F(RobustnessTest, AConnectionThatIsCutAnywhereInAPacketLosesNothing) {
    FaultyProxy proxy(target().mqtts);
    DeviceOptions options = device("d1");
    options.port = proxy.port();
    options.retry.delay_max = milliseconds(300);
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    client->connect();
    int sent = 0;
    for (const std::size_t bytes : {1U, 517U, 2'500U, 4'111U, 6'007U, 9'001U, 20'011U, 50'021U}) {
        proxy.cut_after(bytes);
        const int cuts = proxy.connections() + 3;
        wait_until(
            [&] {
                // Few at a time, so that there is traffic until the last cut.
                while (sent < static_cast<int>(ledger.told()) + 20) {
                    client->send({.body = Ledger::body(sent)}, ledger.teller(sent));
                    ++sent;
                }
                return proxy.connections() >= cuts;
            },
            "connections to be cut");
    }
    proxy.cut_after(0);
    ledger.wait_for_all(sent);
    EXPECT_EQ(ledger.count(MessageFate::stored), static_cast<std::size_t>(sent));
    client->close().wait();
    check(ledger, sent);
}

TEST_F(RobustnessTest, ASlowLineIsWaitedFor) {
    FaultyProxy proxy(target().mqtts);
    proxy.carry_per_ms(700);
    DeviceOptions options = device("d1");
    options.port = proxy.port();
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->connected().get());
    constexpr int messages = 20;
    for (int i = 0; i < messages; ++i) {
        client->send({.body = std::string(50'000, 'x') + Ledger::body(i)}, ledger.teller(i));
    }
    ledger.wait_for_all(messages);
    EXPECT_EQ(ledger.count(MessageFate::stored), static_cast<std::size_t>(messages));
    EXPECT_EQ(proxy.connections(), 1) << "none was given up";
    client->close().wait();
    check(ledger, messages);
}

TEST_F(RobustnessTest, WhatALineSwallowedIsToldHonestly) {
    FaultyProxy proxy(target().mqtts);
    DeviceOptions options = device("d1");
    options.port = proxy.port();
    options.operation_timeout = milliseconds(500);
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->connected().get());
    client->send({.body = Ledger::body(0)}, ledger.teller(0));
    ledger.wait_for_all(1);
    proxy.swallow(true);
    constexpr int messages = 100;  // More than may be on their way at once.
    for (int i = 1; i < messages; ++i) client->send({.body = Ledger::body(i)}, ledger.teller(i));
    const auto twin = client->get_twin().get();
    ASSERT_FALSE(twin);
    EXPECT_EQ(twin.error().code, Errc::gateway_timeout);
    ledger.wait_for_all(messages);
    EXPECT_TRUE(ledger.is(1, MessageFate::unknown));
    EXPECT_TRUE(ledger.is(messages - 1, MessageFate::not_sent));
    check(ledger, messages);
}

TEST_F(RobustnessTest, ATokenIsRenewedWhileMessagesFlow) {
    FaultyProxy proxy(target().mqtts);
    DeviceOptions options = device("d1");
    options.port = proxy.port();
    options.token_lifetime = std::chrono::seconds(1);
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->connected().get());
    int sent = 0;
    while (proxy.connections() < 4)
        sent = send_until(*client, ledger, sent, ledger.count(MessageFate::stored) + 20);
    ledger.wait_for_all(sent);
    EXPECT_EQ(ledger.count(MessageFate::stored), static_cast<std::size_t>(sent));
    client->close().wait();
    check(ledger, sent);
}

TEST_F(RobustnessTest, ABackEndWaitsForItsHubAsLongAsItsPolicySays) {
    ServiceOptions options;
    options.connection_string = sas::to_text(target().policy);
    options.ca_file = ca_file();
    options.address = address;
    options.port = target().https.port;
    options.retry.attempts_max = 0;
    auto impatient = ServiceClient::open(options).value();
    options.retry.attempts_max = 1000;
    auto patient = ServiceClient::open(options).value();
    const DeviceId id = DeviceId::parse("d1").value();
    hub().kill();
    EXPECT_EQ(impatient.find_device(id).error().code, Errc::unreachable);
    auto created =
        std::async(std::launch::async, [&] { return patient.create_device(id, R"({"deviceId":"d1"})"); });
    start_hub();
    EXPECT_TRUE(created.get());
}

TEST_F(RobustnessTest, AReadyTokenThatHasExpiredStopsIt) {
    DeviceOptions options = device("d1");
    const auto identity = service().find_device(DeviceId::parse("d1").value());
    const auto document = JsonDocument::parse(identity.value());
    const auto key = document->root().find("authentication").find("symmetricKey").find("primaryKey").string();
    const std::string& host = target().host_name;
    const WallTime an_hour_ago = SystemClock().wall_now().plus_s(-3600);
    options.connection_string = "HostName=" + host + ";DeviceId=d1;SharedAccessSignature=" +
                                sas::make_token(host + "/devices/d1", key, an_hour_ago);
    Ledger ledger;
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client) << client.error().detail;
    client->send({.body = Ledger::body(0)}, ledger.teller(0));
    EXPECT_EQ(client->connected().get().error().code, Errc::iot_hub_unauthorized);
    ledger.wait_for_all(1);
    EXPECT_TRUE(ledger.is(0, MessageFate::not_sent));
}

TEST_F(RobustnessTest, ADeviceThatIsDeletedStopsAndSaysWhy) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    std::promise<ConnectionStatus> stopped;
    client->on_status([&stopped](const ConnectionStatus& status) {
        if (status.state == ConnectionState::stopped) stopped.set_value(status);
    });
    ASSERT_TRUE(client->connected().get());
    ASSERT_TRUE(service().delete_device(DeviceId::parse("d1").value()));
    EXPECT_EQ(stopped.get_future().get().reason, Errc::iot_hub_unauthorized);
}

TEST_F(RobustnessTest, WhoIsDestroyedInTheMiddleTellsEveryFateOnce) {
    Ledger ledger;
    constexpr int messages = 500;
    {
        auto client = DeviceClient::open(device("d1"));
        ASSERT_TRUE(client);
        ASSERT_TRUE(client->connected().get());
        for (int i = 0; i < messages; ++i) client->send({.body = Ledger::body(i)}, ledger.teller(i));
    }
    EXPECT_EQ(ledger.told(), static_cast<std::size_t>(messages)) << "when the destructor has returned";
    check(ledger, messages);
}

}  // namespace
}  // namespace carillon::client_test
