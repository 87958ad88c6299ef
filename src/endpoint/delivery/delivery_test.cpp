#include "endpoint/delivery/delivery_drivers.hpp"
#include "endpoint/delivery/file_sender.hpp"
#include "endpoint/delivery/webhook_sender.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "core/testing/blob_testing.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace carillon {
namespace {

RoutedEvent event(std::uint64_t sequence, std::string body = R"({"t":1})") {
    RoutedEvent made;
    made.partition = 2;
    made.sequence = sequence;
    made.message.device_id = "pump 1";
    made.message.enqueued = *parse_iso8601("2026-03-04T05:06:07Z");
    made.message.properties.emplace_back("level", "high");
    made.message.body = std::move(body);
    return made;
}

std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST(WebhookAddress, IsReadFromAUrl) {
    const auto plain = WebhookAddress::parse("https://ops.example.net");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->server.host, "ops.example.net");
    EXPECT_EQ(plain->server.port, 443);
    EXPECT_EQ(plain->target, "/");
    const auto whole = WebhookAddress::parse("http://[::1]:8080/in/?a=b/c#part");
    ASSERT_TRUE(whole);
    EXPECT_FALSE(whole->server.is_tls);
    EXPECT_EQ(whole->server.host, "::1");
    EXPECT_EQ(whole->server.port, 8080);
    EXPECT_EQ(whole->target, "/in/?a=b/c");
    EXPECT_EQ(WebhookAddress::parse("https://a?b")->target, "/?b");
    for (const char* url :
         {"", "a.example", "file:x", "file:///x", "ftp://a/b", "https://", "https://user@a/", "https://a:0/",
          "https://a/\r\nX: y", "https://a/ b", "https://a/\xC3\xA4"}) {
        EXPECT_FALSE(WebhookAddress::parse(url)) << url;
    }
}

TEST(CloudEvents, SayWhatTheMessageSays) {
    EXPECT_EQ(
        cloud_events_json({event(7)}, "hub.example.net"),
        R"([{"specversion":"1.0","id":"2-7","source":"//hub.example.net/devices/pump%201",)"
        R"("type":"Microsoft.Devices.DeviceTelemetry","subject":"devices/pump%201",)"
        R"("time":"2026-03-04T05:06:07Z","datacontenttype":"application/json","data":{"deviceId":"pump 1",)"
        R"("partition":2,"sequenceNumber":7,"systemProperties":{},"properties":{"level":"high"},)"
        R"("bodyFormat":"json","body":{"t":1}}}])");
    RoutedEvent odd = event(8, std::string("\xFF\0", 2));
    odd.message.module_id = "m";
    const std::string json = cloud_events_json({odd, event(9, "text")}, "h");
    const auto document = JsonDocument::parse(json);
    ASSERT_TRUE(document) << json;
    EXPECT_EQ(document->root().size(), 2U);
    EXPECT_EQ(document->root().first().find("subject").string(), "devices/pump%201/modules/m");
    EXPECT_EQ(document->root().first().find("data").find("bodyFormat").string(), "base64");
}

// The example of Standard Webhooks, "Signature scheme".
TEST(WebhookSignature, IsThatOfTheStandard) {
    EXPECT_EQ(webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                                1614265330, R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignature, IsOfBothSecretsDuringAChangeOver) {
    constexpr std::string_view before = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    constexpr std::string_view now = "whsec_c2hvcnRzaG9ydHNob3J0c2hvcnQ=";
    RouteEndpoint endpoint;
    EXPECT_EQ(webhook_signatures(endpoint, "id", 1000, "{}"), "");
    endpoint.secret = now;
    EXPECT_EQ(webhook_signatures(endpoint, "id", 1000, "{}"), webhook_signature(now, "id", 1000, "{}"));
    endpoint.previous_secret = before;
    endpoint.previous_until_s = 1001;
    EXPECT_EQ(webhook_signatures(endpoint, "id", 1000, "{}"),
              webhook_signature(now, "id", 1000, "{}") + ' ' + webhook_signature(before, "id", 1000, "{}"));
    EXPECT_EQ(webhook_signatures(endpoint, "id", 1001, "{}"), webhook_signature(now, "id", 1001, "{}"));
}

TEST(WebhookId, IsTheSameForTheSameEvents) {
    EXPECT_EQ(webhook_id("hook", {event(7), event(8)}), webhook_id("hook", {event(7), event(8)}));
    EXPECT_NE(webhook_id("hook", {event(7), event(8)}), webhook_id("hook", {event(7)}));
    EXPECT_NE(webhook_id("hook", {event(7)}), webhook_id("other", {event(7)}));
}

TEST(FileSender, WritesLinesIntoAFileOfTheFirstEventsName) {
    testing::MemoryBlobs blobs;
    RouteEndpoint endpoint;
    endpoint.name = "archive";
    endpoint.kind = RouteEndpoint::Kind::file;
    endpoint.url = "mem:c";
    endpoint.path = "{endpoint}/{YYYY}-{MM}-{DD}/{HH}{mm}/{partition}-{sequence}-{sequence}.ndjson";
    FileSender sender(endpoint, blobs);
    EXPECT_EQ(sender.send({event(7), event(8)}).verdict, DeliveryOutcome::Verdict::taken);
    const std::string& file = blobs.files.at("mem:c/archive/2026-03-04/0506/2-7-7.ndjson");
    EXPECT_EQ(file.find("\"sequenceNumber\":7"), file.find("\"sequenceNumber\""));
    EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), 2);
    EXPECT_EQ(file.back(), '\n');
    blobs.refuses_writes = true;
    EXPECT_EQ(sender.send({event(9)}).verdict, DeliveryOutcome::Verdict::failed);
}

