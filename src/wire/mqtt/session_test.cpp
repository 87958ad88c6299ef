#include "wire/mqtt/session.hpp"

#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::bytes_of;
using testing::connack_of;
using testing::connect_of;
using testing::desired_filter;
using testing::events;
using testing::from_hex;
using testing::methods_filter;
using testing::publish_of;
using testing::subscribe_of;
using testing::Talk;
using testing::to_hex;
using testing::twin_filter;
using testing::unsubscribe_of;
using Lines = std::vector<std::string>;

std::chrono::seconds s(std::int64_t count) {
    return std::chrono::seconds(count);
}

// --- CONNECT ---------------------------------------------------------------------------------------

TEST(Session, AcceptsAConnect) {
    Talk talk;
    talk.say(bytes_of(connect_of()));
    EXPECT_EQ(talk.host.lines, Lines{"connect d1"});
    EXPECT_EQ(talk.host.sent, connack_of(ConnectCode::accepted));
    EXPECT_TRUE(talk.session.is_running());
}

TEST(Session, AConnectWithoutPasswordAsksForACertificate) {
    for (bool is_empty : {true, false}) {
        Connect connect = connect_of();
        connect.password = is_empty ? std::optional(Bytes{}) : std::nullopt;
        Talk talk;
        talk.say(bytes_of(connect));
        EXPECT_EQ(talk.host.lines, Lines{"connect d1 without password"});
    }
}

TEST(Session, RefusesWithTheCodeClientsExpect) {
    struct Case {
        std::string bytes;
        ConnectCode code;
        const char* why;
    };
    Connect level3 = connect_of();
    level3.protocol_level = 3;
    Connect older = connect_of();
    older.protocol_name = "MQIsdp";
    older.protocol_level = 3;
    Connect level5 = connect_of();
    level5.protocol_level = 5;
    Connect bridge = connect_of();
    bridge.protocol_level = 0x84;
    Connect anonymous = connect_of();
    anonymous.user_name.reset();
    anonymous.password.reset();
    Connect foreign_will = connect_of();
    foreign_will.will =
        Will{.topic = "devices/d2/messages/events/", .payload = {}, .qos = 0, .retain = false};
    Connect twin_will = connect_of();
    twin_will.will = Will{.topic = "$iothub/twin/GET/?$rid=1", .payload = {}, .qos = 0, .retain = false};
    Connect empty_will = connect_of();
    empty_will.will = Will{.topic = "", .payload = {}, .qos = 0, .retain = false};
    for (const Case& c : std::initializer_list<Case>{
             {bytes_of(level3), ConnectCode::unacceptable_protocol_version, "level 3"},
             {bytes_of(older), ConnectCode::unacceptable_protocol_version, "MQIsdp"},
             {bytes_of(level5), ConnectCode::unacceptable_protocol_version, "level 5"},
             {bytes_of(bridge), ConnectCode::unacceptable_protocol_version, "a bridge"},
             {bytes_of(anonymous), ConnectCode::not_authorized, "no user name"},
             {bytes_of(connect_of("d2")), ConnectCode::not_authorized, "client id of another"},
             {bytes_of(connect_of("")), ConnectCode::not_authorized, "empty client id"},
             {bytes_of(connect_of("d1", "hub")), ConnectCode::not_authorized, "user name without id"},
             {bytes_of(connect_of("d1", "hub/d1/?api-version=2099-01-01")), ConnectCode::not_authorized,
              "unknown api-version"},
             {bytes_of(foreign_will), ConnectCode::not_authorized, "will of another device"},
             {bytes_of(twin_will), ConnectCode::not_authorized, "will that is not telemetry"},
             {bytes_of(empty_will), ConnectCode::not_authorized, "will without topic"},
         }) {
        Talk talk;
        talk.say(c.bytes);
        EXPECT_EQ(talk.host.sent, connack_of(c.code)) << c.why;
        EXPECT_TRUE(talk.session.is_closed()) << c.why;
        EXPECT_TRUE(talk.host.lines.empty()) << c.why;
        EXPECT_EQ(talk.session.take_will(), nullptr) << c.why;
    }
}

