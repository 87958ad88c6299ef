#include "wire/mqtt/decode.hpp"

#include "wire/mqtt/client_decode.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::bytes_of;
using testing::connect_of;
using testing::from_hex;
using testing::to_hex;

/// The one packet in `bytes`.
Packet packet_of(const std::string& bytes) {
    Framer framer(PacketLimits::packet_bytes_max);
    Bytes input = as_bytes(bytes);
    const auto packet = framer.next(input);
    EXPECT_TRUE(packet && *packet && input.empty()) << to_hex(bytes);
    return packet && *packet ? **packet : Packet{};
}

/// A packet of `header` around `body`, whatever they are.
std::string wrapped(std::uint8_t header, std::string_view body) {
    std::string out;
    append_fixed_header(out, static_cast<PacketType>(header >> 4), header & 0x0F, body.size());
    return out.append(body);
}

TEST(DecodeConnect, EveryFieldIsReadBack) {
    Connect connect = connect_of();
    connect.clean_session = true;
    connect.keep_alive_s = 0xABCD;
    connect.will =
        Will{.topic = "devices/d1/messages/events/", .payload = as_bytes("bye"), .qos = 2, .retain = true};
    const std::string bytes = bytes_of(connect);
    const auto read = decode_connect(packet_of(bytes));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->clean_session);
    EXPECT_EQ(read->keep_alive_s, 0xABCD);
    EXPECT_EQ(read->client_id, "d1");
    EXPECT_EQ(read->user_name, connect.user_name);
    EXPECT_EQ(as_text(*read->password), "token");
    ASSERT_TRUE(read->will);
    EXPECT_EQ(read->will->topic, "devices/d1/messages/events/");
    EXPECT_EQ(as_text(read->will->payload), "bye");
    EXPECT_EQ(read->will->qos, 2);
    EXPECT_TRUE(read->will->retain);
}

TEST(DecodeConnect, CutAnywhereIsMalformed) {
    Connect connect = connect_of();
    connect.will = Will{.topic = "t", .payload = as_bytes("p"), .qos = 0, .retain = false};
    const std::string bytes = bytes_of(connect);
    const std::string body = bytes.substr(2);
    ASSERT_EQ(static_cast<std::size_t>(bytes[1]), body.size());
    for (std::size_t length = 0; length < body.size(); ++length) {
        EXPECT_FALSE(decode_connect(packet_of(wrapped(0x10, body.substr(0, length))))) << length;
    }
    EXPECT_TRUE(decode_connect(packet_of(wrapped(0x10, body))));
    EXPECT_FALSE(decode_connect(packet_of(wrapped(0x10, body + "x"))));
}

TEST(DecodeConnect, IllegalFlagsAreMalformed) {
    const std::string start = from_hex("0004 4d515454 04");
    const std::string rest = from_hex("003c 0002 6431");
    for (const auto& [flags, tail] : std::vector<std::pair<std::string, std::string>>{
             {"01", ""},              // reserved  [MQTT-3.1.2-3]
             {"08", ""},              // will QoS without will  [MQTT-3.1.2-11]
             {"20", ""},              // will retain without will  [MQTT-3.1.2-15]
             {"1c", "0001 61 0000"},  // will QoS 3  [MQTT-3.1.2-14]
             {"40", "0001 61"},       // password without user name  [MQTT-3.1.2-22]
             {"80", ""},              // user name flag, but none there
             {"c0", "0001 61"},       // password flag, but none there
             {"00", "0001 61"},       // user name there, but no flag
         }) {
        EXPECT_FALSE(
            decode_connect(packet_of(wrapped(0x10, start + from_hex(flags) + rest + from_hex(tail)))))
            << flags;
    }
    EXPECT_TRUE(decode_connect(packet_of(wrapped(0x10, start + from_hex("02") + rest))));
    for (std::uint8_t header = 0x11; header <= 0x1F; ++header) {
        EXPECT_FALSE(decode_connect(packet_of(wrapped(header, start + from_hex("02") + rest))));
    }
}

