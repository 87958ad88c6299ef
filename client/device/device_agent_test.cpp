// A device's agent against the hub's end of MQTT, both in memory and on a clock of their own.

#include "device/device_agent.hpp"

#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>
#include <utility>

namespace carillon::client {
namespace {

using mqtt::testing::RecordingHost;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

/// The hub's end of one connection.
struct HubEnd {
    explicit HubEnd(TimePoint now) : session(host, now) {
        host.session = &session;
        host.now = now;
    }
    RecordingHost host;
    mqtt::Session session;
};

/// The world of one agent: a line that the test opens, carries bytes over and cuts.
class World : public AgentHost {
public:
    void open_link() override {
        ++opened;
        is_opening = true;
    }
    void send(std::string_view bytes) override { sent.append(bytes); }
    std::size_t unsent() const override { return unsent_bytes; }
    void close_link() override { is_opening = is_open = false; }
    std::string new_token() override { return "token " + std::to_string(++tokens); }
    std::uint64_t chance() override { return 0; }
    void status_changed(const ConnectionStatus& status) override {
        constexpr const char* names[] = {"idle", "connecting", "connected", "waiting", "stopped", "closed"};
        lines.emplace_back(names[static_cast<int>(status.state)]);
    }
    void method_called(const MethodRequest& request, std::uint64_t call) override {
        lines.push_back("method " + request.name + " " + request.payload_json);
        last_call = call;
    }
    void desired_changed(const DesiredProperties& desired) override {
        lines.push_back((desired.is_complete ? "all desired " : "desired ") + desired.json);
    }
    MessageAnswer message_received(const HubToDeviceMessage& message) override {
        lines.push_back("message " + message.body);
        return MessageAnswer::complete;
    }

    bool is_opening = false;
    bool is_open = false;
    int opened = 0;
    int tokens = 0;
    std::size_t unsent_bytes = 0;
    std::uint64_t last_call = 0;
    std::string sent;
    Lines lines;
};

AgentSettings settings_of_d1() {
    AgentSettings settings{.identity = IdentityKey::parse("d1").value(), .host_name = "hub.example.net"};
    settings.token_lifetime = seconds(1000);
    return settings;
}

class DeviceAgentTest : public ::testing::Test {
protected:
    /// The line is there: the agent's and the hub's bytes go to and fro until neither has any.
    void open(bool carries = true) {
        ASSERT_TRUE(std::exchange(world.is_opening, false));
        world.is_open = true;
        world.sent.clear();
        hub = std::make_unique<HubEnd>(now);
        hub->host.answers = hub_answers;
        agent.link_opened(now);
        if (carries) carry();
    }
    void carry() {
        while (world.is_open && (!world.sent.empty() || !hub->host.sent.empty())) {
            const std::string up = std::exchange(world.sent, {});
            hub->session.receive(as_bytes(up), now);
            const std::string down = std::exchange(hub->host.sent, {});
            if (!down.empty()) agent.link_received(as_bytes(down), now);
        }
    }
    void cut() {
        world.is_open = false;
        agent.link_closed({Errc::connection_closed, "cut"}, now);
    }
    void pass(milliseconds time) {
        now += time;
        if (hub) hub->host.now = now;
        agent.tick(now);
        carry();
    }
    void send(const std::string& body) {
        TelemetryEntry entry;
        entry.body = body;
        entry.done = [this, body](const Delivery& delivery) {
            constexpr const char* fates[] = {"stored", "not sent", "unknown"};
            fates_.push_back(body + " " + fates[static_cast<int>(delivery.fate)]);
        };
        agent.send(std::move(entry), now);
        carry();
    }
    void connect() {
        agent.connect(now);
        open();
    }
    Lines take_fates() { return std::exchange(fates_, {}); }
    Lines take_lines() { return std::exchange(world.lines, {}); }
    Lines take_hub_lines() { return std::exchange(hub->host.lines, {}); }

