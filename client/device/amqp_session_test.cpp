#include "device/amqp_session.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/hub_messages.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {
namespace {

using Told = std::vector<std::string>;
using amqp::LinkId;
using amqp::LinkRole;
using amqp::Outcome;

/// A hub's end of the line, which does as its members say and writes down what it hears.
class AmqpHubEnd final : public amqp::ConnectionHost {
public:
    AmqpHubEnd() : connection_(*this, settings_, amqp::Side::server, TimePoint{}) {}

    std::string& output() override { return sent; }
    bool takes_output() const override { return true; }
    void sasl_requested(const amqp::SaslInit& init) override {
        log.push_back("sasl " + std::string(init.mechanism));
        connection_.sasl_decided(amqp::SaslCode::ok);
        connection_.authenticated(TimePoint{});
    }
    void opened(const amqp::Open& open) override { log.push_back("open " + std::string(open.hostname)); }
    void link_requested(LinkId link, const amqp::Attach& attach) override {
        const bool is_sender = attach.role == LinkRole::sender;
        const std::string address((is_sender ? attach.target : attach.source).address.value_or("?"));
        log.push_back((is_sender ? "to " : "from ") + address);
        if (address == refused) {
            return connection_.refuse_link(
                link, {.name = "amqp:unauthorized-access", .description = "no", .info = {}});
        }
        links[(is_sender ? "to " : "from ") + address] = link;
        connection_.accept_link(link, {.credit = is_sender ? 50U : 0U});
    }
    void attached(LinkId, const amqp::Attach&) override {}
    void delivered(const amqp::Delivery& delivery) override {
        const auto view = *amqp::decode_message(delivery.message);
        const LinkId link = delivery.receipt.link;
        amqp::DeliveryState state;
        state.outcome = Outcome::accepted;
        if (link == links["to $cbs"]) {
            connection_.dispose(delivery.receipt, state);
            const auto token = amqp::parse_put_token(view);
            log.push_back("token " + std::string(token->name) + ' ' + std::string(token->token));
            std::string answer;
            amqp::append_cbs_response(answer, token->message_id, token_status, "said the hub");
            return send("from $cbs", answer);
        }
        if (link == links["to /devices/d/twin"]) {
            connection_.dispose(delivery.receipt, state);
            const auto request = amqp::parse_twin_request(view);
            std::string answer;
            const bool is_patch = request->operation == amqp::TwinOperation::patch_reported;
            const bool is_get = request->operation == amqp::TwinOperation::get;
            log.push_back(is_get ? "get" : is_patch ? "patch " + request->body : "subscribe");
            amqp::append_twin_response(answer, request->correlation_id, is_patch ? 204 : 200,
                                       is_patch ? std::optional<std::int64_t>(7) : std::nullopt,
                                       is_get ? R"({"desired":{}})" : "");
            return send("from /devices/d/twin", answer);
        }
        if (link == links["to /devices/d/methods/devicebound"]) {
            connection_.dispose(delivery.receipt, state);
            const auto answer = amqp::parse_method_response(view);
            log.push_back("answer " + std::to_string(answer->request_id) + ' ' +
                          std::to_string(answer->status) + ' ' + answer->payload);
            return;
        }
        std::string said = "message " + std::string(view.content());
        const auto level = amqp::find_in_map(view.application_properties, "level").as_text();
        if (level) said += " level=" + std::string(*level);
        said += " type=" + std::string(view.properties.content_type);
        log.push_back(said);
        state.outcome = telemetry;
        if (telemetry == Outcome::rejected) state.condition.name = "amqp:link:message-size-exceeded";
        connection_.dispose(delivery.receipt, state);
    }
    void disposed(const amqp::Disposal& disposal) override {
        const char* const names[] = {"none", "received", "accepted", "rejected", "released", "modified"};
        if (disposal.cookie != 0)
            log.push_back("settled " + std::to_string(disposal.cookie) + ' ' +
                          names[static_cast<std::size_t>(disposal.state.outcome)]);
    }
    void confirmed(LinkId, std::uint32_t, const amqp::DeliveryState&) override {}
    void flowed(LinkId) override {}
    void detached(LinkId, const amqp::Condition&) override {}

    void send(const std::string& link, const std::string& message, std::uint64_t cookie = 0) {
        const std::uint8_t tag[] = {1};
        EXPECT_TRUE(connection_.send(links[link], {.tag = tag, .cookie = cookie}, as_bytes(message))) << link;
    }
    amqp::Connection& wire() { return connection_; }
    Told take_log() { return std::exchange(log, {}); }

