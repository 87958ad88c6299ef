#pragma once

// Devices without sockets on a hub in one thread, for tests of what is in endpoint/mqtt; no part of
// the product.

#include "core/testing/test_hub.hpp"
#include "endpoint/mqtt/mqtt_connection.hpp"
#include "endpoint/mqtt/mqtt_endpoint.hpp"
#include "net/io_thread.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/testing.hpp"
#include "wire/sas/sas_token.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carillon::mqtt::testing {

/// What a test sees and steers of a channel, which belongs to the connection under test.
struct Wire {
    ChannelHandler* handler = nullptr;
    IoThread* thread = nullptr;
    UniqueFunction<void()> arrived;  ///< Present while the channel moves.
    std::unique_ptr<PeerCertificate> certificate;
    std::string sent;
    std::size_t unsent = 0;
    bool congested = false;
    bool closed = false;
    bool aborted = false;
    bool paused = false;
    bool authenticated = false;
    bool accepts = true;    ///< What `send` answers.
    bool* freed = nullptr;  ///< Set when the channel goes.

    std::string take_sent() { return std::exchange(sent, {}); }
};

/// A channel without a socket.
class FakeChannel final : public Channel {
public:
    explicit FakeChannel(Wire& wire) : wire_(wire), freed_(wire.freed) {}
    ~FakeChannel() override {
        if (freed_ != nullptr) *freed_ = true;
    }

    void set_handler(ChannelHandler& handler) override { wire_.handler = &handler; }
    bool send(Bytes bytes) override {
        if (wire_.closed || !wire_.accepts) return false;
        wire_.sent += as_text(bytes);
        return true;
    }
    std::size_t unsent() const override { return wire_.unsent; }
    bool is_congested() const override { return wire_.congested; }
    void holds(std::size_t) override {}
    void close(Errc) override { wire_.closed = true; }
    void abort(Errc) override { wire_.closed = wire_.aborted = true; }
    void pause_reading() override { wire_.paused = true; }
    void resume_reading() override { wire_.paused = false; }
    void authenticated() override { wire_.authenticated = true; }
    void move_to(IoThread& thread, UniqueFunction<void()> arrived) override {
        wire_.thread = &thread;
        wire_.arrived = std::move(arrived);
    }
    IoThread& thread() const override { return *wire_.thread; }
    const std::string& peer_address() const override { return address_; }
    const PeerCertificate* peer_certificate() const override { return wire_.certificate.get(); }

private:
    Wire& wire_;
    bool* const freed_;
    std::string address_ = "192.0.2.1:50000";
};

/// A hub, its endpoint, and threads that never run: the test is the loop.
struct Site {
    explicit Site(std::size_t thread_count = 1, const HubOptions& options = {})
        : threads(thread_count, clock), hub(store, clock, 2, {}, 1, options) {
        endpoint = std::make_unique<MqttEndpoint>(*hub, threads);
    }

    WallTime in_an_hour() const { return clock.wall_now().plus_s(3600); }
    Identity registered(std::string_view id) { return hub.find(id)->committed->identity.unpack(); }
    std::string key_of(std::string_view id) { return registered(id).auth.primary_key; }
    std::string token_of(std::string_view id) {
        return sas::make_token("hub.example.net/devices/" + std::string(id), key_of(id), in_an_hour());
    }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    IoThreads threads;
    carillon::testing::TestHub hub;
    std::unique_ptr<MqttEndpoint> endpoint;
};

/// One connection of a device, from the device's side.
struct Peer {
    explicit Peer(Site& s, std::size_t thread = 0) : site(s) {
        wire.thread = &site.threads[thread];
        site.endpoint->accepted(std::make_unique<FakeChannel>(wire));
    }
    ~Peer() { lose(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void say(std::string_view bytes) { wire.handler->received(as_bytes(bytes)); }
    /// CONNECT with this token; the answer is in `wire.sent`.
    void connect(std::string_view id, std::string_view token, bool clean = false) {
        const std::string user_name =
            "hub.example.net/" + std::string(id) + "/?api-version=2021-04-12" + parameters;
        Connect connect = connect_of(id, user_name);
        connect.clean_session = clean;
        if (token.empty())
            connect.password.reset();
        else
            connect.password = as_bytes(token);
        say(bytes_of(connect));
        if (wire.arrived) std::exchange(wire.arrived, {})();
    }
    /// Past CONNACK, which must be 0.
    void open(std::string_view id, bool clean = false) {
        connect(id, site.token_of(id), clean);
        site.hub.settle();
        const std::string sent = wire.take_sent();
        CARILLON_ASSERT(sent.size() == 4 && sent[3] == 0);
    }
    void subscribe(std::string_view filter) {
        say(subscribe_of(filter));
        site.hub.settle();
        CARILLON_ASSERT(to_hex(wire.take_sent()) == "9003000100");
    }
    /// The network tells that the connection is over.
    void lose(Errc reason = Errc::connection_closed) {
        if (wire.handler != nullptr) std::exchange(wire.handler, nullptr)->closed(reason);
    }

    Site& site;
    Wire wire;
    std::string parameters;  ///< More of the user name, from its `&` on.
};

/// Topic and payload of each PUBLISH in `bytes`.
inline std::vector<std::pair<std::string, std::string>> published(const std::string& bytes) {
    std::vector<std::pair<std::string, std::string>> out;
    Framer framer(PacketLimits::packet_bytes_max);
    Bytes input = as_bytes(bytes);
    while (true) {
        const auto packet = framer.next(input);
        if (!packet || !*packet) return out;
        if (!(*packet)->is(PacketType::publish)) continue;
        const auto publish = decode_publish(**packet).value();
        out.emplace_back(publish.topic, as_text(publish.payload));
    }
}

}  // namespace carillon::mqtt::testing
