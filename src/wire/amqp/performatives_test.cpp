#include "wire/amqp/performatives.hpp"

#include "wire/amqp/framer.hpp"
#include "wire/amqp/sasl.hpp"
#include "wire/amqp/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

using testing::attach_of;
using testing::from_hex;
using testing::to_hex;

constexpr std::uint32_t frame_bytes_max = 65536;

/// Each performative once, as a frame.
std::vector<std::string> sample_frames() {
    std::vector<std::string> frames(10);
    append_open(frames[0],
                {.container_id = "c", .hostname = "h", .idle_timeout_ms = 60000, .properties = {}});
    append_begin(frames[1], 1,
                 {.remote_channel = 1, .next_outgoing_id = 1, .incoming_window = 5, .outgoing_window = 6});
    append_attach(frames[2], 1, attach_of("link", LinkRole::receiver, "/devices/d1/messages/devicebound"));
    append_flow(frames[3], 1,
                {.next_incoming_id = 2,
                 .incoming_window = 5,
                 .handle = 0,
                 .delivery_count = 7,
                 .link_credit = 9,
                 .available = {},
                 .drain = true});
    Bytes payload = as_bytes("payload");
    append_transfer(frames[4], 1,
                    {.handle = 3,
                     .delivery_id = 4,
                     .delivery_tag = as_bytes("t"),
                     .message_format = 0,
                     .settled = false,
                     .state = {},
                     .payload = {}},
                    payload, 512);
    append_disposition(
        frames[5], 1,
        {.first = 4, .last = 6, .settled = true, .state = {.outcome = Outcome::accepted, .condition = {}}});
    append_detach(frames[6], 1,
                  {.handle = 3,
                   .closed = true,
                   .error = {.name = "amqp:not-found", .description = "none", .info = {}}});
    append_end(frames[7], 1, {.name = "amqp:not-allowed", .description = "no", .info = {}});
    append_close(frames[8], {.name = "amqp:connection:forced", .description = {}, .info = {}});
    append_heartbeat(frames[9]);
    return frames;
}

Result<Performative> decode(std::string_view frame) {
    return decode_performative(as_bytes(std::string_view(frame).substr(frame_header_bytes)));
}

TEST(AmqpFramer, FramesCutAtEveryByteComeWhole) {
    std::string stream;
    for (const std::string& frame : sample_frames()) stream += frame;
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        Framer framer(frame_bytes_max);
        std::string seen;
        for (const std::string_view part :
             {std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}) {
            Bytes input = as_bytes(part);
            while (true) {
                const auto frame = framer.next(input);
                ASSERT_TRUE(frame.has_value());
                if (!*frame) break;
                seen += as_text((*frame)->body);
                EXPECT_EQ((*frame)->type, amqp_frame);
            }
            EXPECT_TRUE(input.empty());
        }
        std::string expected;
        for (const std::string& frame : sample_frames()) expected += frame.substr(frame_header_bytes);
        EXPECT_EQ(seen, expected) << cut;
        EXPECT_EQ(framer.pending(), 0U);
    }
}

TEST(AmqpFramer, HeadersThatCannotBeAreRefusedBeforeTheirBytesCome) {
    const std::tuple<const char*, const char*, Errc> cases[] = {
        {"size 7", "00000007 02 00 0000", Errc::malformed_packet},
        {"size 0", "00000000 02 00 0000", Errc::malformed_packet},
        {"offset 1", "00000010 01 00 0000", Errc::malformed_packet},
        {"offset behind the end", "00000010 05 00 0000", Errc::malformed_packet},
        {"over the limit", "00010001 02 00 0000", Errc::message_too_large},
        {"4 GB", "ffffffff 02 00 0000", Errc::message_too_large},
        {"HTTP", "47455420 2f 20 4854", Errc::message_too_large},
    };
    for (const auto& [what, hex, code] : cases) {
        const std::string bytes = from_hex(hex);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            Framer framer(frame_bytes_max);
            Bytes head = as_bytes(std::string_view(bytes).substr(0, cut));
            EXPECT_TRUE(framer.next(head).has_value()) << what;
            Bytes tail = as_bytes(std::string_view(bytes).substr(cut));
            const auto frame = framer.next(tail);
            ASSERT_FALSE(frame.has_value()) << what;
            EXPECT_EQ(frame.error().code, code) << what;
        }
    }
}

