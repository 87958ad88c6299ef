// The device's end of a connection against the hub's, both in memory.

#include "device/device_session.hpp"

#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>
#include <utility>

namespace carillon {
namespace {

using mqtt::testing::RecordingHost;
using Lines = std::vector<std::string>;

class RecordingDevice : public DeviceSessionHost {
public:
    std::string& output() override { return sent; }
    void connected(bool session_present) override {
        lines.push_back(session_present ? "connected again" : "connected");
    }
    void subscribed(DeviceFeatures features) override {
        lines.push_back(features.has(DeviceFeature::methods) ? "subscribed with methods" : "subscribed");
    }
    void method_called(const IncomingMethod& call) override {
        add({"method", call.name, call.rid, call.payload});
    }
    void twin_answered(const TwinAnswer& answer) override {
        const std::string version = answer.version ? std::to_string(*answer.version) : "-";
        add({"twin", std::to_string(answer.request), std::to_string(answer.status), version, answer.body});
    }
    void desired_changed(std::int64_t version, std::string_view patch) override {
        add({"desired", std::to_string(version), patch});
    }
    void message_received(const HubMessage& message) override {
        add({"message", message.bag, message.payload, std::to_string(message.packet_id)});
    }
    void telemetry_stored(std::uint16_t packet_id) override { add({"stored", std::to_string(packet_id)}); }

    Lines take_lines() { return std::exchange(lines, {}); }
    std::string sent;
    Lines lines;

private:
    void add(std::initializer_list<std::string_view> words) {
        std::string& line = lines.emplace_back();
        for (std::string_view word : words) {
            if (!word.empty()) line.append(line.empty() ? "" : " ").append(word);
        }
    }
};

/// Both ends of one connection.
struct Line {
    explicit Line(std::string_view id = "d1", std::string_view module = {})
        : session(device, IdentityKey::parse(id, module).value()), hub_session(hub, now) {
        hub.session = &hub_session;
    }

    /// Carries bytes to and fro until neither end has any, `piece` bytes at a time.
    void carry(std::size_t piece = 1000) {
        while (!device.sent.empty() || !hub.sent.empty()) {
            for_each_piece(std::exchange(device.sent, {}), piece,
                           [this](Bytes bytes) { hub_session.receive(bytes, now); });
            for_each_piece(std::exchange(hub.sent, {}), piece,
                           [this](Bytes bytes) { session.receive(bytes, now); });
        }
    }
    void open(bool clean_session = false) {
        DeviceIntroduction introduction;
        introduction.host_name = "hub.example.net";
        introduction.token = "token";
        introduction.clean_session = clean_session;
        session.connect(introduction, now);
        carry();
    }
    void pass(std::chrono::seconds time) {
        now += time;
        hub.now = now;
        session.tick(now);
        carry();
    }

    template <class Take>
    static void for_each_piece(const std::string& bytes, std::size_t piece, Take take) {
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            take(as_bytes(std::string_view(bytes).substr(at, piece)));
        }
    }

