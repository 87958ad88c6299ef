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
    EXPECT_FALSE(log.is_on(LogLevel::debug, find_log_module("base")));
    EXPECT_TRUE(log.is_on(LogLevel::info, find_log_module("base")));
}

TEST(Log, WritesAnObjectALineWhileItIsToldTo) {
    set_log_format(LogFormat::json);
    const std::string lines = logged(LogLevel::debug, "a\nb");
    set_log_format(LogFormat::text);
    EXPECT_NE(lines.find(R"("level":"debug","module":"base","message":"connection refused","reason":"a?b"})"),
              lines.npos)
        << lines;
    EXPECT_NE(lines.find(R"("level":"warn","module":"base","message":"store slow","ms":"17"})"), lines.npos)
        << lines;
}

TEST(Log, KnowsItsLevel) {
    for (const LogLevel level : {LogLevel::trace, LogLevel::warn, LogLevel::off, LogLevel::info}) {
        log.set_level(level);
        EXPECT_EQ(log_level(), level);
        EXPECT_EQ(parse_log_level(log_level_text(level)), level);
    }
    EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

TEST(Log, AModuleHasALevelOfItsOwnUntilAllAreSet) {
    testing::internal::CaptureStderr();
    set_log_level(find_log_module("net"), LogLevel::debug);
    log.debug("said by base");
    set_log_level(find_log_module("base"), LogLevel::debug);  // This file's folder.
    log.debug("then said by base");
    EXPECT_EQ(log_level(find_log_module("base")), LogLevel::debug);
    EXPECT_EQ(log_level(), LogLevel::info);
    log.set_level(LogLevel::info);
    log.debug("at last said by base");
    log.flush();
    const std::string lines = testing::internal::GetCapturedStderr();
    EXPECT_EQ(lines.find(" said by base"), lines.find("then said by base") + 4) << lines;
    EXPECT_EQ(lines.find("at last"), std::string::npos) << lines;
}

TEST(Log, ModulesAreFoldersAndRooms) {
    const auto name = [](std::string_view file) { return log_modules[log_module_of(file)]; };
    EXPECT_EQ(name("/x/src/endpoint/mqtt/mqtt_connection.cpp"), "mqtt");
    EXPECT_EQ(name("../../src/core/jobs/job_part.cpp"), "jobs");
    EXPECT_EQ(name("/src/here/src/net/listener.cpp"), "net");
    EXPECT_EQ(name("/x/src/server/cluster/node.cpp"), "server");
    EXPECT_EQ(name("../apps/carillon/serve.cpp"), "app");
    EXPECT_EQ(name("../../src/core/nobody/knows.cpp"), "other");
    EXPECT_EQ(name("elsewhere.cpp"), "other");
}

TEST(LogLineJson, PairsAreMembersAndTheRestIsTheMessage) {
    EXPECT_EQ(
        log_line_json("T", "info", "net", "request refused id=7 why=\"a \\\"b\\\" c\" last"),
        R"({"time":"T","level":"info","module":"net","message":"request refused last","id":"7","why":"a \"b\" c"})");
    EXPECT_EQ(log_line_json("T", "info", "net", "a=1"),
              R"({"time":"T","level":"info","module":"net","message":"","a":"1"})");
    EXPECT_EQ(log_line_json("T", "info", "net", ""),
              R"({"time":"T","level":"info","module":"net","message":""})");
}

}  // namespace
}  // namespace carillon