TEST(DecodeConnect, OtherProtocolsAreReadUpToTheirLevel) {
    // An MQTT 5 CONNECT has properties where 3.1.1 has the client id.
    const auto v5 = decode_connect(packet_of(wrapped(0x10, from_hex("0004 4d515454 05 02 003c 00 0000"))));
    ASSERT_TRUE(v5);
    EXPECT_EQ(v5->protocol_level, 5);
    const std::string bytes = wrapped(0x10, from_hex("0006 4d5149736470 03"));
    const auto v3 = decode_connect(packet_of(bytes));
    ASSERT_TRUE(v3);
    EXPECT_EQ(v3->protocol_name, "MQIsdp");
}

TEST(DecodeText, OnlyWellFormedUtf8WithoutNulIsAccepted) {
    struct Case {
        std::string_view hex;
        bool is_legal;
        std::string_view why;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"61", true, "ASCII"},
             {"c3a9", true, "two bytes"},
             {"e282ac", true, "three bytes"},
             {"f09f8c8d", true, "four bytes"},
             {"f48fbfbf", true, "U+10FFFF"},
             {"efbbbf61", true, "a byte order mark is a character here [MQTT-1.5.3-3]"},
             {"efbfbf", true, "non-characters are allowed"},
             {"01", true, "control characters are allowed"},
             {"00", false, "NUL [MQTT-1.5.3-2]"},
             {"6100", false, "NUL at the end"},
             {"c080", false, "NUL, overlong"},
             {"c1bf", false, "overlong two bytes"},
             {"e09fbf", false, "overlong three bytes"},
             {"f08fbfbf", false, "overlong four bytes"},
             {"eda080", false, "surrogate U+D800 [MQTT-1.5.3-1]"},
             {"edbfbf", false, "surrogate U+DFFF"},
             {"eda080edb080", false, "surrogate pair"},
             {"f4908080", false, "beyond U+10FFFF"},
             {"f8888080", false, "five bytes"},
             {"80", false, "continuation alone"},
             {"c3", false, "cut two bytes"},
             {"e282", false, "cut three bytes"},
             {"f09f8c", false, "cut four bytes"},
             {"c328", false, "bad continuation"},
             {"fe", false, "never a byte of UTF-8"},
             {"ff", false, "never a byte of UTF-8"},
         }) {
        const std::string topic = from_hex(c.hex);
        std::string body;
        append_text(body, topic);
        EXPECT_EQ(decode_publish(packet_of(wrapped(0x30, body))).has_value(), c.is_legal) << c.why;
        FilterList list;
        EXPECT_EQ(
            decode_subscribe(packet_of(wrapped(0x82, from_hex("0001") + body + '\0')), list).has_value(),
            c.is_legal)
            << c.why;
        EXPECT_EQ(decode_unsubscribe(packet_of(wrapped(0xA2, from_hex("0001") + body)), list).has_value(),
                  c.is_legal)
            << c.why;
        EXPECT_EQ(decode_connect(packet_of(bytes_of(connect_of("d1", topic)))).has_value(), c.is_legal)
            << c.why;
        EXPECT_EQ(decode_connect(packet_of(bytes_of(connect_of(topic)))).has_value(), c.is_legal) << c.why;
    }
}

TEST(DecodePublish, FlagsAndFieldsAreReadBack) {
    for (std::uint8_t qos = 0; qos <= 2; ++qos) {
        Publish publish;
        publish.topic = "a/b";
        publish.qos = qos;
        publish.packet_id = 0x1234;
        publish.dup = qos > 0;
        publish.retain = true;
        publish.payload = as_bytes("payload");
        std::string bytes;
        append_publish(bytes, publish);
        const auto read = decode_publish(packet_of(bytes));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->topic, "a/b");
        EXPECT_EQ(read->qos, qos);
        EXPECT_EQ(read->dup, publish.dup);
        EXPECT_TRUE(read->retain);
        EXPECT_EQ(read->packet_id, qos > 0 ? 0x1234 : 0);
        EXPECT_EQ(as_text(read->payload), "payload");
    }
}