    std::string sent;
    std::string refused;
    int token_status = 200;
    Outcome telemetry = Outcome::accepted;
    std::map<std::string, LinkId> links;
    Told log;

private:
    amqp::ConnectionSettings settings_{
        .container_id = "hub", .hostname = {}, .mechanism = {}, .initial_response = {}};
    amqp::Connection connection_;
};

/// A device that records the calls it gets.
class AmqpDeviceEnd final : public DeviceSessionHost {
public:
    std::string& output() override { return sent; }
    void connected(bool) override { log.push_back("connected"); }
    void subscribed(DeviceFeatures features) override {
        log.push_back(features.has(DeviceFeature::c2d) ? "subscribed to messages" : "subscribed");
    }
    void method_called(const IncomingMethod& call) override {
        log.push_back("method " + std::string(call.name) + ' ' + std::string(call.payload));
        rid = call.rid;
    }
    void twin_answered(const TwinAnswer& answer) override {
        log.push_back("twin " + std::to_string(answer.request) + ' ' + std::to_string(answer.status) + ' ' +
                      std::to_string(answer.version.value_or(0)) + ' ' + std::string(answer.body));
    }
    void desired_changed(std::int64_t version, std::string_view json) override {
        log.push_back("desired " + std::to_string(version) + ' ' + std::string(json));
    }
    void message_received(const HubMessage& message) override {
        std::string said = "message " + std::string(message.payload);
        if (!message.input.empty()) said += " input=" + std::string(message.input);
        for (const auto& [name, value] : message.properties->system) said += ' ' + name + '=' + value;
        for (const auto& [name, value] : message.properties->properties)
            said += ' ' + name + '=' + value.value_or("");
        log.push_back(said);
        messages.push_back(message.packet_id);
    }
    void telemetry_stored(std::uint16_t id) override { log.push_back("stored " + std::to_string(id)); }
    void telemetry_refused(std::uint16_t id, const Error& reason) override {
        log.push_back("refused " + std::to_string(id) + ' ' + std::to_string(static_cast<int>(reason.code)));
    }
    Told take_log() { return std::exchange(log, {}); }

    std::string sent;
    std::string rid;
    std::vector<std::uint16_t> messages;
    Told log;
};

class AmqpSessionTest : public ::testing::Test {
protected:
    void connect(std::string_view token = "SharedAccessSignature x") {
        DeviceIntroduction introduction;
        introduction.host_name = "hub.example.net";
        introduction.token = token;
        session.connect(introduction, now);
        run();
    }
    void run(std::size_t piece = 1U << 20U) {
        for (;;) {
            hub.wire().flush();
            if (hub.sent.empty() && device.sent.empty()) return;
            for (std::string bytes = std::exchange(device.sent, {}); !bytes.empty(); bytes.erase(0, piece))
                hub.wire().receive(as_bytes(std::string_view(bytes).substr(0, piece)), now);
            hub.wire().flush();
            for (std::string bytes = std::exchange(hub.sent, {}); !bytes.empty(); bytes.erase(0, piece))
                session.receive(as_bytes(std::string_view(bytes).substr(0, piece)), now);
        }
    }
    void begin() {
        connect();
        device.take_log();
        hub.take_log();
    }

