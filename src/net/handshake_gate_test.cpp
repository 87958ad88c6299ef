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
        gate.answered(&connections[i], start);
    }
    EXPECT_FALSE(gate.has_room(start));
    gate.answered(&connections[0], start);                    // known already
    gate.ended(&connections[HandshakeGate::handshakes_max]);  // never counted
    EXPECT_FALSE(gate.has_room(start));
    gate.ended(&connections[3]);
    EXPECT_TRUE(gate.has_room(start));
    gate.answered(&connections[3], start);
    EXPECT_FALSE(gate.has_room(start));
    gate.finished(&connections[4], start);
    EXPECT_TRUE(gate.has_room(start));
}

TEST(HandshakeGate, WhoTakesLongNoLongerCountsWhateverItSays) {
    HandshakeGate gate;
    for (const char& one : connections) gate.answered(&one, start);
    const TimePoint almost = start + HandshakeGate::attention_max - 1ms;
    for (const char& one : connections) gate.answered(&one, almost);
    EXPECT_FALSE(gate.has_room(almost));
    EXPECT_TRUE(gate.has_room(almost + 1ms));
}

TEST(HandshakeGate, IsAsPatientAsThoseWhoFinishNeed) {
    HandshakeGate gate;
    const char quick{};
    TimePoint now = start;
    for (int i = 0; i < 100; ++i) {
        gate.answered(&quick, now);
        now += 2ms;
        gate.finished(&quick, now);
    }
    for (const char& one : connections) gate.answered(&one, now);
    EXPECT_FALSE(gate.has_room(now + HandshakeGate::attention_min - 1ms));
    EXPECT_TRUE(gate.has_room(now + HandshakeGate::attention_min));

    // A herd on slow machines is waited for again.
    for (int i = 0; i < 100; ++i) {
        gate.answered(&quick, now);
        now += 100ms;
        gate.finished(&quick, now);
    }
    for (const char& one : connections) gate.answered(&one, now);
    EXPECT_FALSE(gate.has_room(now + 350ms));
    EXPECT_TRUE(gate.has_room(now + HandshakeGate::patience * 100ms));
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
