#include "wire/amqp/connection.hpp"

#include "wire/amqp/connection_testing.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

using testing::from_hex;
using testing::Pair;
using testing::Peer;
using testing::to_hex;
using namespace std::chrono_literals;
using Log = std::vector<std::string>;

const std::string amqp_header = from_hex("414d5150 00010000");
const std::string sasl_header = from_hex("414d5150 03010000");

std::string open_frame(
    Open open = {.container_id = "device", .hostname = {}, .idle_timeout_ms = {}, .properties = {}}) {
    std::string frame;
    append_open(frame, open);
    return frame;
}

/// What the last frame of `bytes` carries, which are headers and whole frames.
Performative last_of(std::string_view bytes) {
    Framer framer(ConnectionLimits::frame_bytes_max);
    Performative last;
    if (bytes.starts_with(amqp_header)) bytes.remove_prefix(8);
    Bytes input = as_bytes(bytes);
    while (true) {
        const auto frame = framer.next(input);
        if (!frame || !*frame) return last;
        if (const auto performative = decode_performative((*frame)->body)) last = *performative;
    }
}

std::string close_condition(std::string_view bytes) {
    const Performative last = last_of(bytes);
    const auto* close = std::get_if<Close>(&last);
    return close == nullptr ? "not closed" : std::string(close->error.name);
}

struct Server : Peer {
    Server() : Peer(Side::server) {}
    void receive(std::string_view bytes) { connection.receive(as_bytes(bytes), now); }
    std::string take() {
        connection.flush();
        return std::exchange(host.sent, {});
    }
    TimePoint now{};
};

TEST(AmqpConnection, OpensWithoutSasl) {
    Pair pair;
    pair.client.connection.start();
    pair.run();
    EXPECT_TRUE(pair.client.connection.is_open());
    EXPECT_TRUE(pair.server.connection.is_open());
    EXPECT_EQ(pair.server.host.take_log(), (Log{"open device hub.example.net"}));
    EXPECT_EQ(pair.client.host.take_log(), (Log{"open hub hub.example.net"}));
}

TEST(AmqpConnection, OpensBySaslWhateverThePieces) {
    for (const std::string_view mechanism : {sasl_plain, sasl_anonymous, sasl_external, sasl_mssbcbs}) {
        for (const std::size_t piece : {1, 2, 3, 7, 64, 4096}) {
            Pair pair(mechanism);
            pair.client.settings.initial_response = "x";
            pair.client.connection.start();
            pair.run(piece);
            EXPECT_TRUE(pair.client.connection.is_open()) << mechanism << piece;
            EXPECT_EQ(pair.server.host.log[0], "sasl " + std::string(mechanism) + " x");
            EXPECT_TRUE(pair.server.connection.is_open());
        }
    }
}

TEST(AmqpConnection, ARefusalBySaslEndsIt) {
    Pair pair(sasl_plain);
    pair.server.host.sasl_answer = SaslCode::auth;
    pair.client.connection.start();
    pair.run();
    EXPECT_TRUE(pair.server.connection.is_closed());
    EXPECT_EQ(pair.server.connection.close_reason(), Errc::iot_hub_unauthorized);
    EXPECT_TRUE(pair.client.connection.is_closed());
    EXPECT_EQ(pair.client.connection.close_reason(), Errc::iot_hub_unauthorized);
}

TEST(AmqpConnection, AMechanismThatIsNotOfferedEndsTheClient) {
    Pair pair("SCRAM-SHA-1");
    pair.client.connection.start();
    pair.run();
    EXPECT_TRUE(pair.client.connection.is_closed());
    EXPECT_FALSE(pair.server.connection.is_closed());
}

/// azure-uamqp-c and _pyamqp send all they know ahead.
TEST(AmqpConnection, FramesSentAheadOfTheAnswersWait) {
    Server server;
    server.host.decides = false;
    std::string ahead = sasl_header;
    append_sasl_init(ahead, {.mechanism = sasl_anonymous, .initial_response = {}, .hostname = {}});
    ahead += amqp_header + open_frame();
    append_begin(ahead, 0,
                 {.remote_channel = {}, .next_outgoing_id = 0, .incoming_window = 9, .outgoing_window = 9});
    server.receive(ahead);
    EXPECT_FALSE(server.connection.wants_input());
    EXPECT_EQ(server.host.take_log(), (Log{"sasl ANONYMOUS "}));
    server.connection.sasl_decided(SaslCode::ok);
    EXPECT_EQ(server.host.take_log(), (Log{"open device "}));
    EXPECT_EQ(server.connection.session_count(), 1U);
    EXPECT_TRUE(server.connection.wants_input());
}

