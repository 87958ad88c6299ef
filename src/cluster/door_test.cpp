#include "cluster/door.hpp"

#include "cluster/line_endpoint.hpp"
#include "cluster/node_name.hpp"
#include "net/channel_fixture.hpp"
#include "net/peer_chain.hpp"

#include <thread>

namespace carillon {
namespace {

using testing::TempDir;
using testing::TestCertificate;
using testing::TestClient;
using testing::TestServer;

constexpr std::int64_t incarnation = 3;
constexpr const char* cluster_name = "0123456789abcdef0123456789abcdef";

/// The files by which two nodes of a cluster prove themselves.
struct Certificates {
    Certificates() {
        const auto ca = TestCertificate::make("an authority");
        ca.save(dir.file("ca.pem"), dir.file("ca-key.pem"));
        for (const char* node : {"n1", "n2"}) {
            TestCertificate::make(node_name(cluster_name, node), TestCertificate::Kind::ecdsa, &ca)
                .save(dir.file(std::string(node) + ".pem"), dir.file(std::string(node) + "-key.pem"));
        }
        TestCertificate::make("n3.of.another.cluster", TestCertificate::Kind::ecdsa, &ca)
            .save(dir.file("n3.pem"), dir.file("n3-key.pem"));
    }
    TlsFiles::KeyPair pair(const std::string& node) const {
        return {dir.file(node + ".pem"), dir.file(node + "-key.pem")};
    }
    std::shared_ptr<const TlsClientContext> client(const std::string& node) const {
        return TlsClientContext::load(dir.file("ca.pem"), pair(node)).value();
    }

    const TempDir dir;
};

/// The node that serves, whose endpoint is a test's, and a door that leads to it.
struct DoorTest : ::testing::Test {
    explicit DoorTest(std::size_t threads = 1) : server({.threads = threads}) {
        make_endpoint({});
        line_tls = std::make_unique<TlsContexts>(
            TlsContext::load(
                {.key_pairs = {files.pair("n1")}, .client_ca = files.dir.file("ca.pem"), .client_crl = {}})
                .value());
        listen_for_lines(0);
        door = Door::open(door_options("n2")).value();
    }
    ~DoorTest() override {
        door.reset();
        line_listener->stop();
        server.threads.stop();
    }

    /// The node that serves is of a program that speaks these versions, and the door of another one.
    void speak(LineVersions of_endpoint, LineVersions of_door) {
        line_listener->stop();
        server.turn();
        make_endpoint(of_endpoint);
        listen_for_lines(0);
        door.reset();
        Door::Options options = door_options("n2");
        options.versions = of_door;
        door = Door::open(std::move(options)).value();
    }
    void make_endpoint(LineVersions versions) {
        LineEndpoint::Options options;
        options.node_domain = node_domain(cluster_name);
        options.incarnation = incarnation;
        options.mqtt = &server;
        options.strangers = &strangers;
        options.versions = versions;
        endpoints.push_back(std::make_unique<LineEndpoint>(server.threads, std::move(options)));
    }
    void listen_for_lines(std::uint16_t port) {
        Listener::Options wanted{.address = "127.0.0.1", .port = port, .tls = line_tls.get()};
        wanted.limits.strangers = &strangers;
        listeners.push_back(Listener::open(server.threads, *endpoints.back(), std::move(wanted)).value());
        line_listener = listeners.back().get();
        EXPECT_TRUE(line_listener->start());
    }
    Door::Options door_options(const std::string& node) {
        static const TempDir dir;
        static const TlsFiles own = testing::make_server_files(dir);
        door_tls = std::make_unique<TlsContexts>(TlsContext::load(own).value());
        Door::Options options;
        options.addresses = {"127.0.0.1"};
        options.services = {{LineService::mqtt, 0}, {LineService::amqp, 0}};
        options.tls = door_tls.get();
        options.lines = files.client(node);
        options.connections_max = 100;
        options.unknown_per_address_max = 100;
        return options;
    }
    DoorTarget target() const {
        return {.address = "127.0.0.1",
                .port = line_listener->port(),
                .name = node_name(cluster_name, "n1"),
                .incarnation = incarnation};
    }
    std::uint16_t port() const { return door->ports().front(); }
    /// True if a peer of the door is let go, sooner or later, and nobody was told of it.
    bool is_turned_away() {
        TestClient client(port());
        if (!client.handshake()) return true;
        return client.ends();
    }

