#include "server/server.hpp"

#include "base/text.hpp"
#include "net/testing.hpp"
#include "server/hub_file.hpp"
#include "wire/sas/sas_token.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <filesystem>
#include <fstream>
#include <future>

namespace carillon {
namespace {

using testing::TempDir;
using testing::TestClient;

ServerConfig config_in(const TempDir& dir) {
    ServerConfig config;
    config.data_dir = dir.file("data");
    config.bind = {"127.0.0.1"};
    config.mqtts_port = 0;
    config.amqps_port = 0;
    config.https_port = 0;
    config.threads = 2;
    config.log_level = LogLevel::off;
    config.ready_file = dir.file("ready");
    return config;
}

std::uint16_t port_of(const std::string& shown) {
    return static_cast<std::uint16_t>(*parse_u64(shown.substr(shown.rfind(':') + 1)));
}

/// What the REST API answers to one request of the owner.
std::string ask(const Server& server, const std::string& data_dir, const std::string& method,
                const std::string& target, const std::string& body = {}) {
    const auto hub = read_hub_file(data_dir);
    if (!hub) return hub.error().detail;
    const std::string token = sas::make_token(hub->host_name, hub->find_policy("iothubowner")->primary_key,
                                              SystemClock().wall_now().plus_s(600), "iothubowner");
    TestClient client(port_of(server.summary().https.front()));
    if (!client.connected() || !client.handshake()) return "no connection";
    client.write(method + " " + target + "?api-version=2021-04-12 HTTP/1.1\r\nHost: " + hub->host_name +
                 "\r\nAuthorization: " + token +
                 "\r\nContent-Type: application/json\r\nConnection: close\r\n" +
                 "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.read_to_end();
}

TEST(Server, KeepsItsDataAcrossARestart) {
    const TempDir dir;
    const ServerConfig config = config_in(dir);
    std::string key;
    {
        auto server = Server::start(config);
        ASSERT_TRUE(server) << server.error().detail;
        EXPECT_TRUE((*server)->summary().is_new_hub);
        EXPECT_TRUE((*server)->summary().made_ca);
        EXPECT_TRUE(std::filesystem::path((*server)->summary().ca_file).is_absolute());
        EXPECT_TRUE(std::filesystem::exists(config.ready_file));
        const std::string made = ask(**server, config.data_dir, "PUT", "/devices/d1", R"({"deviceId":"d1"})");
        EXPECT_TRUE(made.starts_with("HTTP/1.1 200 ")) << made;
        key = read_hub_file(config.data_dir)->find_policy("service")->primary_key;
        (*server)->stop();
        EXPECT_FALSE(std::filesystem::exists(config.ready_file));
    }
    auto server = Server::start(config);
    ASSERT_TRUE(server) << server.error().detail;
    EXPECT_FALSE((*server)->summary().is_new_hub);
    EXPECT_FALSE((*server)->summary().made_ca);
    EXPECT_FALSE((*server)->summary().made_certificates);
    EXPECT_EQ((*server)->summary().identities, 1U);
    EXPECT_EQ(read_hub_file(config.data_dir)->find_policy("service")->primary_key, key);
    EXPECT_TRUE(ask(**server, config.data_dir, "GET", "/devices/d1").starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(ask(**server, config.data_dir, "GET", "/devices/d2").starts_with("HTTP/1.1 404 "));
}

TEST(Server, RefusesADataFolderThatIsInUse) {
    const TempDir dir;
    const ServerConfig config = config_in(dir);
    auto first = Server::start(config);
    ASSERT_TRUE(first) << first.error().detail;
    const auto second = Server::start(config);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().detail.find("another hub (process "), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(config.ready_file)) << "the first one is still ready";
}

TEST(Server, SaysTheWaysOutOfAPortThatIsTaken) {
    const TempDir dir;
    const TempDir other;
    auto first = Server::start(config_in(dir));
    ASSERT_TRUE(first) << first.error().detail;
    ServerConfig config = config_in(other);
    config.https_port = port_of((*first)->summary().https.front());
    const auto second = Server::start(config);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().detail.find("Address already in use"), std::string::npos);
    EXPECT_NE(second.error().detail.find("--https-port"), std::string::npos);
}

TEST(Server, LeavesNothingBehindWhereItCannotStart) {
    const TempDir dir;
    const TempDir other;
    auto first = Server::start(config_in(dir));
    ASSERT_TRUE(first) << first.error().detail;
    ServerConfig config = config_in(other);
    config.https_port = port_of((*first)->summary().https.front());
    ASSERT_FALSE(Server::start(config));
    EXPECT_FALSE(std::filesystem::exists(config.data_dir)) << "the folder was not there before";
    std::filesystem::create_directory(config.data_dir);
    ASSERT_FALSE(Server::start(config));
    EXPECT_TRUE(std::filesystem::is_empty(config.data_dir)) << "the folder was empty before";

    std::ofstream(config.data_dir + "/mine") << "text";
    ASSERT_FALSE(Server::start(config));
    EXPECT_TRUE(std::filesystem::exists(config.data_dir + "/mine"))
        << "what was there is not the hub's to remove";

    config = config_in(other);
    config.data_dir = other.file("kept");
    ASSERT_TRUE(Server::start(config));
    config.https_port = port_of((*first)->summary().https.front());
    ASSERT_FALSE(Server::start(config));
    EXPECT_TRUE(read_hub_file(config.data_dir)) << "a hub that once ran stays";
}

TEST(Server, WaitsForTheLockOfAProcessThatIsDying) {
    const TempDir dir;
    const ServerConfig config = config_in(dir);
    auto dying = Server::start(config);
    ASSERT_TRUE(dying) << dying.error().detail;
    auto next = std::async(std::launch::async, [&config] { return Server::start(config); });
    // It finds the lock taken, and does not give up at once.
    EXPECT_EQ(next.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
    dying->reset();
    const auto started = next.get();
    EXPECT_TRUE(started) << started.error().detail;
}

TEST(Server, TakesNewCertificatesAllOrNothing) {
    const TempDir dir;
    ServerConfig config = config_in(dir);
    auto server = Server::start(config);
    ASSERT_TRUE(server) << server.error().detail;
    const std::uint16_t port = port_of((*server)->summary().https.front());
    const auto subject = [port] {
        TestClient client(port);
        if (!client.handshake()) return std::string("none");
        std::array<char, 256> name{};
        X509_NAME_oneline(X509_get_subject_name(SSL_get0_peer_certificate(client.ssl())), name.data(),
                          name.size());
        return std::string(name.data());
    };
    EXPECT_EQ(subject(), "/CN=hub.localhost");
    config.tls_certificate = dir.file("own.pem");
    config.tls_key = dir.file("own-key.pem");
    EXPECT_FALSE((*server)->reload(config)) << "the files are not there";
    testing::TestCertificate::make("my.example.net").save(dir.file("own.pem"), dir.file("own-key.pem"));
    config.tls_client_ca = dir.file("none.pem");
    EXPECT_FALSE((*server)->reload(config)) << "one of three files is not there";
    EXPECT_EQ(subject(), "/CN=hub.localhost");
    config.tls_client_ca = dir.file("own.pem");
    const auto done = (*server)->reload(config);
    EXPECT_TRUE(done) << done.error().detail;
    EXPECT_EQ(subject(), "/CN=my.example.net");
}

TEST(Server, DoesNotStartOnACertificateItCannotRead) {
    const TempDir dir;
    ServerConfig config = config_in(dir);
    config.tls_certificate = dir.file("none.pem");
    config.tls_key = dir.file("none-key.pem");
    const auto server = Server::start(config);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, Errc::tls_failed);
    EXPECT_FALSE(std::filesystem::exists(config.ready_file));
}

}  // namespace
}  // namespace carillon