TEST(AmqpConnection, WhatTheServerSaysOfItselfIsWhatTheServiceSays) {
    Server server;
    server.receive(amqp_header + open_frame());
    const std::string sent = server.take();
    const auto open = std::get<Open>(last_of(sent));
    EXPECT_EQ(open.max_frame_size, 65536U);
    EXPECT_EQ(open.channel_max, 8191);
    EXPECT_EQ(open.idle_timeout_ms, 240000U);
    std::string begin;
    append_begin(
        begin, 5,
        {.remote_channel = {}, .next_outgoing_id = 7, .incoming_window = 2048, .outgoing_window = 1});
    server.receive(begin);
    const std::string answer = server.take();
    const auto begun = std::get<Begin>(last_of(answer));
    EXPECT_EQ(begun.remote_channel, 5);
    EXPECT_EQ(begun.next_outgoing_id, 1U);
    EXPECT_EQ(begun.incoming_window, 5000U);
    EXPECT_EQ(begun.outgoing_window, 2048U);
    EXPECT_EQ(begun.handle_max, 262143U);
}

TEST(AmqpConnection, AnotherProtocolIsToldWhichIsSpoken) {
    for (const char* hex : {"47", "414d51 52", "414d5150 02010000", "414d5150 00000901", "414d5150 00010001",
                            "47455420 2f204854", "10260004 4d515454", "16030100 01020304"}) {
        Server server;
        server.receive(from_hex(hex));
        EXPECT_EQ(to_hex(server.take()), to_hex(sasl_header)) << hex;
        EXPECT_TRUE(server.connection.is_closed()) << hex;
        server.receive(open_frame());
        EXPECT_EQ(server.take(), "") << hex;
    }
    Server again;
    std::string twice = sasl_header;
    append_sasl_init(twice, {.mechanism = sasl_anonymous, .initial_response = {}, .hostname = {}});
    again.receive(twice + sasl_header);
    EXPECT_TRUE(again.connection.is_closed());
}

/// What ends a connection, given behind the header, and the condition the peer is told.
TEST(AmqpConnection, BreachesCloseWithTheirCondition) {
    const std::string open = to_hex(open_frame());
    const std::string begin = "00000019 02 00 0000 00 53 11 c0 0c 05 40 43 52 09 52 09 52 ff 40 40";
    const auto frame_of = [](std::string_view body) {
        const std::string bytes = from_hex(body);
        std::string frame = from_hex("00000000 02 00 0000") + bytes;
        frame[3] = static_cast<char>(frame.size());
        return to_hex(frame);
    };
    const std::string good_begin = frame_of("00 53 11 c0 06 04 40 43 52 09 43");
    const std::tuple<const char*, std::string, const char*> cases[] = {
        {"frame too short", "00000007 02000000", "amqp:connection:framing-error"},
        {"frame too long", "00010001 02000000", "amqp:connection:framing-error"},
        {"frame of 4 GB", "ffffffff 02000000", "amqp:connection:framing-error"},
        {"data offset of one", "00000010 01000000", "amqp:connection:framing-error"},
        {"SASL frame", "00000008 02010000", "amqp:connection:framing-error"},
        {"frame of type 2", "00000008 02020000", "amqp:connection:framing-error"},
        {"not a performative first", frame_of("45"), "amqp:decode-error"},
        {"unknown performative", frame_of("00 53 19 45"), "amqp:decode-error"},
        {"begin before open", good_begin, "amqp:not-allowed"},
        {"open without container", frame_of("00 53 10 45"), "amqp:decode-error"},
        {"open twice", open + open, "amqp:not-allowed"},
        {"max-frame-size of 511", frame_of("00 53 10 c0 08 03 a1 01 63 40 60 01ff"), "amqp:not-allowed"},
        {"idle-time-out of 4999 ms", frame_of("00 53 10 c0 0a 05 a1 01 63 40 40 40 60 1387"),
         "amqp:not-allowed"},
        {"array bomb in an open", frame_of("00 53 10 c0 11 06 a1 01 63 40 40 40 40 f0 00000005 ffffffff 40"),
         "amqp:decode-error"},
        {"begin in answer to none", open + frame_of("00 53 11 c0 07 04 60 0000 43 43 43"),
         "amqp:not-allowed"},
        {"begin twice on a channel", open + good_begin + good_begin, "amqp:not-allowed"},
        {"flow outside a session", open + frame_of("00 53 13 c0 05 04 40 43 43 43"), "amqp:not-allowed"},
        {"end outside a session", open + frame_of("00 53 17 45"), "amqp:not-allowed"},
        {"handle over handle-max", open + good_begin + frame_of("00 53 12 c0 0a 03 a1 01 6c 70 00040000 42"),
         "amqp:not-allowed"},
    };
    for (const auto& [what, hex, condition] : cases) {
        Server server;
        server.receive(amqp_header + from_hex(hex));
        EXPECT_TRUE(server.connection.is_closed()) << what;
        const std::string sent = server.take();
        EXPECT_EQ(close_condition(sent), condition) << what;
        // AMQP 1.0 §2.4.3: an open before the close, and one only.
        std::size_t opens = 0;
        for (std::size_t at = sent.find(from_hex("00 53 10")); at != std::string::npos;
             at = sent.find(from_hex("00 53 10"), at + 1))
            ++opens;
        EXPECT_EQ(opens, 1U) << what;
        server.receive(open_frame());
        EXPECT_EQ(server.take(), "") << what;
    }
}

