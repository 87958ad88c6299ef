#include "wire/websocket/client_stream.hpp"

#include <gtest/gtest.h>

namespace carillon::websocket {
namespace {

/// A client, and what its peer makes of it.
struct Ends {
    SeededRandom random{7};
    ClientStream client{random};
    Decoder server;
    std::string taken;
    std::string out;

    std::string key() const {
        const std::string request = client.request("hub.example.net", "/$iothub/websocket", "mqtt");
        const std::string name = "Sec-WebSocket-Key: ";
        const std::size_t at = request.find(name) + name.size();
        return request.substr(at, request.find("\r\n", at) - at);
    }
    std::string head() const {
        return "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: " +
               accept_key(key()) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    }
    Result<> hear(std::string_view bytes) {
        return client.receive(as_bytes(bytes), out, [this](Bytes data) { taken.append(as_text(data)); });
    }
    Result<> hear_byte_by_byte(std::string_view bytes) {
        Result<> last;
        for (std::size_t i = 0; i < bytes.size() && last; ++i) last = hear(bytes.substr(i, 1));
        return last;
    }
};

std::string server_frame(std::string_view payload) {
    std::string out;
    append_binary_header(out, payload.size());
    return out.append(payload);
}

TEST(ClientStream, AsksAsTheRfcSays) {
    const Ends ends;
    const std::string request = ends.client.request("hub.example.net", "/$iothub/websocket", "mqtt");
    EXPECT_TRUE(request.starts_with("GET /$iothub/websocket HTTP/1.1\r\nHost: hub.example.net\r\n"));
    EXPECT_NE(request.find("\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"), std::string::npos);
    EXPECT_TRUE(is_key(ends.key()));
}

TEST(ClientStream, ReadsAServersFramesHoweverTheyAreCut) {
    Ends ends;
    ASSERT_TRUE(
        ends.hear_byte_by_byte(ends.head() + server_frame("abc") + server_frame(std::string(70'000, 'x'))));
    EXPECT_TRUE(ends.client.is_open());
    EXPECT_EQ(ends.taken, "abc" + std::string(70'000, 'x'));
}

TEST(ClientStream, WhatItSendsAServerReads) {
    Ends ends;
    ASSERT_TRUE(ends.hear(ends.head()));
    std::string sent;
    ends.client.append(sent, as_bytes(std::string(300, 'y')));
    EXPECT_EQ(sent.find("yyyy"), std::string::npos) << "it is masked";
    Bytes input = as_bytes(sent);
    const auto event = ends.server.next(input);
    ASSERT_TRUE(event && *event);
    EXPECT_EQ(as_text((*event)->data), std::string(300, 'y'));
}

TEST(ClientStream, APingIsAnsweredAndACloseIsTheEnd) {
    Ends ends;
    ASSERT_TRUE(ends.hear(ends.head()));
    ASSERT_TRUE(ends.hear("\x89\x02hi"));
    Bytes input = as_bytes(ends.out);
    EXPECT_FALSE(ends.out.empty());
    const auto pong = ends.server.next(input);  // A pong says nothing to its reader.
    EXPECT_TRUE(pong && !*pong && input.empty());
    std::string close;
    append_close(close, CloseCode::going_away);
    const auto closed = ends.hear(close);
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, Errc::connection_closed);
    EXPECT_FALSE(ends.client.is_open());
}

TEST(ClientStream, WhatIsNoWebSocketIsRefused) {
    Ends busy;
    const auto refused = busy.hear("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(http_status(refused.error().code), 503);

    Ends wrong_key;
    std::string head = wrong_key.head();
    head.replace(head.find("Accept: ") + 8, 4, "AAAA");
    EXPECT_FALSE(wrong_key.hear(head));

    Ends endless;
    EXPECT_FALSE(endless.hear("HTTP/1.1 101 " + std::string(ClientStream::head_bytes_max, 'x')));

    Ends masked;
    ASSERT_TRUE(masked.hear(masked.head()));
    std::string frame;
    append_masked_binary(frame, as_bytes("x"), {1, 2, 3, 4});
    EXPECT_FALSE(masked.hear(frame));
}

}  // namespace
}  // namespace carillon::websocket
