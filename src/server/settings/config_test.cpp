#include "server/settings/config.hpp"

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace carillon {
namespace {

class Config : public ::testing::Test {
protected:
    Config() {
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-XXXXXX").string();
        dir_ = ::mkdtemp(pattern.data());
    }
    ~Config() override { std::filesystem::remove_all(dir_); }
    /// A source whose file holds `toml`.
    ConfigSources file(const std::string& toml) const {
        std::ofstream(dir_ / "carillon.toml") << toml;
        return {.file = (dir_ / "carillon.toml").string(), .environment = {}, .flags = {}};
    }
    /// The fault found in `toml`, behind the file's folder.
    std::string fault(const std::string& toml) const {
        const auto config = load_config(file(toml));
        if (config) return "none";
        return config.error().detail.substr(dir_.string().size() + 1);
    }
    std::filesystem::path dir_;
};

TEST_F(Config, DefaultsAreThoseOfTheCommandLinesContract) {
    const auto config = load_config({});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->data_dir, "carillon-data");
    EXPECT_EQ(config->hostnames, (std::vector<std::string>{"hub.localhost", "localhost"}));
    EXPECT_EQ(config->mqtts_port, 8883);
    EXPECT_EQ(config->https_port, 443);
    EXPECT_EQ(config->insecure_mqtt_port, 0);
    EXPECT_FALSE(config->jobs.strict_cancel);
}

TEST_F(Config, ReadsEverySectionOfAFile) {
    const auto config = load_config(file(R"(
hostnames = ["a.example.net", "b"]
bind = ["127.0.0.7"]
https_port = 8443
log_level = "debug"
compatibility = "strict"
[jobs]
active_max = 7
[telemetry]
bytes_max = 5000000
age_max_s = 3600
[tls]
client_ca = "devices.pem"
)"));
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->hostnames, (std::vector<std::string>{"a.example.net", "b"}));
    EXPECT_EQ(config->bind, (std::vector<std::string>{"127.0.0.7"}));
    EXPECT_EQ(config->https_port, 8443);
    EXPECT_EQ(config->log_level, LogLevel::debug);
    EXPECT_EQ(config->compatibility, Compatibility::strict);
    EXPECT_TRUE(config->jobs.strict_cancel);
    EXPECT_EQ(config->jobs.active_max, 7U);
    EXPECT_EQ(config->telemetry.bytes_max, 5'000'000U);
    EXPECT_EQ(config->telemetry.age_max_s, 3600);
    EXPECT_EQ(config->tls_client_ca, "devices.pem");
}

TEST_F(Config, AProxyIsTrustedByHeaderAndAddressTogether) {
    EXPECT_NE(fault("[dashboard]\nproxy_header = \"X-User\"\n").find("go together"), std::string::npos);
    EXPECT_NE(fault("[dashboard]\nproxy_addresses = [\"proxy\"]\n").find("is not an IP address"),
              std::string::npos);
    EXPECT_NE(fault("[dashboard]\nproxy_header = \"X User\"\n").find("header field"), std::string::npos);
    EXPECT_EQ(fault("[dashboard]\nproxy_header = \"X-User\"\nproxy_addresses = [\"10.0.0.5\", \"::1\"]\n"),
              "none");
}

TEST_F(Config, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
    ConfigSources sources = file("https_port = 1\nmqtts_port = 1\nthreads = 1\n");
    sources.environment = {{"CARILLON_HTTPS_PORT", "2"}, {"CARILLON_MQTTS_PORT", "2"}};
    sources.flags = {{"https_port", {"3"}}};
    const auto config = load_config(sources);
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->https_port, 3);
    EXPECT_EQ(config->mqtts_port, 2);
    EXPECT_EQ(config->threads, 1U);
}

TEST_F(Config, TheEnvironmentReachesSectionsAndLists) {
    ConfigSources sources;
    sources.environment = {{"CARILLON_JOBS__ACTIVE_MAX", "12"},
                           {"CARILLON_HOSTNAMES", "a.example.net, b"},
                           {"CARILLON_LOGIN", "HostName=x"},
                           {"HOME", "/"}};
    const auto config = load_config(sources);
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->jobs.active_max, 12U);
    EXPECT_EQ(config->hostnames, (std::vector<std::string>{"a.example.net", "b"}));
}

TEST_F(Config, SaysWhichBlobContainersMayBeReached) {
    const auto config =
        load_config(file("[storage]\nweb = \"listed\"\nhosts = [\"http://127.0.0.1:10000\"]\n"));
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->storage_web, WebReach::Mode::listed);
    EXPECT_EQ(config->storage_hosts, std::vector<std::string>{"http://127.0.0.1:10000"});
    EXPECT_EQ(load_config({})->storage_web, WebReach::Mode::everyone);
    EXPECT_FALSE(load_config(file("[storage]\nweb = \"some\"\n")));
    EXPECT_FALSE(load_config(file("[storage]\nhosts = [\"ftp://x\"]\n")));
}

