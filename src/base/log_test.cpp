#include "base/log.hpp"

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

}  // namespace
}  // namespace carillon
