#include "server/settings/settings_report.hpp"

#include "base/json.hpp"
#include "server/settings/settings.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

class SettingsReportTest : public ::testing::Test {
protected:
    /// What the report says of a key, as JSON text.
    std::string about(std::string_view key) const {
        const std::string text = report_.json();
        const auto document = JsonDocument::parse(text).value();
        const JsonValue settings = document.root().find("settings");
        for (JsonValue s = settings.first(); s.exists(); s = s.next()) {
            if (s.find("key").string() == key) return std::string(s.raw());
        }
        return {};
    }
    static ServerConfig config(const ConfigSources& sources) { return load_config(sources).value(); }

    SettingsReport report_;
};

TEST_F(SettingsReportTest, HasEveryKeyAndSaysWhichAreLeftAtTheirDefault) {
    report_.begin(ServerConfig(), {});
    for (const Setting& setting : all_settings()) {
        EXPECT_NE(about(setting.key).find("\"source\":\"default\""), std::string::npos) << setting.key;
    }
    EXPECT_EQ(about("https_port"),
              R"({"key":"https_port","source":"default","takesEffect":"restart","value":443,"default":443})");
    EXPECT_EQ(about("tls.key"),
              R"({"key":"tls.key","source":"default","takesEffect":"reload","value":null,"default":null})");
}

TEST_F(SettingsReportTest, SaysWhereAValueComesFrom) {
    report_.begin(config({.file = {},
                          .environment = {{"CARILLON_JOBS__RUNNING_MAX", "9"}},
                          .flags = {{"bind", {"127.0.0.9", "127.0.0.8"}}}}),
                  {});
    EXPECT_EQ(about("jobs.running_max"),
              R"({"key":"jobs.running_max","source":"environment","place":"CARILLON_JOBS__RUNNING_MAX",)"
              R"("takesEffect":"restart","value":9,"default":64})");
    EXPECT_EQ(about("bind"), R"({"key":"bind","source":"commandLine","takesEffect":"restart",)"
                             R"("value":["127.0.0.9","127.0.0.8"],"default":[]})");
}

TEST_F(SettingsReportTest, ShowsTheValueThatTheHubChose) {
    report_.begin(ServerConfig(), {{"threads", {"2"}}});
    EXPECT_NE(about("threads").find(R"("value":0,"default":0,"inForce":2)"), std::string::npos);
}

TEST_F(SettingsReportTest, StrictModeIsTheSourceOfWhatItChanges) {
    report_.begin(config({.file = {}, .environment = {{"CARILLON_COMPATIBILITY", "strict"}}, .flags = {}}),
                  {});
    EXPECT_NE(about("jobs.active_max").find("strictMode"), std::string::npos);
    EXPECT_NE(
        about("query.functions").find(R"("source":"strictMode","takesEffect":"restart","value":"strict")"),
        std::string::npos);
    EXPECT_NE(about("strict.tier").find(R"("value":"S1")"), std::string::npos);
}

TEST_F(SettingsReportTest, HidesPasswords) {
    const ConfigSources sources{
        .file = {}, .environment = {}, .flags = {{"cluster.store", {"host=db password=hunter2"}}}};
    report_.begin(config(sources), {});
    EXPECT_EQ(report_.json().find("hunter2"), std::string::npos);
    EXPECT_NE(about("cluster.store").find(R"("value":null,"isHidden":true)"), std::string::npos);
}

TEST_F(SettingsReportTest, AfterAReloadShowsWhatTakesEffectAtTheNextStart) {
    const ServerConfig now;
    ServerConfig next = now;
    next.jobs.running_max = 3;
    report_.begin(now, {});
    report_.reloaded(now, next);
    EXPECT_NE(about("jobs.running_max").find(R"("value":64,"default":64,"nextStart":3)"), std::string::npos);
    EXPECT_EQ(about("threads").find("nextStart"), std::string::npos);
}

TEST(Settings, EachValueThatIsReadCanBeApplied) {
    const ServerConfig defaults;
    for (const Setting& setting : all_settings()) {
        const auto values = setting.read(defaults);
        if (values.empty()) continue;
        ServerConfig config;
        EXPECT_EQ(setting.apply(config, values), "") << setting.key;
        EXPECT_EQ(setting.read(config), values) << setting.key;
    }
}

}  // namespace
}  // namespace carillon