TEST(AmqpConnection, AStreamCutAtEveryByteIsTheSameStream) {
    std::string stream = amqp_header + open_frame();
    append_begin(stream, 0,
                 {.remote_channel = {}, .next_outgoing_id = 0, .incoming_window = 99, .outgoing_window = 9});
    append_attach(stream, 0, testing::attach_of("t", LinkRole::sender, "/devices/d1/messages/events"));
    const std::string message = testing::message_of("hello");
    Bytes payload = as_bytes(message);
    append_transfer(stream, 0,
                    {.delivery_id = 0,
                     .delivery_tag = as_bytes("t"),
                     .message_format = 0,
                     .settled = {},
                     .state = {},
                     .payload = {}},
                    payload, 512);
    append_close(stream, {});
    std::string expected;
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        Server server;
        server.receive(std::string_view(stream).substr(0, cut));
        server.receive(std::string_view(stream).substr(cut));
        EXPECT_EQ(server.host.log,
                  (Log{"open device ", "link 1 to /devices/d1/messages/events", "message 1 0 hello"}))
            << cut;
        EXPECT_TRUE(server.connection.is_closed());
        const std::string sent = server.take();
        if (cut == 0) expected = sent;
        EXPECT_EQ(sent, expected) << cut;
    }
}

TEST(AmqpConnection, PeersThatDoNotAuthenticateAreEnded) {
    Server late;
    EXPECT_EQ(late.connection.deadline(), late.now + 10s);
    late.receive(amqp_header + open_frame());
    late.connection.tick(late.now + 9s);
    EXPECT_FALSE(late.connection.is_closed());
    late.connection.tick(late.now + 10s);
    EXPECT_TRUE(late.connection.is_closed());
    EXPECT_EQ(close_condition(late.take()), "amqp:unauthorized-access");

    Server chatty;
    chatty.receive(amqp_header + open_frame());
    const std::string heartbeat = from_hex("00000008 02000000");
    std::size_t sent = 0;
    while (!chatty.connection.is_closed() && sent < 1'000'000) {
        chatty.receive(heartbeat);
        sent += heartbeat.size();
    }
    EXPECT_LE(sent, ConnectionLimits::unauthenticated_bytes_max + heartbeat.size());
    EXPECT_EQ(close_condition(chatty.take()), "amqp:resource-limit-exceeded");
}

TEST(AmqpConnection, SessionsAndLinksEndAtTheirLimits) {
    const auto begin_frame = [](std::size_t channel) {
        std::string frame;
        append_begin(frame, static_cast<std::uint16_t>(channel),
                     {.remote_channel = {}, .incoming_window = 9, .outgoing_window = 9});
        return frame;
    };
    const auto attach_frame = [](std::size_t handle) {
        std::string frame;
        Attach attach = testing::attach_of("l" + std::to_string(handle), LinkRole::sender, "a");
        const std::string name = "l" + std::to_string(handle);
        attach.name = name;
        attach.handle = static_cast<std::uint32_t>(handle);
        append_attach(frame, 0, attach);
        return frame;
    };
    for (const bool is_authenticated : {false, true}) {
        const std::size_t sessions_max = is_authenticated ? ConnectionLimits::sessions_max
                                                          : ConnectionLimits::unauthenticated_sessions_max;
        const std::size_t links_max =
            is_authenticated ? ConnectionLimits::links_max : ConnectionLimits::unauthenticated_links_max;
        Server sessions;
        if (is_authenticated) sessions.connection.authenticated(sessions.now);
        sessions.receive(amqp_header + open_frame());
        for (std::size_t i = 0; i < sessions_max; ++i) sessions.receive(begin_frame(i));
        EXPECT_FALSE(sessions.connection.is_closed());
        sessions.receive(begin_frame(sessions_max));
        EXPECT_EQ(close_condition(sessions.take()), "amqp:resource-limit-exceeded");

        Server links;
        if (is_authenticated) links.connection.authenticated(links.now);
        links.receive(amqp_header + open_frame() + begin_frame(0));
        for (std::size_t i = 0; i < links_max; ++i) links.receive(attach_frame(i));
        EXPECT_EQ(links.connection.link_count(), links_max);
        EXPECT_FALSE(links.connection.is_closed());
        links.receive(attach_frame(links_max));
        EXPECT_EQ(close_condition(links.take()), "amqp:resource-limit-exceeded");
    }
}