TEST(AmqpFramer, AnExtendedHeaderIsSkipped) {
    const std::string bytes = from_hex("0000000d 03 01 0102 ffffffff 40");
    Framer framer(512);
    Bytes input = as_bytes(bytes);
    const auto frame = framer.next(input);
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->type, sasl_frame);
    EXPECT_EQ((*frame)->channel, 0x0102);
    EXPECT_EQ((*frame)->body.size(), 1U);
}

TEST(AmqpPerformatives, WhatIsEncodedIsDecoded) {
    const auto all = sample_frames();
    const auto open = std::get<Open>(*decode(all[0]));
    EXPECT_EQ(open.container_id, "c");
    EXPECT_EQ(open.hostname, "h");
    EXPECT_EQ(open.idle_timeout_ms, 60000U);
    const auto begin = std::get<Begin>(*decode(all[1]));
    EXPECT_EQ(begin.remote_channel, 1);
    EXPECT_EQ(begin.incoming_window, 5U);
    const auto attach = std::get<Attach>(*decode(all[2]));
    EXPECT_EQ(attach.name, "link");
    EXPECT_EQ(attach.role, LinkRole::receiver);
    EXPECT_EQ(attach.source.address, "/devices/d1/messages/devicebound");
    EXPECT_FALSE(attach.target.is_present);
    const auto flow = std::get<Flow>(*decode(all[3]));
    EXPECT_EQ(flow.handle, 0U);
    EXPECT_EQ(flow.link_credit, 9U);
    EXPECT_TRUE(flow.drain);
    EXPECT_FALSE(flow.echo);
    const auto transfer = std::get<Transfer>(*decode(all[4]));
    EXPECT_EQ(transfer.delivery_id, 4U);
    EXPECT_EQ(as_text(*transfer.delivery_tag), "t");
    EXPECT_EQ(as_text(transfer.payload), "payload");
    EXPECT_FALSE(transfer.more);
    const auto disposition = std::get<Disposition>(*decode(all[5]));
    EXPECT_EQ(disposition.last, 6U);
    EXPECT_EQ(disposition.state.outcome, Outcome::accepted);
    const auto detach = std::get<Detach>(*decode(all[6]));
    EXPECT_TRUE(detach.closed);
    EXPECT_EQ(detach.error.name, "amqp:not-found");
    EXPECT_EQ(std::get<End>(*decode(all[7])).error.description, "no");
    EXPECT_EQ(std::get<Close>(*decode(all[8])).error.name, "amqp:connection:forced");
}

TEST(AmqpPerformatives, EachCutAtEveryByteIsRefused) {
    for (const std::string& frame : sample_frames()) {
        std::string body = frame.substr(std::min(frame_header_bytes, frame.size()));
        if (const std::size_t at = body.find("payload"); at != std::string::npos) body.resize(at);
        for (std::size_t length = 0; length < body.size(); ++length) {
            const auto cut = decode_performative(as_bytes(std::string_view(body).substr(0, length)));
            ASSERT_FALSE(cut.has_value()) << to_hex(body) << " cut at " << length;
            EXPECT_EQ(cut.error().code, Errc::malformed_packet);
        }
    }
}

