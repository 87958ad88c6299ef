#pragma once

// A connection without sockets, for tests of what is in endpoint/rest; no part of the product.

#include "base/result.hpp"
#include "net/channel.hpp"

#include <optional>
#include <string>

namespace carillon::rest::testing {

/// What a test sees of a channel, which belongs to the connection under test and dies with it.
struct Wire {
    ChannelHandler* handler = nullptr;
    std::string sent;
    bool is_closed = false;  ///< `close` or `abort` was called.
    bool is_aborted = false;
    bool is_paused = false;
    bool is_authenticated = false;
    bool accepts = true;  ///< What `send` answers.
    bool is_congested = false;
    bool is_slow = false;  ///< Congested after each `send`.
    std::size_t unsent = 0;
    std::size_t held = 0;  ///< As `Channel::holds` said.

    void receive(std::string_view text) { handler->received(as_bytes(text)); }
};

/// A channel whose other end is a `Wire`.
class FakeChannel final : public Channel {
public:
    explicit FakeChannel(Wire& wire) : wire_(wire) {}

    void set_handler(ChannelHandler& handler) override { wire_.handler = &handler; }
    bool send(Bytes bytes) override {
        if (wire_.is_closed || !wire_.accepts) return false;
        wire_.sent += as_text(bytes);
        wire_.is_congested = wire_.is_congested || wire_.is_slow;
        return true;
    }
    std::size_t unsent() const override { return wire_.unsent; }
    void holds(std::size_t bytes) override { wire_.held = bytes; }
    bool is_congested() const override { return wire_.is_congested; }
    void close(Errc) override { wire_.is_closed = true; }
    void abort(Errc) override { wire_.is_closed = wire_.is_aborted = true; }
    void pause_reading() override { wire_.is_paused = true; }
    void resume_reading() override { wire_.is_paused = false; }
    void authenticated() override { wire_.is_authenticated = true; }
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

}  // namespace carillon::rest::testing
