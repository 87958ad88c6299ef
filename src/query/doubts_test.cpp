#include "query/doubts.hpp"

#include <gtest/gtest.h>

namespace carillon::query {
namespace {

std::string all(std::string_view condition) {
    std::string text;
    for (const std::string& doubt : doubts_of(condition))
        text += doubt.substr(0, doubt.find(" and is c")) + '\n';
    return text;
}

TEST(Doubts, AreOfNamesThatNothingHas) {
    EXPECT_EQ(
        doubts_of("deviceId IN [pump-a1]"),
        (std::vector<std::string>{
            "`pump` names nothing that a device has; a text stands in quotes ('pump'), a tag behind tags.",
            "`a1` names nothing that a device has; a text stands in quotes ('a1'), a tag behind tags."}));
    EXPECT_EQ(doubts_of("tag.site = 'lab' OR tag.site = 'hall'").size(), 1U);
    EXPECT_NE(all("NOT IS_DEFINED(building)").find("`building` names nothing"), std::string::npos);
}

TEST(Doubts, AreOfSystemPropertiesComparedWithAnotherType) {
    EXPECT_EQ(all("deviceId = 5"), "`deviceId` is a text\n");
    EXPECT_EQ(all("5 < status"), "`status` is a text\n");
    EXPECT_EQ(all("version >= '3'"), "`version` is a number\n");
    EXPECT_EQ(all("capabilities.iotEdge = 'true'"), "`capabilities.iotEdge` is true or false\n");
    EXPECT_EQ(all("deviceId IN [1, 2]"), "`deviceId` is a text\n");
    EXPECT_EQ(all("FROM devices.modules WHERE moduleId = true"), "`moduleId` is a text\n");
}

TEST(Doubts, AreNotOfWhatMayHold) {
    for (const char* condition :
         {"*", "", "deviceId IN ['pump-a1']", "deviceId IN [1, 'pump']", "tags.a = 5 OR tags.a = 'x'",
          "deviceId != 5", "deviceId NIN [5]", "statusReason = null", "properties.reported.x > tags.y",
          "tags.b =", "FROM devices WHERE devices.tags.a = true", "STARTSWITH(deviceId, 'p')",
          "properties.desired.$version > 3"}) {
        EXPECT_EQ(all(condition), "") << condition;
    }
}

TEST(Doubts, AreBounded) {
    std::string condition = "x0 = 1";
    for (int i = 1; i < 100; ++i) condition += " OR x" + std::to_string(i) + " = 1";
    EXPECT_EQ(doubts_of(condition).size(), doubts_max);
}

}  // namespace
}  // namespace carillon::query
