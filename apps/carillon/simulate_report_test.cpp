#include "simulate_report.hpp"

#include "base/json.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon {
namespace {

using namespace std::chrono_literals;

FleetLook busy_look() {
    FleetLook look;
    look.now.devices = 15'000;
    look.now.connected = 12'000;
    look.now.connecting = 64;
    look.now.waiting = 436;
    look.now.away = 2500;
    look.now.connects = 12'100;
    look.now.reconnects = 100;
    look.now.lost = 90;
    look.before.methods = 1000;
    look.now.methods = 6000;
    look.now.methods_ok = 5900;
    look.now.methods_failed = 60;
    look.now.methods_silent = 40;
    for (int i = 0; i < 100; ++i) look.now.handshakes.add(8ms);
    look.elapsed = 15s;
    look.interval = 5s;
    return look;
}

TEST(FleetLine, SaysHowDevicesStandAndWhatTheyAnswered) {
    EXPECT_EQ(
        fleet_line(busy_look()),
        "15 s: 12,000 connected, 64 connecting, 436 waiting, 2,500 away of 15,000; methods 1,000/s (5,900 "
        "ok, 60 failed, 40 unanswered); 100 reconnects, 90 lost, 0 refused, 0 failed attempts; handshake "
        "p50 8.2 ms, p99 8.2 ms");
}

TEST(FleetLine, TellsOfMessagesOnlyWhereThereAreAny) {
    FleetLook look = busy_look();
    look.now.reported_sent = 10;
    look.now.reported_stored = 9;
    look.now.desired = 3;
    EXPECT_NE(fleet_line(look).find("; 9 of 10 reported patches stored, 3 desired changes;"),
              std::string::npos);
    look.now.follows_right = 2;
    look.now.follows_wrong = 1;
    EXPECT_NE(fleet_line(look).find(", 3 desired changes, 2 followed, 1 wrongly;"), std::string::npos);
}

TEST(FleetBlock, FitsTheTerminal) {
    for (const std::size_t width : {20U, 80U, 200U}) {
        for (const std::string& line : fleet_block(busy_look(), width)) EXPECT_LE(line.size(), width);
    }
    const std::string bar = fleet_block(busy_look(), 80).at(1);
    EXPECT_EQ(std::count(bar.begin(), bar.end(), '#'), 12'000 * 78 / 15'000);
}

TEST(FleetJson, HasEveryCountUnderItsName) {
    const std::string text = fleet_json(busy_look(), "statistics");
    const auto document = JsonDocument::parse(text);
    ASSERT_TRUE(document);
    const auto root = document->root();
    EXPECT_EQ(root.find("kind").string(), "statistics");
    EXPECT_EQ(root.find("connected").integer(), 12'000);
    EXPECT_EQ(root.find("waiting").integer(), 436);
    EXPECT_EQ(root.find("methods").find("ok").integer(), 5900);
    EXPECT_EQ(root.find("methods").find("unanswered").integer(), 40);
    EXPECT_DOUBLE_EQ(root.find("methods").find("perSecond").number(), 1000);
    EXPECT_NEAR(root.find("handshakeMs").find("p99").number(), 8, 1);
}

TEST(FleetLook, OfNothingYetIsWritten) {
    const FleetLook look;
    EXPECT_EQ(fleet_line(look),
              "0 s: 0 connected, 0 connecting, 0 waiting, 0 away of 0; methods 0/s (0 ok, 0 failed, 0 "
              "unanswered); 0 reconnects, 0 lost, 0 refused, 0 failed attempts");
    EXPECT_FALSE(fleet_block(look, 80).empty());
    EXPECT_TRUE(JsonDocument::parse(fleet_json(look, "summary")));
}

}  // namespace
}  // namespace carillon