TEST(Session, TheFirstPacketMustBeAConnect) {
    for (std::string_view hex :
         {"C0 00", "E0 00", "30 03 0001 61", "82 06 0001 0001 61 00", "40 02 0001", "20 02 0000", "00 00",
          "F0 00", "12 00", "10 00", "10 0C 0004 4d515458 04 02 003c 0000", "30 FFFFFF7F", "10 FFFFFF7F",
          "10 80808080 01",
          // The beginnings of HTTP, SSH and AMQP: as packets they would be long.
          "47", "47455420 2F", "53 53482D32", "41 4D515000", "44"}) {
        Talk talk;
        talk.say(from_hex(hex));
        EXPECT_TRUE(talk.session.is_closed()) << hex;
        EXPECT_EQ(talk.host.sent, "") << hex;
    }
}

TEST(Session, PacketsBeforeConnackWaitForIt) {
    Talk talk;
    talk.host.answers = false;
    talk.say(bytes_of(connect_of()) + subscribe_of(methods_filter));
    talk.say(publish_of(events, "x", 1, 7) + from_hex("C000"));
    EXPECT_EQ(talk.host.take_lines(), Lines{"connect d1"});
    EXPECT_FALSE(talk.session.wants_input());
    EXPECT_EQ(talk.host.sent, "");
    talk.host.answers = true;
    talk.session.accept(false, {}, {});
    EXPECT_EQ(talk.host.lines, (Lines{"store 1", "changed", "telemetry x"}));
    EXPECT_EQ(to_hex(talk.host.sent),
              "20020000"
              "9003000100"
              "40020007"
              "d000");
    EXPECT_TRUE(talk.session.wants_input());
}

TEST(Session, PacketsBeforeARefusalAreDropped) {
    Talk talk;
    talk.host.answers = false;
    talk.say(bytes_of(connect_of()) + publish_of(events, "x", 1, 7));
    talk.session.refuse(ConnectCode::not_authorized, Errc::iot_hub_unauthorized);
    EXPECT_EQ(talk.host.take_lines(), Lines{"connect d1"});
    EXPECT_EQ(talk.host.sent, connack_of(ConnectCode::not_authorized));
    EXPECT_TRUE(talk.session.is_closed());
}

TEST(Session, WhatMeansNothingIsNotRestored) {
    Talk talk;
    talk.host.session_present = true;
    talk.host.restored = {{std::string(twin_filter), 0}, {"devices/other/#", 1}};
    talk.say(bytes_of(connect_of()));
    EXPECT_EQ(talk.host.take_sent(), connack_of(ConnectCode::accepted, true));
    EXPECT_EQ(talk.session.subscriptions().size(), 1U);
}

// --- every packet, cut anywhere ----------------------------------------------------------------------

/// One of everything a device sends.
std::string happy_stream() {
    Connect connect = connect_of();
    connect.will = Will{.topic = events, .payload = as_bytes("bye"), .qos = 1, .retain = false};
    return bytes_of(connect) + subscribe_of(methods_filter, 1, 2) + subscribe_of(twin_filter, 0, 3) +
           subscribe_of("devices/d1/messages/devicebound/#", 2, 4) + publish_of(events, "x", 1, 5) +
           publish_of("devices/d1/messages/events/a=b&%24.mid=1", std::string(200, 'p')) +
           publish_of("$iothub/twin/GET/?$rid=4200", " ") +
           publish_of("$iothub/twin/PATCH/properties/reported/?$rid=r&$version=3", "{}", 1, 6) +
           publish_of("$iothub/methods/res/200/?$rid=12", "null", 1, 7) + from_hex("40020009") +
           from_hex("C000") + unsubscribe_of("$iothub/methods/POST/#", 8) + from_hex("E000");
}

