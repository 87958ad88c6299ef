#include "net/connector.hpp"

#include "net/channel_fixture.hpp"

#include <gtest/gtest.h>
#include <future>
#include <string>

namespace carillon {
namespace {

using testing::Journal;
using testing::TempDir;
using testing::TestServer;

/// A connection of ours that says `greeting` once it can, and notes what happens.
class Caller final : public ChannelHandler {
public:
    Caller(Journal& journal, std::string greeting) : journal_(journal), greeting_(std::move(greeting)) {}
    void handshaken() override {
        journal_.add("handshaken");
        channel->authenticated();
        if (!channel->send(as_bytes(greeting_))) journal_.add("not sent");
    }
    void received(Bytes bytes) override {
        heard_.append(as_text(bytes));
        if (heard_ == greeting_) journal_.add("echoed");
    }
    void closed(Errc reason) override {
        journal_.add("closed " + std::to_string(static_cast<int>(reason)));
        channel.reset();
    }
    std::unique_ptr<Channel> channel;

private:
    Journal& journal_;
    std::string greeting_;
    std::string heard_;
};

std::string closed_by(Errc reason) {
    return "closed " + std::to_string(static_cast<int>(reason));
}

/// One thread for the caller, and the caller.
struct Calling {
    explicit Calling(std::string greeting = "hello") : caller(journal, std::move(greeting)) {
        threads.start();
    }
    ~Calling() {
        threads.stop();
        caller.channel.reset();
    }

    /// Begins the connection on its thread; true unless it failed at once.
    bool connect(const Connector& connector, std::optional<std::uint32_t> source = std::nullopt) {
        std::promise<bool> begun;
        threads[0].post([&] {
            auto channel = connector.connect(threads[0], caller, source);
            if (channel) caller.channel = *std::move(channel);
            begun.set_value(channel.has_value());
        });
        return begun.get_future().get();
    }

    SystemClock clock;
    Journal journal;
    Caller caller;
    IoThreads threads{1, clock};
};

/// Trusts the servers of TestServer, whose certificates are their own authority.
std::shared_ptr<const TlsClientContext> trusting_context(const std::string& certificate) {
    auto loaded = TlsClientContext::load(certificate);
    CARILLON_ASSERT(loaded.has_value());
    return *loaded;
}

Connector connector_to(std::uint16_t port, std::shared_ptr<const TlsClientContext> tls,
                       const std::string& host_name = "localhost", const ChannelLimits& limits = {}) {
    Connector::Settings settings;
    settings.server = resolve("127.0.0.1", port).value();
    settings.host_name = host_name;
    settings.tls = std::move(tls);
    settings.limits = limits;
    return Connector(std::move(settings));
}

TEST(Connector, SpeaksTlsWithAServerThatProvesItsName) {
    const TempDir dir;
    const TlsFiles files = testing::make_server_files(dir);
    TestServer server;
    ASSERT_TRUE(TlsContext::load(files).has_value());
    server.tls->replace(TlsContext::load(files).value());
    Calling calling(std::string(100'000, 'x'));
    const Connector connector = connector_to(server.port(), trusting_context(files.key_pairs[0].certificate));
    ASSERT_TRUE(calling.connect(connector));
    EXPECT_TRUE(calling.journal.wait("echoed"));
}

TEST(Connector, RefusesAServerOfAnotherNameOrAuthority) {
    const TempDir dir;
    const TlsFiles files = testing::make_server_files(dir);
    TestServer server;
    server.tls->replace(TlsContext::load(files).value());
    const auto trusted = trusting_context(files.key_pairs[0].certificate);
    const Connector to_other_name = connector_to(server.port(), trusted, "elsewhere.example");
    Calling other_name;
    ASSERT_TRUE(other_name.connect(to_other_name));
    EXPECT_TRUE(other_name.journal.wait(closed_by(Errc::tls_failed)));
    EXPECT_EQ(other_name.journal.count("handshaken"), 0);

    const TempDir other_dir;
    const TlsFiles other_files = testing::make_server_files(other_dir);
    const Connector to_other_authority =
        connector_to(server.port(), trusting_context(other_files.key_pairs[0].certificate));
    Calling other_authority;
    ASSERT_TRUE(other_authority.connect(to_other_authority));
    EXPECT_TRUE(other_authority.journal.wait(closed_by(Errc::tls_failed)));
}

TEST(Connector, WithoutTlsTheConnectionItselfIsTheHandshake) {
    TestServer::Options options;
    options.tls = false;
    TestServer server(options);
    const Connector connector = connector_to(server.port(), nullptr);
    Calling calling;
    ASSERT_TRUE(calling.connect(connector));
    EXPECT_TRUE(calling.journal.wait("echoed"));
}

TEST(Connector, ComesFromTheSourceAddressItIsGiven) {
    TestServer::Options options;
    options.tls = false;
    TestServer server(options);
    const Connector connector = connector_to(server.port(), nullptr);
    Calling calling;
    ASSERT_TRUE(calling.connect(connector, 0x7F000203));
    ASSERT_TRUE(calling.journal.wait("echoed"));
    std::string peer;
    server.on_connection([&](Channel& channel) { peer = channel.peer_address(); });
    EXPECT_TRUE(peer.starts_with("127.0.2.3:")) << peer;
}

TEST(Connector, APortNobodyListensOnIsUnreachable) {
    std::uint16_t port = 0;
    {
        const TestServer gone;
        port = gone.port();
    }
    const Connector connector = connector_to(port, nullptr);
    Calling calling;
    // The kernel may say so at once or by an event.
    const bool has_begun = calling.connect(connector);
    EXPECT_TRUE(!has_begun || calling.journal.wait(closed_by(Errc::unreachable)));
}

TEST(Connector, AServerThatNeverShakesHandsIsGivenUp) {
    TestServer::Options options;
    options.tls = false;  // It echoes the client's greeting, which is not an answer: an error, or silence.
    TestServer server(options);
    server.on_received = [](Channel&, Bytes) {};
    const TempDir dir;
    const TlsFiles files = testing::make_server_files(dir);
    ChannelLimits limits;
    limits.unauthenticated_time_max = std::chrono::seconds(1);
    Calling calling;
    const Connector connector =
        connector_to(server.port(), trusting_context(files.key_pairs[0].certificate), "localhost", limits);
    ASSERT_TRUE(calling.connect(connector));
    EXPECT_TRUE(calling.journal.wait(closed_by(Errc::connection_forcefully_closed)));
}

TEST(Resolve, NamesBelowLocalhostAreThisMachine) {
    const auto address = resolve("hub.localhost", 8883);
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->is_ipv4_loopback());
    EXPECT_FALSE(resolve("no-such-host.invalid", 1));
}

}  // namespace
}  // namespace carillon
