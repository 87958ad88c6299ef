#include "net/handshake_gate.hpp"

#include "net/channel_fixture.hpp"

#include <gtest/gtest.h>
#include <array>
#include <memory>
#include <vector>

namespace carillon {
namespace {

using namespace std::chrono_literals;
using testing::TestClient;
using testing::TestServer;

constexpr TimePoint start{1h};
const std::array<char, HandshakeGate::handshakes_max + 1> connections{};

TEST(HandshakeGate, ClosesAtItsLimitAndOpensBelow) {
    HandshakeGate gate;
    for (std::size_t i = 0; i < HandshakeGate::handshakes_max; ++i) {
        EXPECT_TRUE(gate.has_room(start)) << i;
        gate.heard(&connections[i], start);
    }
    EXPECT_FALSE(gate.has_room(start));
    gate.heard(&connections[0], start);                       // known already
    gate.ended(&connections[HandshakeGate::handshakes_max]);  // never counted
    EXPECT_FALSE(gate.has_room(start));
    gate.ended(&connections[3]);
    EXPECT_TRUE(gate.has_room(start));
}

TEST(HandshakeGate, WhoFallsSilentNoLongerCounts) {
    HandshakeGate gate;
    for (std::size_t i = 0; i < HandshakeGate::handshakes_max; ++i) gate.heard(&connections[i], start);
    const TimePoint almost = start + HandshakeGate::attention_max - 1ms;
    EXPECT_FALSE(gate.has_room(almost));
    for (std::size_t i = 1; i < HandshakeGate::handshakes_max; ++i) gate.heard(&connections[i], almost);
    EXPECT_TRUE(gate.has_room(almost + 1ms));
    gate.heard(&connections[0], almost + 1ms);
    EXPECT_FALSE(gate.has_room(almost + 1ms));
}

TEST(HandshakeGate, HalfHandshakesDoNotKeepOthersOut) {
    TestServer::Options patient;
    patient.limits.unauthenticated_time_max = 1h;  // It is not their time that ends them.
    TestServer server(patient);
    TestClient::Options plain;
    plain.tls = false;
    std::vector<std::unique_ptr<TestClient>> half;
    for (std::size_t i = 0; i < 3 * HandshakeGate::handshakes_max; ++i) {
        half.push_back(std::make_unique<TestClient>(server.port(), plain));
        // The first bytes of a ClientHello, and no more.
        ASSERT_TRUE(half.back()->write_raw(std::string_view("\x16\x03\x01\x02\x00\x01", 6)));
    }
    TestClient honest(server.port());
    EXPECT_TRUE(honest.handshake());
    EXPECT_TRUE(honest.write("hello"));
    EXPECT_EQ(honest.read_exactly(5), "hello");
}

TEST(HandshakeGate, AHerdLargerThanTheGateAllGetsIn) {
    TestServer server;
    std::vector<std::unique_ptr<TestClient>> herd;
    for (std::size_t i = 0; i < 2 * HandshakeGate::handshakes_max; ++i) {
        herd.push_back(std::make_unique<TestClient>(server.port()));
    }
    for (const auto& client : herd) EXPECT_TRUE(client->handshake());
    EXPECT_TRUE(server.journal.wait("handshaken", static_cast<int>(herd.size())));
}

}  // namespace
}  // namespace carillon