TEST(Session, AnyCutOfTheStreamGivesTheSameTalk) {
    const std::string stream = happy_stream();
    Talk whole;
    whole.say(stream);
    EXPECT_EQ(whole.host.lines,
              (Lines{"connect d1", "store 1", "changed", "store 2", "changed", "store 3", "changed",
                     "telemetry x", "telemetry a=b&%24.mid=1 " + std::string(200, 'p'), "get 4200",
                     "patch r {} version=3", "answer 12 200 null", "store 2", "changed"}));
    EXPECT_TRUE(whole.session.is_disconnected());
    EXPECT_EQ(whole.session.take_will(), nullptr);
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        Talk talk;
        talk.say(stream.substr(0, cut));
        talk.say(stream.substr(cut));
        ASSERT_EQ(talk.host.lines, whole.host.lines) << cut;
        ASSERT_EQ(talk.host.sent, whole.host.sent) << cut;
    }
    Talk dripping;
    for (char c : stream) dripping.say(std::string_view(&c, 1));
    EXPECT_EQ(dripping.host.lines, whole.host.lines);
    EXPECT_EQ(dripping.host.sent, whole.host.sent);
}

TEST(Session, AnswersThatComeLateGiveTheSameTalk) {
    Talk whole;
    whole.say(happy_stream());
    for (std::size_t cut = 0; cut < happy_stream().size(); ++cut) {
        Talk talk;
        talk.host.answers = false;
        talk.say(happy_stream().substr(0, cut));
        talk.say(happy_stream().substr(cut));
        // Answer whatever is outstanding until nothing moves any more.
        talk.session.accept(false, {}, {});
        for (int i = 0; i < 20; ++i) {
            talk.session.subscriptions_stored(true);
            for (Ticket ticket : talk.host.tickets) talk.session.acknowledge(ticket);
        }
        ASSERT_EQ(talk.host.lines, whole.host.lines) << cut;
    }
}

// --- breaches --------------------------------------------------------------------------------------

TEST(Session, ABreachClosesWithoutAWord) {
    struct Case {
        std::string bytes;
        const char* why;
    };
    for (const Case& c : std::initializer_list<Case>{
             {bytes_of(connect_of()), "second CONNECT [MQTT-3.1.0-2]"},
             {from_hex("20020000"), "CONNACK"},
             {from_hex("9003000100"), "SUBACK"},
             {from_hex("B0020001"), "UNSUBACK"},
             {from_hex("D000"), "PINGRESP"},
             {from_hex("50020001"), "PUBREC"},
             {from_hex("62020001"), "PUBREL"},
             {from_hex("70020001"), "PUBCOMP"},
             {from_hex("0000"), "packet type 0"},
             {from_hex("F000"), "packet type 15"},
             {from_hex("C100"), "flags of PINGREQ"},
             {from_hex("C00100"), "body of PINGREQ"},
             {from_hex("42020001"), "flags of PUBACK"},
             {from_hex("400100"), "PUBACK cut short"},
             {from_hex("E100"), "flags of DISCONNECT"},
             {from_hex("E00100"), "body of DISCONNECT"},
             {from_hex("3080808080"), "remaining length of five bytes"},
             {publish_of("a", "x"), "topic of nobody"},
             {publish_of("devices/d2/messages/events/", "x"), "telemetry of another"},
             {publish_of("devices/d1/modules/m/messages/events/", "x"), "telemetry of a module"},
             {publish_of(events, "x", 2, 1), "QoS 2"},
             {publish_of("$iothub/twin/GET/", ""), "twin GET without rid"},
             {publish_of("$iothub/twin/GET/?$rid=", ""), "twin GET with an empty rid"},
             {publish_of("$iothub/twin/PATCH/properties/desired/?$rid=1", "{}"), "a write to desired"},
             {publish_of("$iothub/twin/PATCH/properties/reported/x/?$rid=1", "{}"), "path behind reported"},
             {subscribe_of("#"), "everything"},
             {subscribe_of("devices/d2/messages/devicebound/#"), "filter of another"},
             {subscribe_of(events), "own telemetry"},
             {from_hex("82020001"), "SUBSCRIBE without filter"},
             {from_hex("A2020001"), "UNSUBSCRIBE without filter"},
             {from_hex("3003 0001 FF"), "topic that is no UTF-8"},
         }) {
        Talk talk;
        talk.open();
        talk.say(c.bytes + from_hex("C000"));
        EXPECT_TRUE(talk.session.is_closed()) << c.why;
        EXPECT_FALSE(talk.session.is_disconnected()) << c.why;
        EXPECT_EQ(talk.host.sent, "") << c.why;
        EXPECT_TRUE(talk.host.lines.empty()) << c.why;
        EXPECT_NE(talk.session.close_reason(), Errc::connection_closed) << c.why;
    }
}

