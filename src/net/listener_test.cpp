#include "net/channel_fixture.hpp"

#include <sys/resource.h>
#include <vector>

namespace carillon::testing {
namespace {

TEST(Listener, RefusesAPortThatIsTakenEvenByOneOfItsKind) {
    TestServer server;
    auto second =
        Listener::open(server.threads, server, {.address = "127.0.0.1", .port = server.port(), .limits = {}});
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, Errc::io_failed);
    EXPECT_EQ(second.error().detail, "Address already in use");
}

TEST(Listener, RefusesWhatIsNoAddress) {
    TestServer server;
    auto listener = Listener::open(server.threads, server, {.address = "localhost", .limits = {}});
    ASSERT_FALSE(listener.has_value());
    EXPECT_EQ(listener.error().code, Errc::config_invalid);
}

TEST(Listener, SpreadsConnectionsOverItsThreads) {
    TestServer server({.threads = 2, .tls = false});
    std::atomic<int> served[2] = {0, 0};
    server.on_received = [&served](Channel& channel, Bytes bytes) {
        ++served[channel.thread().number()];
        EXPECT_TRUE(channel.send(bytes));
    };
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 64; ++i) {
        clients.push_back(std::make_unique<TestClient>(server.port(), TestClient::Options{.tls = false}));
        ASSERT_TRUE(clients.back()->write("x"));
        ASSERT_EQ(clients.back()->read_exactly(1), "x");
    }
    EXPECT_GT(served[0].load(), 0);
    EXPECT_GT(served[1].load(), 0);
}

TEST(Listener, AcceptsNoMoreOnceStoppedButKeepsWhatItHas) {
    TestServer server({.threads = 2});
    TestClient early(server.port());
    ASSERT_TRUE(early.handshake());
    server.listener->stop();
    const TestClient late(server.port());
    EXPECT_FALSE(late.connected());
    ASSERT_TRUE(early.write("still here"));
    EXPECT_EQ(early.read_exactly(10), "still here");
}

TEST(Listener, PausesWithoutDescriptorsAndGoesOnWhenThereAreSome) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "the sanitizer itself needs descriptors (a pipe, to look at an object's type)";
#endif
    TestServer server;
    TestClient early(server.port());
    ASSERT_TRUE(early.handshake());
    // The client's socket takes the last descriptor, so that there is none to accept it with.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next_free = ::dup(0);
    ASSERT_GE(next_free, 0);
    ::close(next_free);
    const rlimit tight{.rlim_cur = static_cast<rlim_t>(next_free) + 1, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    TestClient waiting(server.port());
    EXPECT_TRUE(waiting.connected());
    ASSERT_TRUE(early.write("unharmed"));
    EXPECT_EQ(early.read_exactly(8), "unharmed");
    EXPECT_EQ(server.threads.connections(), 1U);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    server.clock.skip(Listener::pause_after_refusal);
    server.turn();
    ASSERT_TRUE(waiting.handshake());
    ASSERT_TRUE(waiting.write("at last"));
    EXPECT_EQ(waiting.read_exactly(7), "at last");
}

TEST(Listener, AcceptsNoMoreThanItMayAndGoesOnWhenOneHasEnded) {
    ConnectionCount count;
    count.open_max = 2;
    TestServer::Options options;
    options.limits.count = &count;
    TestServer server(options);
    auto first = std::make_unique<TestClient>(server.port());
    ASSERT_TRUE(first->handshake());
    TestClient second(server.port());
    ASSERT_TRUE(second.handshake());
    TestClient waiting(server.port());
    EXPECT_TRUE(waiting.connected()) << "by the kernel";
    server.turn();
    EXPECT_EQ(server.threads.connections(), 2U);
    ASSERT_TRUE(second.write("unharmed"));
    EXPECT_EQ(second.read_exactly(8), "unharmed");
    first.reset();
    ASSERT_TRUE(server.journal.wait("closed " + std::to_string(static_cast<int>(Errc::connection_closed))));
    server.clock.skip(Listener::pause_when_full);
    server.turn();
    EXPECT_TRUE(waiting.handshake());
    EXPECT_EQ(count.open.load(), 2U);
    EXPECT_GE(count.pauses.load(), 1U);
}