class DeliveryDriversTest : public ::testing::Test {
protected:
    DeliveryDriversTest()
        : directory_(std::filesystem::temp_directory_path() /
                     ("carillon-delivery-" + std::to_string(::getpid()))),
          drivers_(blobs_,
                   *WebTrust::load("", *WebReach::parse(WebReach::Mode::everyone, {"http://127.0.0.1:8080"})),
                   BrokerReach::of({}, ""), "hub.example.net", directory_.string(), clock_) {
        std::filesystem::remove_all(directory_);
    }
    ~DeliveryDriversTest() override { std::filesystem::remove_all(directory_); }

    Result<> check(std::string_view url, RouteEndpoint::Kind kind = RouteEndpoint::Kind::webhook) {
        RouteEndpoint endpoint;
        endpoint.kind = kind;
        endpoint.url = url;
        return drivers_.check(endpoint);
    }

    const std::filesystem::path directory_;
    testing::MemoryBlobs blobs_;
    ManualClock clock_{WallTime::from_unix_s(1'790'000'000)};
    DeliveryDrivers drivers_;
};

TEST_F(DeliveryDriversTest, SendWhereTheConfigurationLetsThem) {
    EXPECT_TRUE(check("https://ops.example.net/hook"));
    EXPECT_TRUE(check("http://127.0.0.1:8080/hook"));
    EXPECT_FALSE(check("http://127.0.0.1/hook"));
    EXPECT_FALSE(check("https://ops.example.net:8443/hook"));
    EXPECT_TRUE(check("mem:c", RouteEndpoint::Kind::file));
    EXPECT_FALSE(check("ftp:c", RouteEndpoint::Kind::file));
    const std::atomic<bool> stops{false};
    RouteEndpoint endpoint;
    endpoint.url = "http://10.0.0.1/";
    EXPECT_EQ(drivers_.open(endpoint, stops)->send({event(1)}).verdict, DeliveryOutcome::Verdict::failed);
}

TEST_F(DeliveryDriversTest, KeepDeadLettersWithTheirReason) {
    ASSERT_TRUE(drivers_.keep_dead_letter("Alerts", event(7), "the webhook answers 400"));
    ASSERT_TRUE(drivers_.keep_dead_letter("alerts", event(8), "again"));
    const std::string text = contents(directory_ / "alerts.ndjson");
    const auto document = JsonDocument::parse(std::string_view(text).substr(0, text.find('\n')));
    ASSERT_TRUE(document) << text;
    EXPECT_EQ(document->root().find("reason").string(), "the webhook answers 400");
    EXPECT_EQ(document->root().find("event").find("sequenceNumber").integer(), 7);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    const auto rights = std::filesystem::status(directory_ / "alerts.ndjson").permissions();
    EXPECT_EQ(rights, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(DeliveryDriversTest, DeadLettersEndAtTheirBound) {
    ASSERT_TRUE(drivers_.keep_dead_letter("alerts", event(7), "no"));
    std::filesystem::resize_file(directory_ / "alerts.ndjson", DeliveryDrivers::dead_letters_bytes_max - 10);
    const auto refused = drivers_.keep_dead_letter("alerts", event(8), "no");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("move it away"), std::string::npos);
    EXPECT_TRUE(drivers_.keep_dead_letter("other", event(8), "no"));
}

}  // namespace
}  // namespace carillon
