#include "base/log.hpp"

#include "base/log_format.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon {
namespace {

std::string logged(LogLevel level, std::string_view peer_text) {
    testing::internal::CaptureStderr();
    log.set_level(level);
    log.debug("connection refused reason={}", peer_text);
    log.warn("store slow ms={}", 17);
    log.flush();
    log.set_level(LogLevel::info);
    return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesTimeLevelAndTextOnStandardError) {
    const std::string line = logged(LogLevel::info, "x");
    EXPECT_EQ(line.find("connection refused"), std::string::npos);
    EXPECT_NE(line.find("Z warning store slow ms=17\n"), std::string::npos) << line;
    EXPECT_EQ(line[10], 'T') << line;
}

TEST(Log, APeersTextCannotForgeALine) {
    const std::string lines = logged(LogLevel::debug, "a\nerror forged\r\x1B[0m");
    EXPECT_NE(lines.find("reason=a?error forged??[0m\n"), std::string::npos) << lines;
}

TEST(Log, IsSilentWhenOff) {
    EXPECT_EQ(logged(LogLevel::off, "x"), "");
    EXPECT_FALSE(log.is_on(LogLevel::debug));
    EXPECT_TRUE(log.is_on(LogLevel::info));
}

TEST(Log, WritesAnObjectALineWhileItIsToldTo) {
    set_log_format(LogFormat::json);
    const std::string lines = logged(LogLevel::debug, "a\nb");
    set_log_format(LogFormat::text);
    EXPECT_NE(lines.find(R"("level":"debug","message":"connection refused","reason":"a?b"})"), lines.npos)
        << lines;
    EXPECT_NE(lines.find(R"("level":"warn","message":"store slow","ms":"17"})"), lines.npos) << lines;
}

TEST(Log, KnowsItsLevel) {
    for (const LogLevel level : {LogLevel::trace, LogLevel::warn, LogLevel::off, LogLevel::info}) {
        log.set_level(level);
        EXPECT_EQ(log_level(), level);
        EXPECT_EQ(parse_log_level(log_level_text(level)), level);
    }
    EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

TEST(LogLineJson, PairsAreMembersAndTheRestIsTheMessage) {
    EXPECT_EQ(log_line_json("T", "info", "request refused id=7 why=\"a \\\"b\\\" c\" last"),
              R"({"time":"T","level":"info","message":"request refused last","id":"7","why":"a \"b\" c"})");
    EXPECT_EQ(log_line_json("T", "info", "a=1"), R"({"time":"T","level":"info","message":"","a":"1"})");
    EXPECT_EQ(log_line_json("T", "info", ""), R"({"time":"T","level":"info","message":""})");
}

}  // namespace
}  // namespace carillon