TEST(AmqpPerformatives, WhatIsNotOneIsRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {"nothing", ""},
        {"a value that is not described", "45"},
        {"a described map", "00 53 10 c1 01 00"},
        {"an unknown descriptor", "00 53 7f 45"},
        {"a descriptor of text that is not known", "00 a3 01 61 45"},
        {"open without container-id", "00 53 10 45"},
        {"open with a number as container-id", "00 53 10 c0 03 01 52 01"},
        {"open with text as max-frame-size", "00 53 10 c0 09 03 a1 01 63 40 a1 01 64"},
        {"open with a channel-max of 65536", "00 53 10 c0 0b 04 a1 01 63 40 40 70 00010000"},
        {"open with a list as properties", "00 53 10 c0 0d 0a a1 01 63 40 40 40 40 40 40 40 40 45"},
        {"begin without windows", "00 53 11 c0 03 02 40 43"},
        {"attach without role", "00 53 12 c0 05 02 a1 01 6c 43"},
        {"attach without handle", "00 53 12 c0 06 03 a1 01 6c 40 42"},
        {"attach with a handle below zero", "00 53 12 c0 07 03 a1 01 6c 54 ff 42"},
        {"attach with sender settle mode 3", "00 53 12 c0 08 04 a1 01 6c 43 42 50 03"},
        {"attach with receiver settle mode 2", "00 53 12 c0 09 05 a1 01 6c 43 42 40 50 02"},
        {"attach with a target as source", "00 53 12 c0 0b 06 a1 01 6c 43 42 40 40 00 53 29 45"},
        {"attach with text as source", "00 53 12 c0 0a 06 a1 01 6c 43 42 40 40 a1 01 61"},
        {"flow without windows", "00 53 13 c0 02 01 40"},
        {"flow with text as credit", "00 53 13 c0 0b 07 40 43 43 43 43 43 a1 01 61"},
        {"transfer without handle", "00 53 14 45"},
        {"transfer with a tag of 33 bytes",
         "00 53 14 c0 26 03 43 43 a0 21 000000000000000000000000000000000000000000000000000000000000000000"},
        {"disposition without role", "00 53 15 45"},
        {"disposition without first", "00 53 15 c0 02 01 41"},
        {"detach without handle", "00 53 16 45"},
        {"detach with an error without condition", "00 53 16 c0 08 03 43 41 00 53 1d 45 40"},
        {"close with text as error", "00 53 18 c0 04 01 a1 01 61"},
        {"close with an error whose name is no symbol", "00 53 18 c0 0b 01 00 53 1d c0 05 01 a1 02 c3 a9"},
        {"bytes behind an open", "00 53 10 c0 04 01 a1 01 63 40"},
    };
    for (const auto& [what, hex] : cases) {
        const auto performative = decode_performative(as_bytes(from_hex(hex)));
        ASSERT_FALSE(performative.has_value()) << what;
        EXPECT_EQ(performative.error().code, Errc::malformed_packet) << what;
    }
}

/// azure-iot-sdks#263: the outcome of the 2016 device client has an error that is none.
TEST(AmqpPerformatives, ARejectionWithAMalformedErrorIsARejection) {
    const std::pair<const char*, Outcome> cases[] = {
        {"00 53 15 c0 0d 05 41 43 40 41 00 53 25 c0 03 01 a1 00", Outcome::rejected},
        {"00 53 15 c0 0b 05 41 43 40 41 00 53 25 c0 01 00", Outcome::rejected},
        {"00 53 15 c0 09 05 41 43 40 41 00 53 25 45", Outcome::rejected},
        {"00 53 15 c0 09 05 41 43 40 41 00 53 7f 45", Outcome::none},
        {"00 53 15 c0 09 05 41 43 40 41 00 53 26 45", Outcome::released},
        {"00 53 15 c0 0c 05 41 43 40 41 00 53 27 c0 02 01 41", Outcome::modified},
    };
    for (const auto& [hex, outcome] : cases) {
        const std::string bytes = from_hex(hex);
        const auto performative = decode_performative(as_bytes(bytes));
        ASSERT_TRUE(performative.has_value()) << hex;
        const auto& state = std::get<Disposition>(*performative).state;
        EXPECT_EQ(state.outcome, outcome) << hex;
        EXPECT_EQ(state.delivery_failed, outcome == Outcome::modified) << hex;
    }
}

TEST(AmqpPerformatives, ALongMessageTakesSeveralFrames) {
    const std::string message(2000, 'm');
    Bytes rest = as_bytes(message);
    std::string joined;
    while (!rest.empty()) {
        std::string frame;
        append_transfer(frame, 0,
                        {.handle = 1,
                         .delivery_id = 0xFFFFFFFF,
                         .delivery_tag = as_bytes("0123456789abcdef0123456789abcdef"),
                         .message_format = 0x80013700,
                         .settled = false,
                         .state = {},
                         .payload = {}},
                        rest, frame_bytes_min);
        EXPECT_LE(frame.size(), frame_bytes_min);
        const auto transfer = std::get<Transfer>(*decode(frame));
        EXPECT_EQ(transfer.more, !rest.empty());
        joined += as_text(transfer.payload);
    }
    EXPECT_EQ(joined, message);
}

