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
using testing::client_hello;
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
    turns.work(true);
    EXPECT_EQ(steps_of(begin), 1);
    EXPECT_EQ(steps_of(go_on), 1);
    EXPECT_EQ(begin[0].steps, 1) << "who came first";
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(turns.is_empty());
        turns.work(true);
    }
    EXPECT_EQ(steps_of(begin), 5);
    EXPECT_EQ(steps_of(go_on), 2);
    EXPECT_TRUE(turns.is_empty());
}

TEST(StrangerTurns, TheDoubtedWaitUntilNobodyElseDoes) {
    StrangerTurns turns;
    std::array<Peer, 4> doubted;
    std::array<Peer, 2> others;
    for (Peer& peer : doubted) turns.ask_for_step(peer, Step::doubted_first);
    for (Peer& peer : others) turns.ask_for_step(peer, Step::first);
    EXPECT_EQ(turns.waiting(), 2U) << "they keep no new connection out";
    turns.work(false);
    turns.work(false);
    EXPECT_EQ(steps_of(others), 2);
    EXPECT_EQ(steps_of(doubted), 0);
    for (int i = 0; i < StrangerTurns::busy_turns_max; ++i) turns.work(true);
    EXPECT_EQ(steps_of(doubted), 0) << "there was something else to do";
    turns.work(true);
    EXPECT_EQ(steps_of(doubted), 1) << "but not for ever";
    turns.work(false);
    EXPECT_EQ(steps_of(doubted), 2);
}

TEST(StrangerTurns, TheDoubtedWhoWaitAreBounded) {
    StrangerTurns turns;
    std::vector<Peer> peers(StrangerTurns::doubted_max + 2);
    for (Peer& peer : peers) turns.ask_for_step(peer, Step::doubted_first);
    EXPECT_EQ(peers[0].ends, 1);
    EXPECT_EQ(peers[1].ends, 1);
    EXPECT_EQ(peers[2].ends, 0);
    turns.work(false);
    EXPECT_EQ(peers[2].steps, 1);
}

TEST(StrangerTurns, EndNoMoreThanSoManyInATurn) {
    StrangerTurns turns;
    std::vector<Peer> peers(2 * StrangerTurns::ends_max + 1);
    for (Peer& peer : peers) turns.ask_for_end(peer);
    turns.work(false);
    EXPECT_EQ(peers[StrangerTurns::ends_max - 1].ends, 1);
    EXPECT_EQ(peers[StrangerTurns::ends_max].ends, 0);
    turns.work(false);
    turns.work(false);
    EXPECT_EQ(peers.back().ends, 1);
    EXPECT_TRUE(turns.is_empty());
}

TEST(StrangerTurns, CallNobodyWhoIsGone) {
    StrangerTurns turns;
    std::array<Peer, 4> peers;
    turns.ask_for_step(peers[0], Step::first);
    turns.ask_for_step(peers[1], Step::later);
    turns.ask_for_end(peers[2]);
    turns.ask_for_step(peers[3], Step::doubted_first);
    for (const Peer& peer : peers) turns.forget(peer);
    EXPECT_TRUE(turns.is_empty());
    turns.work(false);
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

TEST(StrangerTurns, HandshakesWithoutEndAreKeptOnlySoFar) {
    std::vector<Peer> others(StrangerTurns::unfinished_max - 1);
    TestServer::Options patient;
    patient.limits.unauthenticated_time_max = std::chrono::hours(1);  // It is not their time that ends them.
    TestServer server(patient);
    TestClient::Options plain;
    plain.tls = false;
    TestClient first(server.port(), plain);
    ASSERT_TRUE(first.write_raw(client_hello()));
    ASSERT_NE(first.read(1), "") << "it is answered";
    std::promise<void> added;
    server.threads[0].post([&] {
        for (Peer& other : others) server.threads[0].buffers().strangers.answered(other);
        added.set_value();
    });
    added.get_future().wait();
    TestClient last(server.port(), plain);
    ASSERT_TRUE(last.write_raw(client_hello()));
    ASSERT_NE(last.read(1), "") << "it is answered too";
    EXPECT_TRUE(first.ends());
    EXPECT_EQ(others[0].ends, 0);
    TestClient honest(server.port());
    EXPECT_TRUE(honest.handshake());
}

}  // namespace
}  // namespace carillon