    /// True if one of those who come is passed on. Who comes before the door tries the owner is turned away.
    bool is_passed_on_soon() {
        for (int tries = 0; tries < 200; ++tries) {
            TestClient client(port());
            if (client.handshake() && client.write("hello") && client.read_exactly(5) == "hello") return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }

    Certificates files;
    StrangerCounts strangers;
    std::vector<std::unique_ptr<Listener>> listeners;  // Whose limits the connections of `server` look at.
    Listener* line_listener = nullptr;
    TestServer server;
    std::unique_ptr<TlsContexts> line_tls;
    std::vector<std::unique_ptr<LineEndpoint>> endpoints;
    std::unique_ptr<TlsContexts> door_tls;
    std::unique_ptr<Door> door;
};

struct DoorTwoThreads : DoorTest {
    DoorTwoThreads() : DoorTest(2) {}
};

TEST_F(DoorTest, PassesOnWhatIsSaidBothWaysAndSaysWho) {
    std::string address;
    std::string name;
    std::size_t chain = 0;
    server.on_handshaken = [&](Channel& channel) {
        address = channel.peer_address();
        if (channel.peer_certificate() != nullptr) name = channel.peer_certificate()->common_name;
        chain = peer_chain(channel).size();
        channel.authenticated();
    };
    door->lead_to(target());
    const auto device = TestCertificate::make("device-1");
    TestClient client(port(), {.certificate = &device});
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("hello"));
    EXPECT_EQ(client.read_exactly(5), "hello");
    EXPECT_TRUE(address.starts_with("127.0.0.1:")) << address;
    EXPECT_EQ(name, "device-1");
    EXPECT_EQ(chain, 1U);
    const DoorFigures figures = door->figures();
    EXPECT_EQ(figures.open, 1U);
    EXPECT_EQ(figures.lines, 1U);
    EXPECT_EQ(figures.bytes_in, 5U);
    EXPECT_EQ(figures.bytes_out, 5U);
}

TEST_F(DoorTest, AServiceThatTheOwnerDoesNotOfferIsRefused) {
    door->lead_to(target());
    TestClient client(door->ports().back());
    ASSERT_TRUE(client.handshake());
    EXPECT_TRUE(client.ends());
    EXPECT_EQ(door->figures().refused, 1U);
    EXPECT_EQ(server.journal.count("handshaken"), 0);
}

TEST_F(DoorTwoThreads, ALineMovesToTheThreadOfItsDevice) {
    server.on_received = [this](Channel& channel, Bytes bytes) {
        if (&channel.thread() == &server.threads[1]) {
            EXPECT_TRUE(channel.send(bytes));
            return;
        }
        const std::string said(as_text(bytes));
        channel.move_to(server.threads[1], [&channel, said] { EXPECT_TRUE(channel.send(as_bytes(said))); });
    };
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client.write("hello"));
        EXPECT_EQ(client.read_exactly(5), "hello");
    }
}

TEST_F(DoorTest, WhatOneSideDoesNotTakeIsNotReadFromTheOther) {
    constexpr std::size_t total = 24'000'000;
    std::atomic<std::size_t> received{0};
    server.on_received = [&](Channel& channel, Bytes bytes) {
        if (received.fetch_add(bytes.size()) == 0) channel.pause_reading();
    };
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    std::atomic<std::size_t> written{0};
    std::thread writer([&] {
        const std::string piece(64'000, 'x');
        while (written < total && client.write(piece)) written += piece.size();
    });
    ASSERT_TRUE(server.journal.wait("received"));
    std::size_t before = 0;
    do {  // Until nothing moves any more: all buffers between the two are full.
        before = written;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    } while (written != before);
    EXPECT_LT(written, total);
    server.on_connection([](Channel& channel) { channel.resume_reading(); });
    writer.join();
    EXPECT_GE(written, total);
    client.say_goodbye();
    client.finish_writing();
    ASSERT_TRUE(server.journal.wait("ended"));
    EXPECT_EQ(received, written);
    EXPECT_EQ(door->figures().bytes_in, written);
}

TEST_F(DoorTest, APeerThatWillSayNothingMoreIsStillAnswered) {
    server.on_received = [](Channel&, Bytes) {};
    server.on_ended = [](Channel& channel) {
        EXPECT_TRUE(channel.send(as_bytes("the answer")));
        channel.close();
    };
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("question"));
    client.say_goodbye();
    client.finish_writing();
    EXPECT_EQ(client.read_to_end(), "the answer");
    EXPECT_TRUE(client.was_told_goodbye());
}