TEST(DecodePublish, BreachesAreMalformed) {
    EXPECT_FALSE(decode_publish(packet_of(from_hex("36 05 0001 61 0001"))));  // QoS 3  [MQTT-3.3.1-4]
    EXPECT_FALSE(decode_publish(packet_of(from_hex("38 03 0001 61"))));       // DUP at QoS 0  [MQTT-3.3.1-2]
    EXPECT_FALSE(decode_publish(packet_of(from_hex("32 05 0001 61 0000"))));  // packet id 0  [MQTT-2.3.1-1]
    EXPECT_FALSE(decode_publish(packet_of(from_hex("32 03 0001 61"))));       // no packet id
    EXPECT_FALSE(decode_publish(packet_of(from_hex("30 02 0000"))));          // empty topic  [MQTT-4.7.3-1]
    EXPECT_FALSE(decode_publish(packet_of(from_hex("30 00"))));
    EXPECT_FALSE(decode_publish(packet_of(from_hex("30 01 00"))));
    EXPECT_FALSE(decode_publish(packet_of(from_hex("30 03 0002 61"))));  // topic longer than the packet
    EXPECT_TRUE(decode_publish(packet_of(from_hex("30 03 0001 61"))));   // an empty payload is legal
}

TEST(DecodeSubscribe, FiltersAreReadInOrder) {
    FilterList list;
    const std::string bytes = from_hex("82 0A 1234 0001 61 01 0001 62 02");
    ASSERT_TRUE(decode_subscribe(packet_of(bytes), list));
    EXPECT_EQ(list.packet_id, 0x1234);
    ASSERT_EQ(list.count, 2U);
    EXPECT_EQ(list.entries[0].filter, "a");
    EXPECT_EQ(list.entries[0].qos, 1);
    EXPECT_EQ(list.entries[1].filter, "b");
    EXPECT_EQ(list.entries[1].qos, 2);
}

TEST(DecodeSubscribe, BreachesAreMalformed) {
    FilterList list;
    for (std::string_view hex : {
             "82 02 000A",  // no filter  [MQTT-3.8.3-3]
             "82 00",
             "82 01 00",                  // no packet id
             "82 06 0000 0001 61 00",     // packet id 0
             "82 05 0001 0001 61",        // no QoS
             "82 06 0001 0001 61 03",     // QoS 3  [MQTT-3-8.3-4]
             "82 06 0001 0001 61 04",     // reserved bit of the QoS byte
             "82 06 0001 0001 61 80",     // reserved bit of the QoS byte
             "82 05 0001 0000 00",        // empty filter  [MQTT-4.7.3-1]
             "82 06 0001 0002 61 00",     // filter longer than the packet
             "82 07 0001 0001 61 00 00",  // half a filter behind
             "80 06 0001 0001 61 00",     // flags  [MQTT-3.8.1-1]
             "83 06 0001 0001 61 00",
             "86 06 0001 0001 61 00",
             "8a 06 0001 0001 61 00",
         }) {
        EXPECT_FALSE(decode_subscribe(packet_of(from_hex(hex)), list)) << hex;
    }
}

TEST(DecodeSubscribe, AsManyFiltersAsTheLimitAndNoMore) {
    FilterList list;
    std::string body = from_hex("0001");
    for (std::size_t i = 0; i < PacketLimits::filters_max; ++i) body += from_hex("0001 61 00");
    EXPECT_TRUE(decode_subscribe(packet_of(wrapped(0x82, body)), list));
    EXPECT_EQ(list.count, PacketLimits::filters_max);
    EXPECT_FALSE(decode_subscribe(packet_of(wrapped(0x82, body + from_hex("0001 61 00"))), list));
}