TEST(Session, ABadFilterAmongGoodOnesSubscribesToNothing) {
    Talk talk;
    talk.open();
    std::string body = from_hex("0001");
    append_text(body, methods_filter);
    body += '\0';
    append_text(body, "#");
    body += '\0';
    std::string packet;
    append_fixed_header(packet, PacketType::subscribe, 2, body.size());
    talk.say(packet + body);
    EXPECT_TRUE(talk.session.is_closed());
    EXPECT_TRUE(talk.host.lines.empty());
    EXPECT_EQ(talk.session.subscriptions().size(), 0U);
}

TEST(Session, NothingIsHeardAfterDisconnect) {
    Talk talk;
    talk.open();
    talk.say(from_hex("E000") + publish_of(events, "x") + from_hex("C000"));
    EXPECT_TRUE(talk.session.is_disconnected());
    EXPECT_TRUE(talk.host.lines.empty());
    talk.say(from_hex("C000"));
    EXPECT_EQ(talk.host.sent, "");
}

TEST(Session, PubacksOfUnknownIdsAreIgnored) {
    Talk talk;
    talk.open();
    talk.say(from_hex("4002FFFF C000"));
    EXPECT_EQ(to_hex(talk.host.sent), "d000");
}

// --- sizes -----------------------------------------------------------------------------------------

TEST(Session, MessagesUpToTheLimitPassAndOneMoreCloses) {
    for (std::size_t over : {std::size_t{0}, std::size_t{1}}) {
        Talk talk;
        talk.open();
        talk.say(publish_of(events, std::string(PacketLimits::payload_bytes_max + over, 'x'), 1, 1));
        EXPECT_EQ(talk.session.is_closed(), over == 1);
        EXPECT_EQ(talk.host.lines.size(), 1 - over);
        if (over == 1) {
            EXPECT_EQ(talk.session.close_reason(), Errc::message_too_large);
        }
    }
}

TEST(Session, OversizedPacketsCloseFromTheirHeader) {
    for (std::size_t over : {std::size_t{0}, std::size_t{1}}) {
        Talk talk;
        talk.open();
        std::string header;
        append_fixed_header(header, PacketType::publish, 0, PacketLimits::packet_bytes_max + over);
        talk.say(header);
        EXPECT_EQ(talk.session.is_closed(), over == 1);
        Talk stranger;
        header.clear();
        append_fixed_header(header, PacketType::connect, 0, PacketLimits::unauthenticated_bytes_max + over);
        stranger.say(header);
        EXPECT_EQ(stranger.session.is_closed(), over == 1);
    }
}

TEST(Session, InputThatWaitsHasALimit) {
    Talk talk;
    talk.host.answers = false;
    talk.say(bytes_of(connect_of()));
    talk.say(std::string(SessionLimits::held_bytes_max, '\xC0'));
    EXPECT_FALSE(talk.session.is_closed());
    talk.say("x");
    EXPECT_TRUE(talk.session.is_closed());
}

// --- subscriptions ---------------------------------------------------------------------------------

TEST(Session, GrantedQosIsAtMostOne) {
    for (std::uint8_t qos = 0; qos <= 2; ++qos) {
        Talk talk;
        talk.open();
        talk.say(subscribe_of(methods_filter, qos, 0x1234));
        EXPECT_EQ(to_hex(talk.host.sent), qos == 0 ? "9003123400" : "9003123401");
    }
}