    TimePoint now{std::chrono::hours(1)};
    AmqpHubEnd hub;
    AmqpDeviceEnd device;
    AmqpSession session{device, *IdentityKey::parse("d")};
};

TEST_F(AmqpSessionTest, ShowsItsTokenAndIsConnectedOnceItsLinkIsTaken) {
    connect();
    EXPECT_EQ(hub.take_log(), (Told{"sasl ANONYMOUS", "open hub.example.net", "from $cbs", "to $cbs",
                                    "token hub.example.net/devices/d SharedAccessSignature x",
                                    "to /devices/d/messages/events"}));
    EXPECT_EQ(device.take_log(), Told{"connected"});
    EXPECT_TRUE(session.is_running());
}

TEST_F(AmqpSessionTest, ACertificateStandsInPlaceOfAToken) {
    connect("");
    EXPECT_EQ(hub.take_log(),
              (Told{"sasl EXTERNAL", "open hub.example.net", "to /devices/d/messages/events"}));
    EXPECT_TRUE(session.is_running());
}

TEST_F(AmqpSessionTest, WorksHoweverTheBytesCome) {
    DeviceIntroduction introduction;
    introduction.host_name = "hub.example.net";
    introduction.token = "x";
    session.connect(introduction, now);
    run(1);
    ASSERT_TRUE(session.is_running());
    ASSERT_TRUE(session.send_telemetry("", "21"));
    run(3);
    EXPECT_EQ(device.take_log(), (Told{"connected", "stored 1"}));
}

TEST_F(AmqpSessionTest, ARefusedTokenOrLinkEndsIt) {
    hub.token_status = 401;
    connect();
    EXPECT_TRUE(session.is_closed());
    EXPECT_TRUE(session.is_refused());
    EXPECT_EQ(session.close_reason(), Errc::iot_hub_unauthorized);
    EXPECT_STREQ(session.close_detail(), "said the hub");
    EXPECT_EQ(device.take_log(), Told{});
    EXPECT_EQ(session.deadline(), TimePoint::max());

    AmqpHubEnd other;
    other.refused = "/devices/d/messages/events";
    AmqpDeviceEnd end;
    AmqpSession second(end, *IdentityKey::parse("d"));
    DeviceIntroduction introduction;
    introduction.token = "x";
    second.connect(introduction, now);
    while (!end.sent.empty() || !other.sent.empty()) {
        other.wire().receive(as_bytes(std::exchange(end.sent, {})), now);
        other.wire().flush();
        second.receive(as_bytes(std::exchange(other.sent, {})), now);
    }
    EXPECT_TRUE(second.is_refused());
    EXPECT_EQ(second.close_reason(), Errc::iot_hub_unauthorized);
}

TEST_F(AmqpSessionTest, AHubThatDoesNotAnswerEndsItInTime) {
    session.connect({}, now);
    session.tick(now + std::chrono::seconds(29));
    EXPECT_FALSE(session.is_closed());
    ASSERT_LE(session.deadline(), now + std::chrono::seconds(30));
    session.tick(now + std::chrono::seconds(30));
    EXPECT_TRUE(session.is_closed());
    EXPECT_FALSE(session.is_refused());
}

TEST_F(AmqpSessionTest, TelemetryIsStoredOrRefusedUnderItsNumber) {
    begin();
    const auto sent = session.send_telemetry("%24.ct=application%2Fjson&level=high", "21");
    ASSERT_TRUE(sent);
    run();
    EXPECT_EQ(hub.take_log(), Told{"message 21 level=high type=application/json"});
    EXPECT_EQ(device.take_log(), Told{"stored " + std::to_string(*sent)});
    hub.telemetry = Outcome::rejected;
    ASSERT_TRUE(session.send_telemetry("", "22", 9));
    run();
    EXPECT_EQ(device.take_log(),
              Told{"refused 9 " + std::to_string(static_cast<int>(Errc::message_too_large))});
}

TEST_F(AmqpSessionTest, TakesNoMoreTelemetryThanMayBeOnItsWay) {
    begin();
    for (std::size_t i = 0; i < DeviceSessionLimits::telemetry_in_flight_max; ++i)
        ASSERT_TRUE(session.send_telemetry("", "x"));
    EXPECT_FALSE(session.send_telemetry("", "x"));
    run();
    EXPECT_TRUE(session.send_telemetry("", "x"));
}

TEST_F(AmqpSessionTest, IsSubscribedOnceEachLinkIsThere) {
    begin();
    session.subscribe({DeviceFeature::methods, DeviceFeature::twin_responses, DeviceFeature::desired});
    EXPECT_EQ(device.take_log(), Told{});
    run();
    EXPECT_EQ(device.take_log(), Told{"subscribed"});
    EXPECT_EQ(hub.take_log(),
              (Told{"to /devices/d/methods/devicebound", "from /devices/d/methods/devicebound",
                    "from /devices/d/twin", "to /devices/d/twin", "subscribe"}));
    // What is there already is not asked for again.
    session.subscribe({DeviceFeature::methods});
    EXPECT_EQ(device.take_log(), Told{"subscribed"});
    hub.refused = "/devices/d/messages/devicebound";
    session.subscribe({DeviceFeature::c2d});
    run();
    EXPECT_TRUE(session.is_closed());
}

TEST_F(AmqpSessionTest, MethodsAndTwinsFindTheirAnswers) {
    begin();
    session.subscribe({DeviceFeature::methods, DeviceFeature::twin_responses, DeviceFeature::desired});
    run();
    hub.take_log();
    device.take_log();
    std::string call;
    amqp::append_method_request(call, 513, "lock", R"({"force":true})");
    hub.send("from /devices/d/methods/devicebound", call);
    run();
    session.answer_method(device.rid, 201, "{}");
    EXPECT_EQ(session.get_twin(), 1U);
    EXPECT_EQ(session.patch_reported(R"({"a":1})"), 2U);
    run();
    std::string news;
    amqp::append_desired_notification(news, 5, R"({"floor":3})");
    hub.send("from /devices/d/twin", news);
    run();
    EXPECT_EQ(hub.take_log(), (Told{"answer 513 201 {}", "get", R"(patch {"a":1})"}));
    EXPECT_EQ(device.take_log(), (Told{R"(method lock {"force":true})", R"(twin 1 200 0 {"desired":{}})",
                                       "twin 2 204 7 ", R"(desired 5 {"floor":3})"}));
}

TEST_F(AmqpSessionTest, AMessageIsSettledAsTheDeviceSays) {
    begin();
    session.subscribe({DeviceFeature::c2d});
    run();
    EXPECT_EQ(device.take_log(), Told{"subscribed to messages"});
    hub.take_log();
    for (int i = 1; i <= 4; ++i) {
        std::string message;
        const std::string body = std::to_string(i);
        amqp::Properties properties;
        std::string id;
        amqp::append_string(id, "m" + body);
        properties.message_id = amqp::encoded_value(as_bytes(id));
        amqp::append_properties(message, properties);
        amqp::append_data(message, as_bytes(body));
        hub.send("from /devices/d/messages/devicebound", message, static_cast<std::uint64_t>(i));
    }
    run();
    ASSERT_EQ(device.messages.size(), 4U);
    EXPECT_EQ(device.take_log().front(), "message 1 message-id=m1");
    session.settle(device.messages[3], MessageAnswer::reject);
    session.settle(device.messages[0], MessageAnswer::complete);
    session.settle(device.messages[1], MessageAnswer::abandon);
    session.settle(device.messages[2], MessageAnswer::leave);
    session.settle(device.messages[0], MessageAnswer::reject);  // Too late.
    run();
    EXPECT_EQ(hub.take_log(), (Told{"settled 4 rejected", "settled 1 accepted", "settled 2 released"}));
}

TEST(AmqpModuleSession, HearsItsInputsAlsoWhereModulesHaveNoMessagesOfTheirOwn) {
    for (const bool has_own : {true, false}) {
        AmqpHubEnd hub;
        AmqpDeviceEnd end;
        AmqpSession module(end, *IdentityKey::parse("d", "m"));
        if (!has_own) hub.refused = "/devices/d/modules/m/messages/devicebound";
        const TimePoint now{std::chrono::hours(1)};
        const auto run = [&] {
            for (;;) {
                hub.wire().flush();
                if (hub.sent.empty() && end.sent.empty()) return;
                const std::string said = std::exchange(end.sent, {});
                hub.wire().receive(as_bytes(said), now);
                hub.wire().flush();
                const std::string answered = std::exchange(hub.sent, {});
                module.receive(as_bytes(answered), now);
            }
        };
        DeviceIntroduction introduction;
        introduction.host_name = "hub.example.net";
        introduction.token = "x";
        module.connect(introduction, now);
        run();
        module.subscribe({DeviceFeature::inputs});
        run();
        EXPECT_EQ(end.take_log(), (Told{"connected", "subscribed"})) << has_own;
        hub.take_log();
        std::string message;
        {
            amqp::MapWriter annotations(message, amqp::descriptor::message_annotations);
            amqp::append_string(annotations.symbol_key("x-opt-input-name"), "in1");
        }
        amqp::append_data(message, as_bytes(std::string_view("hot")));
        hub.send("from /devices/d/modules/m/messages/events", message, 1);
        run();
        EXPECT_EQ(end.take_log(), Told{"message hot input=in1"});
        ASSERT_EQ(end.messages.size(), 1U);
        module.settle(end.messages[0], MessageAnswer::complete);
        run();
        EXPECT_EQ(hub.take_log(), Told{"settled 1 accepted"});
        EXPECT_TRUE(module.is_running());
    }
}

TEST_F(AmqpSessionTest, ALinkThatTheHubTakesAwayEndsIt) {
    begin();
    hub.wire().detach(hub.links["to /devices/d/messages/events"],
                      {.name = "amqp:link:stolen", .description = "a newer connection", .info = {}});
    run();
    EXPECT_TRUE(session.is_closed());
    EXPECT_FALSE(session.is_refused());
    EXPECT_EQ(session.close_reason(), Errc::connection_closed);
    EXPECT_STREQ(session.close_detail(), "a newer connection");
}

TEST_F(AmqpSessionTest, SaysGoodbye) {
    begin();
    session.disconnect();
    EXPECT_TRUE(session.is_closed());
    run();
    EXPECT_TRUE(hub.wire().is_closed());
}

}  // namespace
}  // namespace carillon
