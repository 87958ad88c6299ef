#include "endpoint/device/connection_log.hpp"

#include <gtest/gtest.h>

namespace carillon::device {
namespace {

using Kind = ConnectionEvent::Kind;

ConnectionEvent at(std::int64_t second, Kind kind, Ordinal identity) {
    ConnectionEvent event;
    event.kind = kind;
    event.identity = identity;
    event.time = WallTime::from_unix_s(second);
    event.protocol = "mqtt";
    event.peer = ConnectionEvent::Peer("10.0.0.1:" + std::to_string(second));
    return event;
}

TEST(ConnectionLog, TellsWhatHappenedToOneIdentityNewestFirst) {
    ConnectionLog log;
    log.note(at(1, Kind::connected, 7));
    log.note(at(2, Kind::connected, 8));
    log.note(at(3, Kind::refused, 7));
    log.note(at(4, Kind::disconnected, 7));
    const auto events = log.of(7);
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[0].kind, Kind::disconnected);
    EXPECT_EQ(events[1].kind, Kind::refused);
    EXPECT_EQ(events[2].kind, Kind::connected);
    EXPECT_EQ(events[2].peer.text(), "10.0.0.1:1");
    EXPECT_FALSE(log.forgotten_until());
    EXPECT_TRUE(log.of(9).empty());
}

TEST(ConnectionLog, ForgetsTheOldestAndSaysSo) {
    ConnectionLog log;
    log.note(at(1, Kind::connected, 7));
    for (std::size_t i = 0; i < ConnectionLog::events_max; ++i) log.note(at(2, Kind::connected, 8));
    EXPECT_TRUE(log.of(7).empty());
    ASSERT_TRUE(log.forgotten_until());
    EXPECT_EQ(*log.forgotten_until(), WallTime::from_unix_s(1));
    EXPECT_EQ(log.of(8).size(), ConnectionLog::shown_max);
}

TEST(ConnectionLog, RefusalsDoNotPushConnectionsOut) {
    ConnectionLog log;
    log.note(at(1, Kind::connected, 7));
    for (std::size_t i = 0; i < 2 * ConnectionLog::events_max; ++i) log.note(at(2, Kind::refused, 8));
    ASSERT_EQ(log.of(7).size(), 1U);
    EXPECT_EQ(log.of(7).front().kind, Kind::connected);
    EXPECT_EQ(log.of(8).size(), ConnectionLog::shown_max);
    EXPECT_EQ(*log.forgotten_until(), WallTime::from_unix_s(2));
}

TEST(ConnectionLog, AnAddressThatIsTooLongIsCut) {
    const std::string text(200, 'a');
    EXPECT_EQ(ConnectionEvent::Peer(text).text(), text.substr(0, 55));
    EXPECT_EQ(ConnectionEvent::Peer("").text(), "");
}

}  // namespace
}  // namespace carillon::device