TEST(Session, SubackWaitsForTheStoreAndSoDoesWhatFollows) {
    Talk talk;
    talk.open();
    talk.host.answers = false;
    talk.say(subscribe_of(twin_filter) + publish_of("$iothub/twin/GET/?$rid=1"));
    EXPECT_EQ(talk.host.take_lines(), Lines{"store 1"});
    EXPECT_EQ(talk.host.sent, "");
    EXPECT_FALSE(talk.session.subscriptions().has(FilterKind::twin_responses));
    EXPECT_EQ(talk.session.proposed().stored(talk.session.identity()),
              (std::vector<StoredFilter>{{std::string(twin_filter), 0}}));
    talk.host.answers = true;
    talk.session.subscriptions_stored(true);
    EXPECT_EQ(talk.host.lines, (Lines{"changed", "get 1"}));
    EXPECT_EQ(to_hex(talk.host.sent).substr(0, 10), "9003000100");
    EXPECT_NE(talk.host.sent.find("$iothub/twin/res/200/?$rid=1"), std::string::npos);
}

TEST(Session, ASubscriptionThatCannotBeStoredClosesWithoutSuback) {
    Talk talk;
    talk.open();
    talk.host.answers = false;
    talk.say(subscribe_of(twin_filter));
    talk.session.subscriptions_stored(false);
    EXPECT_TRUE(talk.session.is_closed());
    EXPECT_EQ(talk.host.sent, "");
    EXPECT_EQ(talk.session.subscriptions().size(), 0U);
}

TEST(Session, NothingIsStoredThatDidNotChange) {
    Talk talk;
    talk.open();
    talk.say(subscribe_of(methods_filter));
    EXPECT_EQ(talk.host.take_lines(), (Lines{"store 1", "changed"}));
    talk.say(subscribe_of(methods_filter) + unsubscribe_of(twin_filter, 9));
    EXPECT_TRUE(talk.host.lines.empty());
    EXPECT_EQ(to_hex(talk.host.sent),
              "9003000100"
              "9003000100"
              "b0020009");
    talk.say(subscribe_of(methods_filter, 1));
    EXPECT_EQ(talk.host.take_lines(), (Lines{"store 1", "changed"}));
}

TEST(Session, ACleanSessionStoresNothing) {
    Connect connect = connect_of();
    connect.clean_session = true;
    Talk talk;
    talk.open(connect);
    EXPECT_FALSE(talk.session.is_persistent());
    talk.say(subscribe_of(methods_filter));
    EXPECT_EQ(talk.host.lines, Lines{"changed"});
    EXPECT_TRUE(talk.session.subscriptions().takes_method("x"));
}

TEST(Session, SubscriptionsHaveALimit) {
    Talk talk;
    talk.open();
    for (std::size_t i = 0; i < Subscriptions::filters_max; ++i) {
        talk.say(subscribe_of("$iothub/methods/POST/m" + std::to_string(i) + "/#"));
    }
    EXPECT_FALSE(talk.session.is_closed());
    EXPECT_EQ(talk.session.subscriptions().size(), Subscriptions::filters_max);
    talk.say(subscribe_of("$iothub/methods/POST/m7/#"));  // not a new one
    EXPECT_FALSE(talk.session.is_closed());
    talk.say(subscribe_of(methods_filter));
    EXPECT_TRUE(talk.session.is_closed());
}

TEST(Session, UnsubscribingTakesTheMethodsOffline) {
    Talk talk;
    talk.open();
    talk.say(subscribe_of(methods_filter) + subscribe_of("$iothub/methods/POST/reboot/#"));
    talk.say(unsubscribe_of(methods_filter));
    EXPECT_TRUE(talk.session.subscriptions().takes_method("reboot"));
    EXPECT_FALSE(talk.session.subscriptions().takes_method("other"));
    talk.say(unsubscribe_of("$iothub/methods/POST/reboot/#"));
    EXPECT_FALSE(talk.session.subscriptions().takes_method("reboot"));
}

// --- publishes -------------------------------------------------------------------------------------

