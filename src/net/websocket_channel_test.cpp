#include "net/websocket_channel.hpp"

#include "base/result.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

/// What the test sees and steers of the channel within.
struct Wire {
    ChannelHandler* handler = nullptr;
    std::string sent;
    bool congested = false;
    bool closed = false;
    bool accepts = true;
    std::string take_sent() { return std::exchange(sent, {}); }
};

class FakeChannel final : public Channel {
public:
    explicit FakeChannel(Wire& wire) : wire_(wire) {}
    void set_handler(ChannelHandler& handler) override { wire_.handler = &handler; }
    bool send(Bytes bytes) override {
        if (wire_.accepts) wire_.sent += as_text(bytes);
        return wire_.accepts;
    }
    std::size_t unsent() const override { return 0; }
    void holds(std::size_t) override {}
    bool is_congested() const override { return wire_.congested; }
    void close(Errc) override { wire_.closed = true; }
    void abort(Errc) override { wire_.closed = true; }
    void pause_reading() override {}
    void resume_reading() override {}
    void authenticated() override {}
    void move_to(IoThread&, UniqueFunction<void()>) override {}
    IoThread& thread() const override {
        assertion_failed("a fake channel has no thread", __FILE__, __LINE__);
    }
    const std::string& peer_address() const override { return address_; }
    const PeerCertificate* peer_certificate() const override { return nullptr; }

private:
    Wire& wire_;
    std::string address_ = "192.0.2.1:50000";
};

class Listening final : public ChannelHandler {
public:
    void received(Bytes) override {}
    void drained() override { ++drains; }
    void closed(Errc) override {}
    int drains = 0;
};

std::string ping(char c) {
    return std::string("\x89\x81\0\0\0\0", 6) + c;
}

TEST(WebSocketChannel, OwesAPeerThatDoesNotReadTheLastPongOnly) {
    Wire wire;
    Listening handler;
    WebSocketChannel channel(std::make_unique<FakeChannel>(wire), "");
    channel.set_handler(handler);
    wire.handler->received(as_bytes(ping('a')));
    EXPECT_EQ(wire.take_sent(),
              "\x8a\x01"
              "a");
    wire.congested = true;
    for (char c = 'b'; c <= 'z'; ++c) wire.handler->received(as_bytes(ping(c)));
    EXPECT_EQ(wire.sent, "");
    wire.congested = false;
    wire.handler->drained();
    EXPECT_EQ(wire.take_sent(),
              "\x8a\x01"
              "z");
    EXPECT_EQ(handler.drains, 1);
    wire.handler->drained();
    EXPECT_EQ(wire.sent, "");
}

TEST(WebSocketChannel, OutlivesAChannelThatHasNoRoomForAPong) {
    Wire wire;
    Listening handler;
    WebSocketChannel channel(std::make_unique<FakeChannel>(wire), "");
    channel.set_handler(handler);
    wire.accepts = false;
    wire.handler->received(as_bytes(ping('a')));
    EXPECT_FALSE(wire.closed);
    wire.accepts = true;
    wire.handler->drained();
    EXPECT_EQ(wire.sent,
              "\x8a\x01"
              "a");
}

}  // namespace
}  // namespace carillon
