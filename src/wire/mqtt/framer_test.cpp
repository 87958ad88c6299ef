#include "wire/mqtt/framer.hpp"

#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::from_hex;
using testing::publish_of;
using testing::to_hex;

/// What the framer makes of `pieces` fed one after another: header and body of each packet, in hex.
std::vector<std::string> frames(const std::vector<std::string>& pieces) {
    Framer framer(PacketLimits::packet_bytes_max);
    std::vector<std::string> out;
    for (const std::string& piece : pieces) {
        Bytes input = as_bytes(piece);
        while (true) {
            const auto packet = framer.next(input);
            if (!packet) {
                out.push_back("error " + std::to_string(static_cast<int>(packet.error().code)));
                return out;
            }
            if (!*packet) break;
            out.push_back(std::to_string((*packet)->header) + " " + to_hex(as_text((*packet)->body)));
        }
        EXPECT_TRUE(input.empty());
    }
    return out;
}

TEST(Framer, AnyCutGivesTheSamePackets) {
    const std::string stream =
        publish_of("a", "x") + from_hex("C000") + publish_of("b", std::string(300, 'y')) + from_hex("E000");
    const auto whole = frames({stream});
    ASSERT_EQ(whole.size(), 4U);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        EXPECT_EQ(frames({stream.substr(0, cut), stream.substr(cut)}), whole) << cut;
    }
    std::vector<std::string> single;
    for (char c : stream) single.emplace_back(1, c);
    EXPECT_EQ(frames(single), whole);
}

TEST(Framer, WholePacketsAreViewedInTheInput) {
    const std::string stream = publish_of("a", "x") + publish_of("b", "y");
    Framer framer(PacketLimits::packet_bytes_max);
    Bytes input = as_bytes(stream);
    for (int i = 0; i < 2; ++i) {
        const auto packet = framer.next(input);
        ASSERT_TRUE(packet && *packet);
        EXPECT_GE((*packet)->body.data(), as_bytes(stream).data());
        EXPECT_LE((*packet)->body.data(), as_bytes(stream).data() + stream.size());
        EXPECT_EQ(framer.pending(), 0U);
    }
}

TEST(Framer, TheLimitIsEnforcedFromTheHeaderAlone) {
    for (std::size_t limit : {std::size_t{0}, std::size_t{100}, std::size_t{127}, std::size_t{128},
                              std::size_t{65536}, PacketLimits::packet_bytes_max}) {
        for (std::size_t over : {std::size_t{0}, std::size_t{1}}) {
            std::string header;
            append_fixed_header(header, PacketType::publish, 0, limit + over);
            Framer framer(limit);
            Bytes input = as_bytes(header);
            const auto packet = framer.next(input);
            EXPECT_EQ(packet.has_value(), over == 0) << limit;
            if (over == 1) {
                EXPECT_EQ(packet.error().code, Errc::message_too_large);
            }
        }
    }
}

TEST(Framer, RemainingLengthsOfFiveBytesAreMalformed) {
    const std::string too_long = "error " + std::to_string(static_cast<int>(Errc::malformed_packet));
    for (std::string_view hex : {"30 80808080", "30 8080808001", "30 8080808000", "C0 80808080 00"}) {
        EXPECT_EQ(frames({from_hex(hex)}), std::vector<std::string>{too_long}) << hex;
        std::vector<std::string> single;
        for (char c : from_hex(hex)) single.emplace_back(1, c);
        EXPECT_EQ(frames(single), std::vector<std::string>{too_long}) << hex;
    }
    // A length written with more bytes than it needs is unusual but not forbidden by §2.2.3.
    EXPECT_EQ(frames({from_hex("C0 8000")}), std::vector<std::string>{"192 "});
}

TEST(Framer, NothingIsKeptOfAHugePacketBeyondWhatArrived) {
    Framer framer(PacketLimits::packet_bytes_max);
    std::string start;
    append_fixed_header(start, PacketType::publish, 0, PacketLimits::packet_bytes_max);
    Bytes input = as_bytes(start);
    ASSERT_TRUE(framer.next(input));
    EXPECT_EQ(framer.pending(), start.size());
}

}  // namespace
}  // namespace carillon::mqtt