TEST(Session, PubacksLeaveInTheOrderOfThePublishes) {
    Talk talk;
    talk.open();
    talk.host.answers = false;
    talk.say(publish_of(events, "1", 1, 11) + publish_of(events, "2", 0) + publish_of(events, "3", 1, 13) +
             publish_of("$iothub/methods/res/200/?$rid=1", "", 1, 14));
    ASSERT_EQ(talk.host.tickets.size(), 3U);
    talk.session.acknowledge(talk.host.tickets[2]);
    talk.session.acknowledge(talk.host.tickets[1]);
    EXPECT_EQ(talk.host.sent, "");
    talk.session.acknowledge(talk.host.tickets[0]);
    EXPECT_EQ(to_hex(talk.host.take_sent()),
              "4002000b"
              "4002000d"
              "4002000e");
    for (Ticket ticket : talk.host.tickets) talk.session.acknowledge(ticket);  // twice is no harm
    EXPECT_EQ(talk.host.sent, "");
}

TEST(Session, AFullWindowTakesNoMoreInput) {
    Talk talk;
    talk.open();
    talk.host.answers = false;
    std::string stream;
    for (std::uint16_t id = 1; id <= SessionLimits::window_max + 2; ++id)
        stream += publish_of(events, "x", 1, id);
    talk.say(stream);
    EXPECT_EQ(talk.host.tickets.size(), SessionLimits::window_max);
    EXPECT_FALSE(talk.session.wants_input());
    talk.session.acknowledge(talk.host.tickets[1]);
    EXPECT_FALSE(talk.session.wants_input());
    talk.session.acknowledge(talk.host.tickets[0]);
    EXPECT_EQ(talk.host.tickets.size(), SessionLimits::window_max + 2);
    EXPECT_FALSE(talk.session.wants_input());
    for (std::size_t i = 0; i < talk.host.tickets.size(); ++i) talk.session.acknowledge(talk.host.tickets[i]);
    EXPECT_TRUE(talk.session.wants_input());
}

TEST(Session, TicketsAreGoodBeyondTheirFirstRound) {
    Talk talk;
    talk.open();
    for (int i = 0; i < 70'000; ++i) {
        talk.say(publish_of(events, "x", 1, 1));
        ASSERT_EQ(to_hex(talk.host.take_sent()), "40020001") << i;
        talk.host.take_lines();
    }
}

TEST(Session, DupAndRetainReachTheHost) {
    Talk talk;
    talk.open();
    talk.say(from_hex("3B 0021").substr(0, 1) + publish_of(events, "x", 1, 1).substr(1));
    EXPECT_EQ(talk.host.take_lines(), Lines{"telemetry x dup retain"});
}

TEST(Session, MethodAnswersWithOddStatusOrIdAreIgnored) {
    Talk talk;
    talk.open();
    for (std::string_view topic :
         {"$iothub/methods/res/abc/?$rid=1", "$iothub/methods/res/200/?$rid=abc",
          "$iothub/methods/res/200/?$rid=01", "$iothub/methods/res/200/?$rid=65536",
          "$iothub/methods/res/200/?$rid=0", "$iothub/methods/res/200/?$rid=", "$iothub/methods/res/200/",
          "$iothub/methods/res/200", "$iothub/methods/res/200/?$rid=123456"}) {
        talk.say(publish_of(topic, "{}", 1, 9));
        EXPECT_TRUE(talk.host.take_lines().empty()) << topic;
        EXPECT_EQ(to_hex(talk.host.take_sent()), "40020009") << topic;
    }
    talk.say(publish_of("$iothub/methods/res/-1/?$rid=65535", "{}"));
    EXPECT_EQ(talk.host.take_lines(), Lines{"answer 65535 -1 {}"});
}

TEST(Session, ATwinPatchWithoutRidIsAppliedWithoutAnswer) {
    Talk talk;
    talk.open();
    talk.say(subscribe_of(twin_filter));
    talk.host.take_sent();
    talk.say(publish_of("$iothub/twin/PATCH/properties/reported/", "{}", 1, 5));
    EXPECT_EQ(talk.host.lines.back(), "patch {}");
    EXPECT_EQ(to_hex(talk.host.sent), "40020005");
}

TEST(Session, TwinAnswersNeedASubscription) {
    Talk talk;
    talk.open();
    talk.say(publish_of("$iothub/twin/GET/?$rid=1"));
    EXPECT_EQ(talk.host.lines, Lines{"get 1"});
    EXPECT_EQ(talk.host.sent, "");
    talk.session.send_desired(2, "{}");
    EXPECT_EQ(talk.host.sent, "");
}