TEST_F(DoorTest, WhoComesWhileNobodyServesWaits) {
    std::vector<std::unique_ptr<TestClient>> clients;
    DoorTarget nowhere = target();
    nowhere.port = 1;
    DoorTarget next = target();
    next.incarnation = incarnation + 1;
    for (const std::optional<DoorTarget>& before :
         {std::optional<DoorTarget>(), std::optional(nowhere), std::optional(next)}) {
        door->lead_to(before);
        clients.push_back(std::make_unique<TestClient>(port()));
        ASSERT_TRUE(clients.back()->handshake());
        ASSERT_TRUE(clients.back()->write("hello"));
    }
    door->lead_to(target());
    for (const auto& client : clients) EXPECT_EQ(client->read_exactly(5), "hello");
    EXPECT_EQ(door->figures().lines, 3U);
    EXPECT_EQ(door->figures().refused, 0U);
}

TEST_F(DoorTest, WhoWaitsIsServedOnceTheOwnerListens) {
    const std::uint16_t free_port = line_listener->port();
    line_listener->stop();
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("hello"));
    std::this_thread::sleep_for(3 * Door::retry_min);  // For tries that fail; fewer would do as well.
    listen_for_lines(free_port);
    EXPECT_EQ(client.read_exactly(5), "hello");
}

TEST_F(DoorTest, WhoComesWhenTheOwnerWasNotThereForLongIsClosedAtOnce) {
    door.reset();
    Door::Options options = door_options("n2");
    options.patience = std::chrono::seconds(0);
    door = Door::open(std::move(options)).value();
    EXPECT_TRUE(is_turned_away()) << "nobody serves";
    DoorTarget nowhere = target();
    nowhere.port = 1;
    door->lead_to(nowhere);
    EXPECT_TRUE(is_turned_away()) << "nobody listens";
    EXPECT_EQ(door->figures().lines, 0U);
    EXPECT_EQ(door->figures().refused, 2U);
}

TEST_F(DoorTest, ADoorThatNobodyUsedForLongPassesOnWhoComes) {
    door.reset();
    Door::Options options = door_options("n2");
    options.patience = std::chrono::seconds(0);  // So that any time is long.
    door = Door::open(std::move(options)).value();
    EXPECT_TRUE(is_turned_away()) << "nobody serves";
    door->lead_to(target());
    EXPECT_TRUE(is_passed_on_soon());
}

TEST_F(DoorTest, AnOwnerThatWasOutOfReachForLongIsFoundAgain) {
    door.reset();
    Door::Options options = door_options("n2");
    options.patience = std::chrono::seconds(0);
    door = Door::open(std::move(options)).value();
    DoorTarget owner = target();
    const std::uint16_t there = owner.port;
    line_listener->stop();
    server.turn();
    door->lead_to(owner);
    EXPECT_TRUE(is_turned_away());
    listen_for_lines(there);
    EXPECT_TRUE(is_passed_on_soon());
}

TEST_F(DoorTest, AnotherStartOrAnotherNodeIsNotTakenForTheOwner) {
    door.reset();
    Door::Options options = door_options("n2");
    options.patience = std::chrono::seconds(1);
    door = Door::open(std::move(options)).value();
    DoorTarget other = target();
    other.incarnation = incarnation + 1;
    door->lead_to(other);
    EXPECT_TRUE(is_turned_away());
    other = target();
    other.name = node_name(cluster_name, "n2");
    door->lead_to(other);
    EXPECT_TRUE(is_turned_away()) << "its certificate is for n1";
    EXPECT_EQ(server.journal.count("handshaken"), 0);
}