TEST_F(Config, NamesLineAndNearestKeyOfOneItDoesNotKnow) {
    EXPECT_EQ(fault("\nhttp_port = 443\n"),
              "carillon.toml:2: unknown key \"http_port\"; did you mean \"https_port\"?");
    EXPECT_EQ(fault("[jobs]\n\nactve_max = 1\n"),
              "carillon.toml:3: unknown key \"jobs.actve_max\"; did you mean \"jobs.active_max\"?");
    EXPECT_EQ(fault("[job]\nactive_max = 1\n"), "carillon.toml:1: unknown key \"job\"");
    EXPECT_EQ(fault("active_max = 1\n"),
              "carillon.toml:1: unknown key \"active_max\"; did you mean \"jobs.active_max\"?");
    EXPECT_EQ(fault("xyzzy = 1\n"), "carillon.toml:1: unknown key \"xyzzy\"");
    ConfigSources sources;
    sources.environment = {{"CARILLON_HTTPS_PROT", "1"}};
    const auto config = load_config(sources);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().detail,
              "environment variable CARILLON_HTTPS_PROT: unknown key \"https_prot\"; did you mean "
              "\"https_port\"?");
}

TEST_F(Config, SaysWhatIsWrongWithAValue) {
    EXPECT_EQ(fault("https_port = 70000\n"), "carillon.toml:1: https_port must be a number from 1 to 65535");
    EXPECT_EQ(fault("https_port = \"443\"\n"), "carillon.toml:1: https_port must be a whole number");
    EXPECT_EQ(fault("https_port = 443.5\n"), "carillon.toml:1: https_port must be a whole number");
    EXPECT_EQ(fault("data_dir = 5\n"), "carillon.toml:1: data_dir must be a string");
    EXPECT_EQ(fault("hostnames = \"a\"\n"), "carillon.toml:1: hostnames must be an array of strings");
    EXPECT_EQ(fault("hostnames = [\"a/b\"]\n"), "carillon.toml:1: hostnames is not a host name: a/b");
    EXPECT_EQ(fault("compatibility = \"both\"\n"),
              "carillon.toml:1: compatibility must be default or strict");
    EXPECT_TRUE(fault("a = [\n").starts_with("carillon.toml:"));
}

TEST_F(Config, KnowsHowTheHubIsSetUpForQueries) {
    const HubOptions usual = hub_options(*load_config({}));
    EXPECT_EQ(usual.queries.functions, query::FunctionSet::extended);
    EXPECT_EQ(usual.queries.statement_bytes_max, 65'536U);
    EXPECT_FALSE(usual.tier);
    const auto chosen =
        load_config(file("[query]\nfunctions = \"permissive\"\nstatement_bytes_max = 1000\n"));
    ASSERT_TRUE(chosen) << chosen.error().detail;
    EXPECT_EQ(hub_options(*chosen).queries.functions, query::FunctionSet::permissive);
    EXPECT_EQ(hub_options(*chosen).queries.statement_bytes_max, 1000U);
    EXPECT_EQ(fault("[query]\nfunctions = \"all\"\n"),
              "carillon.toml:2: query.functions must be strict, extended or permissive");
    EXPECT_EQ(fault("[query]\nstatement_bytes_max = 65537\n"),
              "carillon.toml:2: query.statement_bytes_max must be a number from 256 to 65536");
}

TEST_F(Config, StrictModeTakesWhatItsTierHas) {
    const auto config = load_config(file("compatibility = \"strict\"\n"));
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->jobs.active_max, 1U);
    const HubOptions options = hub_options(*config);
    EXPECT_EQ(options.queries.functions, query::FunctionSet::strict);
    EXPECT_EQ(options.queries.statement_bytes_max, 8192U);
    ASSERT_TRUE(options.tier);
    EXPECT_EQ(options.tier->tier, Tier::s1);
    EXPECT_EQ(options.tier->units, 1U);

    const auto large =
        load_config(file("compatibility = \"strict\"\n[strict]\ntier = \"S3\"\nunits = 4\n"
                         "[query]\nfunctions = \"extended\"\n"));
    ASSERT_TRUE(large) << large.error().detail;
    EXPECT_EQ(large->jobs.active_max, 10U);
    EXPECT_EQ(hub_options(*large).tier->units, 4U);
    EXPECT_EQ(hub_options(*large).queries.functions, query::FunctionSet::extended);
    const auto complaint = [this](const char* text) { return load_config(file(text)).error().detail; };
    EXPECT_EQ(complaint("compatibility = \"strict\"\n[strict]\ntier = \"S3\"\nunits = 11\n"),
              "strict.units is at most 10 in this tier");
    EXPECT_EQ(complaint("[strict]\ntier = \"S2\"\n"),
              "strict.tier and strict.units need compatibility = \"strict\"");
    EXPECT_EQ(fault("[strict]\ntier = \"B1\"\n"), "carillon.toml:2: strict.tier must be S1, S2 or S3");
}

TEST_F(Config, WantsACertificateTogetherWithItsKey) {
    const auto config = load_config(file("[tls]\ncertificate = \"a.pem\"\n"));
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().detail, "tls.certificate and tls.key go together");
}

TEST_F(Config, FailsIfTheFileIsNotThere) {
    const auto config = load_config({.file = (dir_ / "none.toml").string(), .environment = {}, .flags = {}});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, Errc::not_found_locally);
}

}  // namespace
}  // namespace carillon