TEST(Listener, TurnsAwayMoreStrangersFromAnAddressThanItMayHave) {
    StrangerCounts strangers;
    strangers.per_address_max = 2;
    const std::array<std::uint8_t, 4> loopback{127, 0, 0, 1};
    const auto account = strangers.account_of(loopback);
    ConnectionCount count;
    TestServer::Options options;
    options.limits.strangers = &strangers;
    options.limits.count = &count;
    TestServer server(options);
    server.on_handshaken = [](Channel&) {};
    server.on_received = [](Channel& channel, Bytes bytes) {
        channel.authenticated();
        EXPECT_TRUE(channel.send(bytes));
    };
    TestClient known(server.port());
    ASSERT_TRUE(known.handshake());
    auto stranger = std::make_unique<TestClient>(server.port());
    ASSERT_TRUE(stranger->handshake());
    EXPECT_EQ(strangers.open(account), 2U);
    TestClient third(server.port(), {.tls = false});
    EXPECT_TRUE(third.ends());
    server.turn();
    EXPECT_EQ(strangers.refused.load(), 1U);
    // Whoever says who it is counts no more.
    ASSERT_TRUE(known.write("me"));
    EXPECT_EQ(known.read_exactly(2), "me");
    EXPECT_EQ(strangers.open(account), 1U);
    TestClient next(server.port());
    EXPECT_TRUE(next.handshake());
    // Nor does one that has ended.
    stranger.reset();
    ASSERT_TRUE(server.journal.wait("closed " + std::to_string(static_cast<int>(Errc::connection_closed))));
    server.turn();
    EXPECT_EQ(strangers.open(account), 1U);
    EXPECT_EQ(count.open.load(), 2U);
}

TEST(StrangerCounts, TakesANetworkOfVersionSixForOneAddress) {
    const StrangerCounts strangers;
    std::array<std::uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5};
    const auto account = strangers.account_of(address);
    address[15] = 9;
    EXPECT_EQ(strangers.account_of(address), account);
    int others = 0;
    for (std::uint8_t i = 1; i <= 100; ++i) {
        address[7] = static_cast<std::uint8_t>(100 + i);
        if (strangers.account_of(address) != account) ++others;
    }
    EXPECT_GE(others, 95) << "networks are told apart, but for a few";
}

TEST(StrangerCounts, DoubtAnAddressWhoseHandshakesCameToNothingOfLate) {
    StrangerCounts strangers;
    const StrangerCounts::Account account = 7;
    const TimePoint now{std::chrono::hours(1)};
    EXPECT_FALSE(strangers.is_doubted(account, now));
    strangers.finished(account);  // Nothing is saved up.
    strangers.abandoned(account, now);
    EXPECT_TRUE(strangers.is_doubted(account, now));
    EXPECT_FALSE(strangers.is_doubted(account + 1, now));
    strangers.abandoned(account, now);
    strangers.finished(account);
    EXPECT_TRUE(strangers.is_doubted(account, now)) << "one of two";
    strangers.finished(account);
    EXPECT_FALSE(strangers.is_doubted(account, now));
    for (std::uint32_t i = 0; i < 2 * StrangerCounts::doubts_max; ++i) strangers.abandoned(account, now);
    EXPECT_TRUE(strangers.is_doubted(account, now + StrangerCounts::doubted_for - std::chrono::seconds(1)));
    EXPECT_FALSE(strangers.is_doubted(account, now + StrangerCounts::doubted_for));
    for (std::uint32_t i = 0; i < StrangerCounts::doubts_max; ++i) strangers.finished(account);
    EXPECT_FALSE(strangers.is_doubted(account, now));
}

TEST(Listener, DoubtsAnAddressUntilItFinishesAHandshake) {
    StrangerCounts strangers;
    const std::array<std::uint8_t, 4> loopback{127, 0, 0, 1};
    const auto account = strangers.account_of(loopback);
    TestServer::Options options;
    options.limits.strangers = &strangers;
    TestServer server(options);
    const auto is_doubted = [&] { return strangers.is_doubted(account, server.clock.now()); };
    {
        TestClient silent(server.port(), {.tls = false});
        ASSERT_TRUE(silent.write_raw(std::string_view("\x16\x03\x01\x02\x00\x01", 6)));
    }
    ASSERT_TRUE(server.journal.wait("closed " + std::to_string(static_cast<int>(Errc::connection_closed))));
    EXPECT_FALSE(is_doubted()) << "it cost nothing";
    {
        TestClient unfinished(server.port(), {.tls = false});
        ASSERT_TRUE(unfinished.write_raw(client_hello()));
        ASSERT_NE(unfinished.read(1), "") << "it is answered";
    }
    ASSERT_TRUE(
        server.journal.wait("closed " + std::to_string(static_cast<int>(Errc::connection_closed)), 2));
    EXPECT_TRUE(is_doubted());
    TestClient honest(server.port());
    ASSERT_TRUE(honest.handshake());
    ASSERT_TRUE(honest.write("hello"));
    EXPECT_EQ(honest.read_exactly(5), "hello");
    EXPECT_FALSE(is_doubted());
}

TEST(Listener, GivesNewConnectionsTheCertificatesOfTheDay) {
    TestServer server;
    const TempDir dir;
    TestClient before(server.port());
    ASSERT_TRUE(before.handshake());
    auto fresh = TlsContext::load(make_server_files(dir));
    ASSERT_TRUE(fresh.has_value());
    server.tls->replace(*fresh);
    TestClient after(server.port());
    ASSERT_TRUE(after.handshake());
    EXPECT_NE(X509_cmp(SSL_get0_peer_certificate(before.ssl()), SSL_get0_peer_certificate(after.ssl())), 0);
    ASSERT_TRUE(before.write("old"));
    EXPECT_EQ(before.read_exactly(3), "old");
}

}  // namespace
}  // namespace carillon::testing