TEST_F(DoorTest, WhoIsNoNodeOfTheClusterGetsNoLine) {
    TestClient bare(line_listener->port());
    EXPECT_TRUE(!bare.handshake() || bare.ends());
    door.reset();
    Door::Options options = door_options("n3");
    options.patience = std::chrono::seconds(1);
    door = Door::open(std::move(options)).value();
    door->lead_to(target());
    EXPECT_TRUE(is_turned_away()) << "the authority signed it, and for another name";
    EXPECT_EQ(server.journal.count("handshaken"), 0);
}

TEST_F(DoorTest, NodesOfTwoProgramsSpeakTheNewestVersionThatBothKnow) {
    struct Case {
        LineVersions endpoint;
        LineVersions door;
    };
    const Case cases[] = {{{1, 1}, {1, 2}}, {{1, 2}, {1, 1}}, {{1, 3}, {2, 5}}, {{2, 2}, {1, 3}}};
    for (const auto& [of_endpoint, of_door] : cases) {
        speak(of_endpoint, of_door);
        door->lead_to(target());
        std::vector<std::unique_ptr<TestClient>> clients;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(std::make_unique<TestClient>(port()));
            ASSERT_TRUE(clients.back()->handshake());
            ASSERT_TRUE(clients.back()->write("hello"));
        }
        for (const auto& client : clients) {
            EXPECT_EQ(client->read_exactly(5), "hello")
                << int{of_endpoint.newest} << " and " << int{of_door.newest};
        }
        EXPECT_EQ(door->figures().lines, 3U);
        EXPECT_EQ(door->figures().refused, 0U);
    }
}

TEST_F(DoorTest, NodesWithoutACommonVersionPassNothingOn) {
    const LineVersions pairs[][2] = {{{1, 1}, {2, 2}}, {{3, 4}, {1, 2}}};
    for (const auto& [of_endpoint, of_door] : pairs) {
        speak(of_endpoint, of_door);
        door->lead_to(target());
        EXPECT_TRUE(is_turned_away());
        EXPECT_EQ(door->figures().lines, 0U);
        EXPECT_EQ(door->figures().refused, 1U);
    }
    EXPECT_EQ(server.journal.count("handshaken"), 0);
}

TEST_F(DoorTest, ConnectionsEndWhenAnotherOneTakesOver) {
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("hello"));
    EXPECT_EQ(client.read_exactly(5), "hello");
    DoorTarget next = target();
    next.incarnation = incarnation + 1;
    door->lead_to(next);
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(server.journal.wait("ended"));
    EXPECT_EQ(door->figures().cut, 1U);
}

TEST_F(DoorTest, ThePlacesOfStrangersAreThoseOfTheirOwnAddress) {
    strangers.per_address_max = 3;
    server.on_handshaken = [](Channel&) {};  // Nobody authenticates.
    door->lead_to(target());
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(std::make_unique<TestClient>(port()));
        ASSERT_TRUE(clients.back()->handshake());
        ASSERT_TRUE(server.journal.wait("handshaken", i + 1));
    }
    // Here all have one address: the line takes the last place, and there is none for its peer.
    EXPECT_TRUE(is_turned_away());
    clients.clear();
    ASSERT_TRUE(
        server.journal.wait("closed " + std::to_string(static_cast<int>(Errc::connection_closed)), 2));
    server.turn();
    TestClient again(port());
    ASSERT_TRUE(again.handshake());
    EXPECT_TRUE(server.journal.wait("handshaken", 3));
}

TEST_F(DoorTest, ClosesInOrder) {
    door->lead_to(target());
    TestClient client(port());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("hello"));
    EXPECT_EQ(client.read_exactly(5), "hello");
    std::thread reader([&client] {
        EXPECT_EQ(client.read_to_end(), "");
        EXPECT_TRUE(client.was_told_goodbye());
        client.finish_writing();
    });
    door->close(std::chrono::seconds(60));
    reader.join();
    EXPECT_TRUE(server.journal.wait("ended"));
}

}  // namespace
}  // namespace carillon