TEST(DecodeUnsubscribe, BreachesAreMalformed) {
    FilterList list;
    EXPECT_TRUE(decode_unsubscribe(packet_of(from_hex("A2 08 0001 0001 61 0001 62")), list));
    EXPECT_EQ(list.count, 2U);
    for (std::string_view hex : {"A2 02 0001", "A2 00", "A0 05 0001 0001 61", "A3 05 0001 0001 61",
                                 "A2 05 0000 0001 61", "A2 04 0001 0000", "A2 05 0001 0002 61"}) {
        EXPECT_FALSE(decode_unsubscribe(packet_of(from_hex(hex)), list)) << hex;
    }
}

TEST(DecodePuback, OnlyThePacketIdIsThere) {
    EXPECT_EQ(decode_puback(packet_of(from_hex("40 02 0102"))).value(), 0x0102);
    for (std::string_view hex : {"40 00", "40 01 01", "40 03 010203", "42 02 0102", "40 02 0000"}) {
        EXPECT_FALSE(decode_puback(packet_of(from_hex(hex)))) << hex;
    }
}

TEST(DecodeEmpty, NeitherFlagsNorBodyAreThere) {
    EXPECT_TRUE(decode_empty(packet_of(from_hex("C0 00"))));
    EXPECT_FALSE(decode_empty(packet_of(from_hex("C1 00"))));
    EXPECT_FALSE(decode_empty(packet_of(from_hex("E0 01 00"))));
}

TEST(Encode, ServerPacketsHaveTheirBytes) {
    std::string out;
    append_connack(out, ConnectCode::accepted, true);
    append_connack(out, ConnectCode::not_authorized, true);  // never with a session  [MQTT-3.2.2-4]
    append_puback(out, 0x0102);
    const std::array<std::uint8_t, 2> codes{1, 0};
    append_suback(out, 3, codes);
    append_unsuback(out, 4);
    append_pingresp(out);
    EXPECT_EQ(to_hex(out),
              "20020100"
              "20020005"
              "40020102"
              "900400030100"
              "b0020004"
              "d000");
}

TEST(Encode, RemainingLengthTakesOneToFourBytes) {
    for (const auto& [length, hex] :
         std::vector<std::pair<std::size_t, std::string>>{{0, "3000"},
                                                          {127, "307f"},
                                                          {128, "308001"},
                                                          {16383, "30ff7f"},
                                                          {16384, "30808001"},
                                                          {2097151, "30ffff7f"},
                                                          {2097152, "3080808001"},
                                                          {268435455, "30ffffff7f"}}) {
        std::string out;
        append_fixed_header(out, PacketType::publish, 0, length);
        EXPECT_EQ(to_hex(out), hex);
    }
}

TEST(ClientDecode, ServerPacketsAreReadBack) {
    const auto connack = decode_connack(packet_of(from_hex("20 02 01 00")));
    ASSERT_TRUE(connack);
    EXPECT_TRUE(connack->session_present);
    EXPECT_EQ(decode_connack(packet_of(from_hex("20 02 00 05")))->code, 5);
    for (std::string_view hex : {"20 00", "20 01 00", "20 03 000000", "20 02 02 00", "21 02 00 00"}) {
        EXPECT_FALSE(decode_connack(packet_of(from_hex(hex)))) << hex;
    }
    const auto suback = decode_suback(packet_of(from_hex("90 05 0007 00 01 80")));
    ASSERT_TRUE(suback);
    EXPECT_EQ(suback->packet_id, 7);
    EXPECT_EQ(suback->codes, (std::vector<std::uint8_t>{0, 1, 0x80}));
    for (std::string_view hex : {"90 02 0007", "90 03 0000 00", "90 03 0007 03", "91 03 0007 00", "90 00"}) {
        EXPECT_FALSE(decode_suback(packet_of(from_hex(hex)))) << hex;
    }
    EXPECT_EQ(decode_unsuback(packet_of(from_hex("B0 02 0007"))).value(), 7);
    EXPECT_FALSE(decode_unsuback(packet_of(from_hex("B0 02 0000"))));
}

}  // namespace
}  // namespace carillon::mqtt
