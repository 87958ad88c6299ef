#include "net/stranger_turns.hpp"

#include "net/channel_fixture.hpp"
#include "net/thread_buffers.hpp"

#include <gtest/gtest.h>
#include <array>
#include <future>
#include <memory>
#include <vector>

namespace carillon {
namespace {

using Step = StrangerTurns::Step;
using testing::TestClient;
using testing::TestServer;

struct Peer final : Stranger {
    void take_step() override { ++steps; }
    void time_is_up() override { ++ends; }
    int steps = 0;
    int ends = 0;
};

template <std::size_t n>
int steps_of(const std::array<Peer, n>& peers) {
    int steps = 0;
    for (const Peer& peer : peers) steps += peer.steps;
    return steps;
}

TEST(StrangerTurns, TakeOneStepOfEachKindInATurn) {
    StrangerTurns turns;
    std::array<Peer, 5> begin;
    std::array<Peer, 2> go_on;
    for (Peer& peer : begin) turns.ask_for_step(peer, Step::first);
    for (Peer& peer : go_on) turns.ask_for_step(peer, Step::later);
    EXPECT_EQ(turns.waiting(), 5U);
    turns.work();
    EXPECT_EQ(steps_of(begin), 1);
    EXPECT_EQ(steps_of(go_on), 1);
    EXPECT_EQ(begin[0].steps, 1) << "who came first";
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(turns.is_empty());
        turns.work();
    }
    EXPECT_EQ(steps_of(begin), 5);
    EXPECT_EQ(steps_of(go_on), 2);
    EXPECT_TRUE(turns.is_empty());
}

TEST(StrangerTurns, EndNoMoreThanSoManyInATurn) {
    StrangerTurns turns;
    std::vector<Peer> peers(2 * StrangerTurns::ends_max + 1);
    for (Peer& peer : peers) turns.ask_for_end(peer);
    turns.work();
    EXPECT_EQ(peers[StrangerTurns::ends_max - 1].ends, 1);
    EXPECT_EQ(peers[StrangerTurns::ends_max].ends, 0);
    turns.work();
    turns.work();
    EXPECT_EQ(peers.back().ends, 1);
    EXPECT_TRUE(turns.is_empty());
}

TEST(StrangerTurns, CallNobodyWhoIsGone) {
    StrangerTurns turns;
    std::array<Peer, 3> peers;
    turns.ask_for_step(peers[0], Step::first);
    turns.ask_for_step(peers[1], Step::later);
    turns.ask_for_end(peers[2]);
    for (const Peer& peer : peers) turns.forget(peer);
    EXPECT_TRUE(turns.is_empty());
    turns.work();
    EXPECT_EQ(steps_of(peers) + peers[2].ends, 0);
}

TEST(StrangerTurns, EndTheOldestHandshakeWhenTooManyAreUnfinished) {
    StrangerTurns turns;
    std::vector<Peer> peers(StrangerTurns::unfinished_max + 2);
    for (std::size_t i = 0; i < StrangerTurns::unfinished_max; ++i) {
        turns.answered(peers[i]);
        turns.answered(peers[i]);  // said again
    }
    EXPECT_EQ(peers[0].ends, 0);
    turns.finished(peers[0]);
    turns.answered(peers[StrangerTurns::unfinished_max]);
    EXPECT_EQ(peers[1].ends, 0) << "there was a place";
    turns.answered(peers[StrangerTurns::unfinished_max + 1]);
    EXPECT_EQ(peers[0].ends, 0);
    EXPECT_EQ(peers[1].ends, 1);
    EXPECT_EQ(peers[2].ends, 0);
}

/// What a client says first, as TLS has it.
std::string hello() {
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
    BIO* said = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), said);
    SSL_connect(ssl.get());
    char* data = nullptr;
    const auto size = BIO_get_mem_data(said, &data);
    return {data, static_cast<std::size_t>(size)};
}

TEST(StrangerTurns, HandshakesWithoutEndAreKeptOnlySoFar) {
    std::vector<Peer> others(StrangerTurns::unfinished_max - 1);
    TestServer::Options patient;
    patient.limits.unauthenticated_time_max = std::chrono::hours(1);  // It is not their time that ends them.
    TestServer server(patient);
    TestClient::Options plain;
    plain.tls = false;
    TestClient first(server.port(), plain);
    ASSERT_TRUE(first.write_raw(hello()));
    ASSERT_NE(first.read(1), "") << "it is answered";
    std::promise<void> added;
    server.threads[0].post([&] {
        for (Peer& other : others) server.threads[0].buffers().strangers.answered(other);
        added.set_value();
    });
    added.get_future().wait();
    TestClient last(server.port(), plain);
    ASSERT_TRUE(last.write_raw(hello()));
    ASSERT_NE(last.read(1), "") << "it is answered too";
    EXPECT_TRUE(first.ends());
    EXPECT_EQ(others[0].ends, 0);
    TestClient honest(server.port());
    EXPECT_TRUE(honest.handshake());
}

}  // namespace
}  // namespace carillon
