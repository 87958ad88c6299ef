#include "wire/websocket/websocket.hpp"

#include <gtest/gtest.h>

namespace carillon::websocket {
namespace {

/// A client's frame, masked.
std::string frame(std::uint8_t first, std::string_view payload, std::uint8_t mask_start = 0x11) {
    std::string out(1, static_cast<char>(first));
    if (payload.size() < 126) {
        out.push_back(static_cast<char>(0x80 | payload.size()));
    } else {
        out.push_back(static_cast<char>(0x80 | 126));
        out.push_back(static_cast<char>(payload.size() >> 8));
        out.push_back(static_cast<char>(payload.size() & 0xFF));
    }
    std::uint8_t mask[4];
    for (std::uint8_t i = 0; i < 4; ++i) {
        mask[i] = static_cast<std::uint8_t>(mask_start * (i + 1));
        out.push_back(static_cast<char>(mask[i]));
    }
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out.push_back(static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ mask[i % 4]));
    }
    return out;
}

/// What the decoder makes of pieces: data joined, `<ping …>`, `<close …>`, `<error code>`.
std::string said(const std::vector<std::string>& pieces) {
    Decoder decoder;
    std::string out;
    for (const std::string& piece : pieces) {
        Bytes input = as_bytes(piece);
        while (true) {
            const auto event = decoder.next(input);
            if (!event) return out + "<error " + std::to_string(static_cast<int>(decoder.close_code())) + ">";
            if (!*event) break;
            const std::string data(as_text((*event)->data));
            if ((*event)->kind == Event::Kind::data) out += data;
            if ((*event)->kind == Event::Kind::ping) out += "<ping " + data + ">";
            if ((*event)->kind == Event::Kind::close) out += "<close " + std::to_string(data.size()) + ">";
        }
        EXPECT_TRUE(input.empty());
    }
    return out;
}

TEST(WebSocket, TheAcceptKeyIsThatOfTheRfc) {
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_TRUE(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
    EXPECT_FALSE(is_key(""));
    EXPECT_FALSE(is_key("dGhlIHNhbXBsZSBub25j"));
}

TEST(WebSocket, AStreamIsTheSameHoweverItIsFramedAndCut) {
    const std::string stream = frame(0x82, "abc") + frame(0x02, "de") + frame(0x89, "p") + frame(0x00, "") +
                               frame(0x8A, "pong") + frame(0x80, "f") + frame(0x82, std::string(300, 'x')) +
                               frame(0x88, "\x03\xE8");
    const std::string expected = "abcde<ping p>f" + std::string(300, 'x') + "<close 2>";
    EXPECT_EQ(said({stream}), expected);
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        ASSERT_EQ(said({stream.substr(0, cut), stream.substr(cut)}), expected) << cut;
    }
    std::vector<std::string> single;
    for (char c : stream) single.emplace_back(1, c);
    EXPECT_EQ(said(single), expected);
}

TEST(WebSocket, IllegalFramesAreRefusedWithTheirCode) {
    const std::string mask(4, '\0');
    EXPECT_EQ(said({std::string("\x82\x01") + "a"}), "<error 1002>");         // no mask
    EXPECT_EQ(said({frame(0xC2, "a")}), "<error 1002>");                      // reserved bit
    EXPECT_EQ(said({frame(0x81, "a")}), "<error 1003>");                      // text
    EXPECT_EQ(said({frame(0x83, "a")}), "<error 1003>");                      // unknown data
    EXPECT_EQ(said({frame(0x8B, "a")}), "<error 1002>");                      // unknown control
    EXPECT_EQ(said({frame(0x09, "a")}), "<error 1002>");                      // fragmented ping
    EXPECT_EQ(said({frame(0x89, std::string(126, 'x'))}), "<error 1002>");    // long ping
    EXPECT_EQ(said({frame(0x80, "a")}), "<error 1002>");                      // continuation of nothing
    EXPECT_EQ(said({frame(0x02, "a") + frame(0x82, "b")}), "a<error 1002>");  // message within a message
    EXPECT_EQ(said({std::string("\x82\xFE\x00\x05", 4) + mask + "abcde"}), "<error 1002>");
    EXPECT_EQ(said({std::string("\x82\xFF\0\0\0\0\0\0\xFF\xFF", 10) + mask}), "<error 1002>");
    EXPECT_EQ(said({std::string("\x82\xFF\0\0\0\0\0\x10\0\x01", 10) + mask}), "<error 1009>");
    EXPECT_EQ(said({std::string("\x82\xFF\x80\0\0\0\0\0\0\0", 10) + mask}), "<error 1009>");
    EXPECT_EQ(said({std::string("\x82\xFF\0\0\0\0\0\x10\0\0", 10) + mask}), "");
}

TEST(WebSocket, WhatIsSentHasItsHeader) {
    std::string out;
    append_binary_header(out, 125);
    append_binary_header(out, 126);
    append_binary_header(out, 65536);
    append_pong(out, as_bytes("x"));
    append_close(out, CloseCode::going_away);
    EXPECT_EQ(out, std::string("\x82\x7D"
                               "\x82\x7E\x00\x7E"
                               "\x82\x7F\0\0\0\0\0\x01\0\0"
                               "\x8A\x01x"
                               "\x88\x02\x03\xE9",
                               2 + 4 + 10 + 3 + 4));
}

}  // namespace
}  // namespace carillon::websocket