TEST(AmqpConnection, HeartbeatsAreSentToAPeerThatWantsThem) {
    Server server;
    server.receive(
        amqp_header +
        open_frame({.container_id = "c", .hostname = {}, .idle_timeout_ms = 60000, .properties = {}}));
    server.connection.authenticated(server.now);
    server.take();
    TimePoint last_sent = server.now;
    for (TimePoint now = server.now; now < server.now + 300s;) {
        now = server.connection.deadline();
        server.connection.tick(now);
        const std::string sent = server.take();
        if (sent.empty()) continue;
        EXPECT_EQ(to_hex(sent), "0000000802000000");
        EXPECT_LE(now - last_sent, 30s);
        last_sent = now;
    }
    EXPECT_GT(last_sent, server.now + 250s);
    EXPECT_FALSE(server.connection.is_closed());
}

TEST(AmqpConnection, ASilentPeerIsEndedAfterTwiceTheIdleTimeOut) {
    Server server;
    server.receive(amqp_header + open_frame());
    server.connection.authenticated(server.now);
    server.take();
    EXPECT_EQ(server.connection.deadline(), server.now + 480s);
    server.now += 400s;
    server.receive(from_hex("00000008 02000000"));
    server.connection.tick(server.now + 479s);
    EXPECT_FALSE(server.connection.is_closed());
    server.connection.tick(server.now + 480s);
    EXPECT_TRUE(server.connection.is_closed());
    EXPECT_EQ(server.connection.close_reason(), Errc::device_connection_closed_remotely);
}

TEST(AmqpConnection, CloseIsAnswered) {
    Pair pair;
    pair.open();
    pair.client.connection.close(Errc::connection_closed, "done", {});
    pair.run();
    EXPECT_TRUE(pair.server.connection.is_closed());
    EXPECT_EQ(pair.server.connection.close_reason(), Errc::connection_closed);
    Server server;
    server.receive(amqp_header + open_frame());
    server.take();
    std::string close;
    append_close(close, {});
    server.receive(close);
    EXPECT_EQ(close_condition(server.take()), "");
}

TEST(AmqpConnection, NoFrameIsTakenWhileOutputWaits) {
    Server server;
    server.receive(amqp_header);
    server.host.has_room = false;
    server.receive(open_frame());
    EXPECT_TRUE(server.host.log.empty());
    EXPECT_FALSE(server.connection.wants_input());
    server.host.has_room = true;
    server.connection.output_drained();
    EXPECT_EQ(server.host.log.size(), 1U);
}

TEST(AmqpConnection, InputThatMayNotBeTakenEndsAtItsLimit) {
    Server server;
    server.receive(amqp_header + open_frame());
    server.connection.authenticated(server.now);
    server.host.has_room = false;
    const std::string input(64 * 1024, '\0');
    for (int i = 0; i < 3; ++i) server.receive(input);
    EXPECT_FALSE(server.connection.is_closed());
    server.receive("x");
    EXPECT_TRUE(server.connection.is_closed());
}

TEST(AmqpConnection, SessionsAreBegunAndEndedByTheClient) {
    Pair pair;
    const SessionId first = pair.open();
    const auto second = pair.client.connection.begin();
    pair.run();
    EXPECT_NE(first, second);
    EXPECT_EQ(pair.server.connection.session_count(), 2U);
    pair.link(first, "l", LinkRole::sender, "a");
    pair.client.connection.end(first);
    pair.run();
    EXPECT_EQ(pair.server.connection.session_count(), 1U);
    EXPECT_EQ(pair.client.connection.session_count(), 1U);
    EXPECT_EQ(pair.server.host.take_log(), (Log{"detached 1"}));
    EXPECT_EQ(pair.client.connection.begin(), first);
}

}  // namespace
}  // namespace carillon::amqp