TEST(AmqpSasl, FramesAreEncodedAndDecoded) {
    std::string frame;
    append_sasl_mechanisms(frame, sasl_mechanisms);
    // An array, though it be of one: azure-iot-sdks#263 shows the service's.
    EXPECT_EQ(to_hex(frame).substr(8, 8), "02010000");
    const auto offer =
        std::get<SaslMechanisms>(*decode_sasl(as_bytes(std::string_view(frame).substr(frame_header_bytes))));
    EXPECT_TRUE(offer.has("PLAIN"));
    EXPECT_TRUE(offer.has("EXTERNAL"));
    EXPECT_FALSE(offer.has("PLAI"));
    frame.clear();
    append_sasl_init(frame, {.mechanism = "PLAIN", .initial_response = as_bytes("x"), .hostname = "h"});
    const auto init =
        std::get<SaslInit>(*decode_sasl(as_bytes(std::string_view(frame).substr(frame_header_bytes))));
    EXPECT_EQ(init.mechanism, "PLAIN");
    EXPECT_EQ(as_text(*init.initial_response), "x");
    frame.clear();
    append_sasl_outcome(frame, SaslCode::auth);
    EXPECT_EQ(
        std::get<SaslOutcome>(*decode_sasl(as_bytes(std::string_view(frame).substr(frame_header_bytes))))
            .code,
        SaslCode::auth);
    const std::string single = from_hex("00 53 40 c0 0a 01 a3 05 504c41494e 40");
    EXPECT_FALSE(decode_sasl(as_bytes(single)).has_value());
    const std::string symbol = from_hex("00 53 40 c0 08 01 a3 05 504c41494e");
    EXPECT_TRUE(std::get<SaslMechanisms>(*decode_sasl(as_bytes(symbol))).has("PLAIN"));
}

TEST(AmqpSasl, WhatIsNotAFrameOfSaslIsRefused) {
    const char* cases[] = {"",
                           "45",
                           "00 53 10 45",
                           "00 53 41 45",
                           "00 53 41 c0 03 01 50 01",
                           "00 53 44 45",
                           "00 53 44 c0 03 01 50 05",
                           "00 53 40 45",
                           "00 53 42 45 40",
                           "00 53 41 c0 08 02 a3 01 61 a1 01 62"};
    for (const char* hex : cases) {
        EXPECT_FALSE(decode_sasl(as_bytes(from_hex(hex))).has_value()) << hex;
    }
}

TEST(AmqpSasl, PlainHasTwoZeroBytes) {
    using namespace std::string_view_literals;
    const auto plain = parse_plain(as_bytes("zid\0user\0password"sv));
    ASSERT_TRUE(plain.has_value());
    EXPECT_EQ(plain->user, "user");
    EXPECT_EQ(plain->password, "password");
    EXPECT_EQ(parse_plain(as_bytes("\0u\0p"sv))->user, "u");
    for (const std::string_view text :
         {""sv, "user"sv, "\0user"sv, "\0user\0"sv, "\0\0password"sv, "a\0b\0c\0d"sv}) {
        EXPECT_FALSE(parse_plain(as_bytes(text)).has_value()) << text;
    }
}

/// azure-sdk-for-python: _pyamqp takes fields by their place, and what follows those of a transfer for its
/// payload.
TEST(AmqpPerformatives, HaveAllTheirFields) {
    const auto fields = [](const auto& append) {
        std::string frame;
        append(frame);
        constexpr std::size_t count_at =
            8 + 3 + 2;  // Behind the header, the descriptor, and a list's prefix.
        return frame.size() > count_at && frame[count_at - 2] == '\xC0' ? frame[count_at] : 0;
    };
    EXPECT_EQ(fields([](std::string& out) { append_open(out, {}); }), 10);
    EXPECT_EQ(fields([](std::string& out) { append_begin(out, 0, {}); }), 8);
    EXPECT_EQ(fields([](std::string& out) { append_attach(out, 0, {}); }), 14);
    EXPECT_EQ(fields([](std::string& out) { append_flow(out, 0, {}); }), 11);
    EXPECT_EQ(fields([](std::string& out) {
                  Bytes payload;
                  append_transfer(out, 0, {}, payload, 512);
              }),
              11);
    EXPECT_EQ(fields([](std::string& out) { append_disposition(out, 0, {}); }), 6);
    EXPECT_EQ(fields([](std::string& out) { append_detach(out, 0, {}); }), 3);
    EXPECT_EQ(fields([](std::string& out) { append_end(out, 0, {}); }), 1);
    EXPECT_EQ(fields([](std::string& out) { append_close(out, {}); }), 1);
}

}  // namespace
}  // namespace carillon::amqp