    TimePoint now{seconds(1)};
    World world;
    DeviceAgent agent{world, settings_of_d1()};
    std::unique_ptr<HubEnd> hub;
    bool hub_answers = true;

private:
    Lines fates_;
};

TEST_F(DeviceAgentTest, AMessageThatWasGivenOfflineIsStoredOnceThereIsAConnection) {
    send("a");
    EXPECT_EQ(take_fates(), Lines{});
    connect();
    EXPECT_EQ(take_lines(), (Lines{"connecting", "connected"}));
    EXPECT_EQ(take_fates(), Lines{"a stored"});
}

TEST_F(DeviceAgentTest, WhatWasNotAcknowledgedIsSentAgainAsADuplicateAndInOrder) {
    connect();
    hub->host.answers = false;
    send("a");
    send("b");
    EXPECT_EQ(take_hub_lines(), (Lines{"connect d1", "telemetry a", "telemetry b"}));
    cut();
    EXPECT_EQ(take_fates(), Lines{});
    send("c");
    pass(milliseconds(0));
    open();
    EXPECT_EQ(take_hub_lines(), (Lines{"connect d1", "telemetry a dup", "telemetry b dup", "telemetry c"}));
    EXPECT_EQ(take_fates(), (Lines{"a stored", "b stored", "c stored"}));
}

TEST_F(DeviceAgentTest, AFateIsToldWhenItsTimeIsOver) {
    connect();
    hub->host.answers = false;
    send("sent");
    cut();
    send("waits");
    pass(seconds(240));
    EXPECT_EQ(take_fates(), (Lines{"sent unknown", "waits not sent"}));
}

TEST_F(DeviceAgentTest, ItComesBackByItsPolicy) {
    connect();
    pass(seconds(20));
    cut();
    EXPECT_EQ(agent.deadline(), now) << "at once the first time";
    pass(milliseconds(0));
    EXPECT_EQ(world.opened, 2);
    agent.link_closed({Errc::unreachable, ""}, now);
    EXPECT_EQ(agent.deadline(), now + milliseconds(200));
    pass(milliseconds(200));
    agent.link_closed({Errc::unreachable, ""}, now);
    EXPECT_EQ(agent.deadline(), now + milliseconds(400));
    EXPECT_EQ(take_lines(), (Lines{"connecting", "connected", "waiting", "connecting", "waiting",
                                   "connecting", "waiting"}));
}

TEST_F(DeviceAgentTest, AConnectionThatEndsAtOnceIsNoSuccess) {
    connect();
    cut();
    pass(milliseconds(0));
    open();
    cut();
    EXPECT_EQ(agent.deadline(), now + milliseconds(200)) << "the second failure in a row";
}

TEST_F(DeviceAgentTest, ARefusedDeviceStopsAndTellsEveryFate) {
    send("a");
    agent.connect(now);
    open(false);
    std::string refusal;
    mqtt::append_connack(refusal, mqtt::ConnectCode::not_authorized, false);
    agent.link_received(as_bytes(refusal), now);
    EXPECT_EQ(agent.status().state, ConnectionState::stopped);
    EXPECT_EQ(agent.status().reason, Errc::iot_hub_unauthorized);
    EXPECT_EQ(take_fates(), Lines{"a not sent"});
    send("b");
    EXPECT_EQ(take_fates(), Lines{"b not sent"});
    agent.connect(now);
    EXPECT_EQ(agent.status().state, ConnectionState::connecting) << "it may be tried again";
}

TEST_F(DeviceAgentTest, AHubThatIsOnlyBusyIsTriedAgain) {
    agent.connect(now);
    open(false);
    std::string refusal;
    mqtt::append_connack(refusal, mqtt::ConnectCode::server_unavailable, false);
    agent.link_received(as_bytes(refusal), now);
    EXPECT_EQ(agent.status().state, ConnectionState::waiting);
    EXPECT_EQ(agent.status().reason, Errc::service_unavailable);
}

TEST_F(DeviceAgentTest, ALineThatDoesNotOpenIsGivenUp) {
    agent.connect(now);
    pass(DeviceAgent::opening_max);
    EXPECT_EQ(agent.status().state, ConnectionState::waiting);
    EXPECT_EQ(agent.status().reason, Errc::gateway_timeout);
    EXPECT_FALSE(world.is_opening);
}

TEST_F(DeviceAgentTest, AHubThatFallsSilentIsLeft) {
    connect();
    pass(seconds(240));
    world.sent.clear();  // The ping, which nobody answers.
    hub->host.sent.clear();
    world.is_open = false;
    pass(seconds(240));
    pass(seconds(30));
    EXPECT_EQ(agent.status().state, ConnectionState::waiting);
}

TEST_F(DeviceAgentTest, ATokenIsRenewedBeforeItExpires) {
    connect();
    pass(seconds(799));
    EXPECT_EQ(world.tokens, 1);
    pass(seconds(1));
    EXPECT_TRUE(world.is_opening) << "over to a new connection";
    open();
    EXPECT_EQ(world.tokens, 2);
    EXPECT_EQ(take_lines(), (Lines{"connecting", "connected", "connecting", "connected"}));
}

TEST(DeviceAgent, ATokenOfASecondIsRenewedWithinIt) {
    World world;
    AgentSettings settings = settings_of_d1();
    settings.token_lifetime = seconds(1);
    DeviceAgent agent{world, settings};
    const TimePoint now{seconds(1)};
    agent.connect(now);
    agent.link_opened(now);
    std::string accepted;
    mqtt::append_connack(accepted, mqtt::ConnectCode::accepted, false);
    agent.link_received(as_bytes(accepted), now);
    EXPECT_EQ(agent.deadline(), now + milliseconds(800));
}

TEST_F(DeviceAgentTest, ARenewalWaitsForWhatIsUnderWayAndHoldsTheRest) {
    connect();
    pass(seconds(700));
    hub->host.answers = false;
    send("a");
    pass(seconds(100));
    send("b");
    EXPECT_FALSE(world.is_opening);
    EXPECT_EQ(take_hub_lines().back(), "telemetry a") << "b is for the next connection";
    hub->session.acknowledge(hub->host.tickets.back());
    carry();
    EXPECT_EQ(take_fates(), Lines{"a stored"});
    EXPECT_TRUE(world.is_opening);
    open();
    EXPECT_EQ(take_fates(), Lines{"b stored"});
}

TEST_F(DeviceAgentTest, ARenewalDoesNotWaitForEver) {
    connect();
    pass(seconds(700));
    hub->host.answers = false;
    send("a");
    pass(seconds(100));
    EXPECT_FALSE(world.is_opening);
    pass(DeviceAgent::drain_max);
    EXPECT_TRUE(world.is_opening);
}

TEST_F(DeviceAgentTest, MethodsAreAnsweredOnTheirOwnConnectionOnly) {
    agent.want(DeviceFeature::methods, now);
    connect();
    hub->session.send_method(7, "lock", "{}");
    carry();
    EXPECT_EQ(take_lines().back(), "method lock {}");
    const std::uint64_t call = world.last_call;
    EXPECT_TRUE(agent.answer_method(call, {.status = 200, .payload_json = "true"}, now));
    carry();
    EXPECT_EQ(take_hub_lines().back(), "answer 7 200 true");
    EXPECT_FALSE(agent.answer_method(call, {}, now)) << "it was answered";

    hub->session.send_method(8, "lock", "{}");
    carry();
    cut();
    EXPECT_FALSE(agent.answer_method(world.last_call, {}, now));
}

TEST_F(DeviceAgentTest, PatchesGoOneByOneAndAgainAfterACut) {
    Lines answers;
    const auto note = [&answers](const Result<TwinReply>& reply) {
        answers.push_back(reply ? std::to_string(reply->version) : reply.error().detail);
    };
    hub_answers = true;
    connect();
    hub->host.answers = false;
    agent.report(R"({"a":1})", note, now);
    agent.report(R"({"a":2})", note, now);
    carry();
    hub->session.subscriptions_stored(true);
    carry();
    EXPECT_EQ(take_hub_lines().back(), "patch 1 {\"a\":1}");
    cut();
    pass(milliseconds(0));
    open();
    EXPECT_EQ(answers, (Lines{"2", "2"}));
    Lines patches;
    for (const std::string& line : take_hub_lines()) {
        if (line.starts_with("patch")) patches.push_back(line);
    }
    EXPECT_EQ(patches, (Lines{"patch 1 {\"a\":1}", "patch 2 {\"a\":2}"}));
}

TEST_F(DeviceAgentTest, ATwinRequestFailsWithTheHubsErrorOrItsTime) {
    std::vector<Errc> errors;
    const auto note = [&errors](const Result<TwinReply>& reply) { errors.push_back(reply.error().code); };
    connect();
    hub->host.answers = false;
    agent.get_twin(note, now);
    carry();
    hub->session.subscriptions_stored(true);
    carry();
    hub->session.send_twin_response(429, "1", std::nullopt, R"({"errorCode":429001,"message":"slow down"})");
    carry();
    agent.get_twin(note, now);
    carry();
    cut();
    pass(seconds(240));
    EXPECT_EQ(errors, (std::vector<Errc>{Errc::throttling_exception, Errc::gateway_timeout}));
}

TEST_F(DeviceAgentTest, ClosingWaitsForEveryFate) {
    connect();
    hub->host.answers = false;
    send("a");
    agent.close(now + seconds(10), now);
    EXPECT_NE(agent.status().state, ConnectionState::closed);
    hub->session.acknowledge(hub->host.tickets.back());
    carry();
    EXPECT_EQ(take_fates(), Lines{"a stored"});
    EXPECT_EQ(agent.status().state, ConnectionState::closed);
}

TEST_F(DeviceAgentTest, ClosingDoesNotWaitForEver) {
    connect();
    hub->host.answers = false;
    send("a");
    agent.close(now + seconds(10), now);
    pass(seconds(10));
    EXPECT_EQ(take_fates(), Lines{"a unknown"});
    EXPECT_EQ(agent.status().state, ConnectionState::closed);
    EXPECT_EQ(agent.deadline(), TimePoint::max());
}

TEST_F(DeviceAgentTest, MessagesWaitWhileTheLineIsFull) {
    connect();
    world.unsent_bytes = DeviceAgent::unsent_bytes_max;
    send("a");
    EXPECT_EQ(take_hub_lines(), Lines{"connect d1"});
    world.unsent_bytes = 0;
    agent.link_drained(now);
    carry();
    EXPECT_EQ(take_fates(), Lines{"a stored"});
}

TEST_F(DeviceAgentTest, WhatAnEarlierProgramSubscribedToIsLeftWithTheHub) {
    connect();
    std::string message;
    mqtt::Publish publish;
    publish.qos = 1;
    publish.packet_id = 9;
    publish.topic = "devices/d1/messages/devicebound/%24.to=x";
    mqtt::append_publish(message, publish);
    agent.link_received(as_bytes(message), now);
    EXPECT_TRUE(world.sent.empty()) << "no PUBACK";
    agent.want(DeviceFeature::c2d, now);
    world.sent.clear();
    agent.link_received(as_bytes(message), now);
    EXPECT_EQ(take_lines().back(), "message ");
    EXPECT_EQ(world.sent, std::string("\x40\x02\x00\x09", 4));
}

}  // namespace
}  // namespace carillon::client