    TimePoint now{std::chrono::seconds(1)};
    RecordingDevice device;
    RecordingHost hub;
    DeviceSession session;
    mqtt::Session hub_session;
};

constexpr DeviceFeatures all_of_a_device{DeviceFeature::methods, DeviceFeature::twin_responses,
                                         DeviceFeature::desired, DeviceFeature::c2d};

TEST(DeviceSession, ConnectsAsTheIdentityItIs) {
    Line line;
    line.open();
    EXPECT_TRUE(line.session.is_running());
    EXPECT_EQ(line.device.take_lines(), Lines{"connected"});
    EXPECT_EQ(line.hub.take_lines(), Lines{"connect d1"});
    EXPECT_TRUE(line.hub_session.is_persistent());

    Line module_line("d1", "m1");
    module_line.open(true);
    EXPECT_EQ(module_line.hub.take_lines(), Lines{"connect d1 m1"});
    EXPECT_FALSE(module_line.hub_session.is_persistent());
}

TEST(DeviceSession, WithoutATokenACertificateIsToProveIt) {
    Line line;
    DeviceIntroduction introduction;
    introduction.host_name = "hub.example.net";
    line.session.connect(introduction, line.now);
    line.carry();
    EXPECT_EQ(line.hub.take_lines(), Lines{"connect d1 without password"});
}

TEST(DeviceSession, SubscribesToSeveralFeaturesAtOnce) {
    Line line;
    line.open();
    line.device.take_lines();
    line.session.subscribe(all_of_a_device);
    line.carry();
    EXPECT_EQ(line.device.take_lines(), Lines{"subscribed with methods"});
    EXPECT_EQ(line.hub_session.subscriptions().size(), 4U);
    EXPECT_TRUE(line.hub_session.subscriptions().takes_method("anything"));
    EXPECT_EQ(line.hub_session.subscriptions().c2d_qos(), 1);
}

TEST(DeviceSession, AnswersMethodsByTheirRequestId) {
    Line line;
    line.open();
    line.session.subscribe(all_of_a_device);
    line.carry();
    line.device.take_lines();
    line.hub.take_lines();
    line.hub_session.send_method(7, "lockDoor", R"({"floor":2})");
    line.hub_session.send_method(8, "lockDoor", "null");
    line.carry();
    EXPECT_EQ(line.device.take_lines(),
              (Lines{R"(method lockDoor 7 {"floor":2})", "method lockDoor 8 null"}));
    line.session.answer_method("8", 200, R"("locked")");
    line.session.answer_method("7", -5, "");
    line.carry();
    EXPECT_EQ(line.hub.take_lines(), (Lines{R"(answer 8 200 "locked")", "answer 7 -5"}));
}

TEST(DeviceSession, TwinRequestsGetTheirOwnAnswers) {
    Line line;
    line.open();
    line.session.subscribe(all_of_a_device);
    line.carry();
    line.device.take_lines();
    line.hub.take_lines();
    EXPECT_EQ(line.session.get_twin(), 1U);
    EXPECT_EQ(line.session.patch_reported(R"({"a":1})"), 2U);
    line.carry();
    EXPECT_EQ(line.hub.take_lines(), (Lines{"get 1", R"(patch 2 {"a":1})"}));
    EXPECT_EQ(line.device.take_lines(), (Lines{"twin 1 200 - {}", "twin 2 204 2"}));
}

TEST(DeviceSession, IsToldOfDesiredProperties) {
    Line line;
    line.open();
    line.session.subscribe(all_of_a_device);
    line.carry();
    line.device.take_lines();
    line.hub_session.send_desired(4, R"({"interval":5,"$version":4})");
    line.carry();
    EXPECT_EQ(line.device.take_lines(), Lines{R"(desired 4 {"interval":5,"$version":4})"});
}

TEST(DeviceSession, TelemetryIsStoredWhenTheHubSaysSo) {
    Line line;
    line.open();
    line.hub.take_lines();
    line.device.take_lines();
    line.hub.answers = false;
    const auto first = line.session.send_telemetry("level=low", "21.5");
    ASSERT_TRUE(first);
    line.carry();
    EXPECT_EQ(line.hub.take_lines(), Lines{"telemetry level=low 21.5"});
    EXPECT_EQ(line.session.telemetry_in_flight(), 1U);
    line.hub_session.acknowledge(line.hub.tickets.at(0));
    line.carry();
    EXPECT_EQ(line.device.take_lines(), Lines{"stored " + std::to_string(*first)});
    EXPECT_EQ(line.session.telemetry_in_flight(), 0U);
}

TEST(DeviceSession, TakesNoMoreTelemetryThanItsLimit) {
    Line line;
    line.open();
    line.hub.answers = false;
    for (std::size_t i = 0; i < DeviceSessionLimits::telemetry_in_flight_max; ++i) {
        ASSERT_TRUE(line.session.send_telemetry({}, "x"));
    }
    const auto one_more = line.session.send_telemetry({}, "x");
    ASSERT_FALSE(one_more);
    EXPECT_EQ(one_more.error().code, Errc::throttling_backlog_limit_exceeded);
}

TEST(DeviceSession, APacketIdIsNotReusedWhileItIsUnderWay) {
    Line line;
    line.open();
    line.hub.answers = false;
    const auto held = line.session.send_telemetry({}, "x");
    ASSERT_TRUE(held);
    line.device.sent.clear();
    for (int i = 0; i < 70'000; ++i) {
        const auto sent = line.session.send_telemetry({}, "x");
        ASSERT_TRUE(sent);
        ASSERT_NE(*sent, 0);
        ASSERT_NE(*sent, *held);
        line.device.sent.clear();
        std::string puback;
        mqtt::append_puback(puback, *sent);
        line.session.receive(as_bytes(puback), line.now);
    }
}

TEST(DeviceSession, AMessageIsCompletedByItsPacketId) {
    Line line;
    line.open();
    line.device.take_lines();
    const std::string topic = "devices/d1/messages/devicebound/%24.to=x";
    line.session.receive(as_bytes(mqtt::testing::publish_of(topic, "hello", 1, 77)), line.now);
    EXPECT_EQ(line.device.take_lines(), Lines{"message %24.to=x hello 77"});
    EXPECT_EQ(line.device.sent, "");
    line.session.complete(77);
    EXPECT_EQ(mqtt::testing::to_hex(line.device.sent), "4002004d");
}

TEST(DeviceSession, PingsOncePerKeepAliveAndNoticesAHubThatIsSilent) {
    Line line;
    line.open();
    EXPECT_EQ(line.session.deadline(), line.now + std::chrono::seconds(240));
    line.pass(std::chrono::seconds(240));  // the hub answers
    EXPECT_TRUE(line.session.is_running());
    EXPECT_EQ(line.session.deadline(), line.now + std::chrono::seconds(240));
    line.now += std::chrono::seconds(240);
    line.session.tick(line.now);
    EXPECT_EQ(mqtt::testing::to_hex(line.device.sent), "c000");
    line.now += DeviceSessionLimits::ping_answer_max;
    line.session.tick(line.now);
    EXPECT_TRUE(line.session.is_closed());
    EXPECT_EQ(line.session.close_reason(), Errc::gateway_timeout);
}

TEST(DeviceSession, DoesNotWaitForeverForTheHubToTakeIt) {
    Line line;
    line.session.connect(DeviceIntroduction{.host_name = "hub", .token = "t"}, line.now);
    line.session.tick(line.now + DeviceSessionLimits::connack_max - std::chrono::seconds(1));
    EXPECT_FALSE(line.session.is_closed());
    line.session.tick(line.now + DeviceSessionLimits::connack_max);
    EXPECT_EQ(line.session.close_reason(), Errc::gateway_timeout);
}

TEST(DeviceSession, ARefusalClosesWithItsCode) {
    for (const auto& [code, reason] :
         {std::pair(mqtt::ConnectCode::not_authorized, Errc::iot_hub_unauthorized),
          std::pair(mqtt::ConnectCode::server_unavailable, Errc::service_unavailable),
          std::pair(mqtt::ConnectCode::unacceptable_protocol_version, Errc::invalid_protocol_version)}) {
        Line line;
        line.session.connect(DeviceIntroduction{.host_name = "hub", .token = "t"}, line.now);
        line.session.receive(as_bytes(mqtt::testing::connack_of(code)), line.now);
        EXPECT_TRUE(line.session.is_closed());
        EXPECT_EQ(line.session.close_reason(), reason);
        EXPECT_EQ(line.session.refusal(), static_cast<std::uint8_t>(code));
    }
}

TEST(DeviceSession, ARefusedSubscriptionCloses) {
    Line line;
    line.open();
    line.session.subscribe({DeviceFeature::methods});
    line.session.receive(as_bytes(mqtt::testing::from_hex("90 03 0001 80")), line.now);
    EXPECT_TRUE(line.session.is_closed());
}

TEST(DeviceSession, DisconnectTellsTheHub) {
    Line line;
    line.open();
    line.session.disconnect();
    line.carry();
    EXPECT_TRUE(line.session.is_closed());
    EXPECT_TRUE(line.hub_session.is_disconnected());
}

TEST(DeviceSession, WhatNoHubSendsCloses) {
    // A client's packets, QoS 2, a PUBLISH without topic, a second CONNACK, five bytes of length.
    for (const char* hex : {"c000", "820800 0100036123 0000", "3405 0001 61 0001", "3002 0000", "20020000",
                            "30 ffffffff 01", "d001 00", "4002 0000", "9003 0009 00"}) {
        Line line;
        line.open();
        line.session.receive(as_bytes(mqtt::testing::from_hex(hex)), line.now);
        EXPECT_TRUE(line.session.is_closed()) << hex;
        EXPECT_NE(line.session.close_detail(), std::string_view()) << hex;
    }
    Line line;
    line.session.connect(DeviceIntroduction{.host_name = "hub", .token = "t"}, line.now);
    line.session.receive(as_bytes(mqtt::testing::publish_of("$iothub/twin/res/200/?$rid=1")), line.now);
    EXPECT_TRUE(line.session.is_closed());
}

TEST(DeviceSession, UnknownTopicsAreLeftAlone) {
    Line line;
    line.open();
    line.device.take_lines();
    line.session.receive(as_bytes(mqtt::testing::publish_of("$iothub/streams/POST/x", "y", 1, 5)), line.now);
    EXPECT_TRUE(line.session.is_running());
    EXPECT_EQ(line.device.take_lines(), Lines{});
    EXPECT_EQ(mqtt::testing::to_hex(line.device.sent), "40020005");
}

TEST(DeviceSession, ReadsTheSameFromAnyPieces) {
    for (std::size_t piece = 1; piece < 40; ++piece) {
        Line line;
        line.open();
        line.session.subscribe(all_of_a_device);
        line.carry(piece);
        line.device.take_lines();
        line.hub_session.send_method(1, "m", "1");
        line.hub_session.send_desired(2, "{}");
        line.carry(piece);
        EXPECT_EQ(line.device.take_lines(), (Lines{"method m 1 1", "desired 2 {}"})) << piece;
    }
}

}  // namespace
}  // namespace carillon