TEST(Session, NoPacketIsTakenWhileTheOutputIsFull) {
    Talk talk;
    talk.open();
    talk.host.has_room = false;
    talk.say(from_hex("C000 C000"));
    EXPECT_FALSE(talk.session.wants_input());
    EXPECT_EQ(talk.host.sent, "");
    talk.host.has_room = true;
    talk.session.output_drained();
    EXPECT_EQ(to_hex(talk.host.sent), "d000d000");
}

// --- time ------------------------------------------------------------------------------------------

TEST(Session, KeepAliveIsOneAndAHalfTimesWhatTheClientSaid) {
    struct Case {
        std::uint16_t keep_alive_s;
        std::int64_t silence_ms;
    };
    for (const Case& c : std::initializer_list<Case>{{1, 1500},
                                                     {10, 15'000},
                                                     {60, 90'000},
                                                     {1177, 1'765'500},
                                                     {1178, 1'767'000},
                                                     {1179, 1'767'000},
                                                     {65535, 1'767'000},
                                                     {0, 1'767'000}}) {
        Connect connect = connect_of();
        connect.keep_alive_s = c.keep_alive_s;
        Talk talk;
        talk.open(connect);
        EXPECT_EQ(talk.session.deadline(), TimePoint{} + std::chrono::milliseconds(c.silence_ms))
            << c.keep_alive_s;
        talk.session.tick(talk.session.deadline() - Duration(1));
        EXPECT_FALSE(talk.session.is_closed()) << c.keep_alive_s;
        talk.session.tick(talk.session.deadline());
        EXPECT_TRUE(talk.session.is_closed()) << c.keep_alive_s;
    }
}

TEST(Session, AnyByteMovesTheDeadline) {
    Talk talk;
    talk.open();
    talk.host.now += s(80);
    talk.say(from_hex("C0"));
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + s(170));
}

TEST(Session, TheTimeToConnectIsNotExtendedByBytes) {
    Talk talk;
    talk.host.answers = false;
    talk.host.now += s(9);
    talk.say(bytes_of(connect_of()));
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + SessionLimits::authentication_max);
    talk.session.tick(TimePoint{} + s(10));
    EXPECT_TRUE(talk.session.is_closed());
}

TEST(Session, TheKeepAliveBeginsWhenTheConnectIsAccepted) {
    Talk talk;
    talk.host.now += s(9);
    talk.say(bytes_of(connect_of()));
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + s(99));
}

// --- wills -----------------------------------------------------------------------------------------

TEST(Session, AWillIsPublishedUnlessTheClientSaysGoodbye) {
    Connect connect = connect_of();
    connect.will =
        Will{.topic = "devices/d1/messages/events/a=b", .payload = as_bytes("bye"), .qos = 2, .retain = true};
    {
        Talk talk;
        talk.open(connect);
        talk.session.close(Errc::connection_closed, "lost");
        const auto will = talk.session.take_will();
        ASSERT_NE(will, nullptr);
        EXPECT_EQ(will->bag, "a=b");
        EXPECT_EQ(will->payload, "bye");
        EXPECT_TRUE(will->retain);
        EXPECT_EQ(talk.session.take_will(), nullptr);
    }
    {
        Talk talk;
        talk.open(connect);
        talk.say(from_hex("E000"));
        EXPECT_EQ(talk.session.take_will(), nullptr);
    }
    {
        Talk talk;
        talk.open(connect);
        talk.say(from_hex("F000"));  // a breach
        EXPECT_NE(talk.session.take_will(), nullptr);
    }
    {
        Talk talk;  // never accepted
        talk.host.answers = false;
        talk.say(bytes_of(connect));
        talk.session.close(Errc::connection_closed, "lost");
        EXPECT_EQ(talk.session.take_will(), nullptr);
    }
}

// --- cost ------------------------------------------------------------------------------------------

TEST(Session, AnIdleSessionIsSmall) {
    EXPECT_LE(sizeof(Session), 400U);
}

}  // namespace
}  // namespace carillon::mqtt
