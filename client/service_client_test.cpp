#include "carillon/service_client.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr const char* service_string =
    "HostName=hub.localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==";

ServiceOptions options_for(std::string connection_string) {
    ServiceOptions options;
    options.connection_string = std::move(connection_string);
    options.retry.attempts_max = 0;
    return options;
}

TEST(ServiceClientOpen, NeedsNoHubYet) {
    auto client = ServiceClient::open(options_for(service_string));
    ASSERT_TRUE(client);
    EXPECT_EQ(client->host_name(), "hub.localhost");
}

TEST(ServiceClientOpen, RefusesADevicesConnectionString) {
    auto client = ServiceClient::open(
        options_for("HostName=hub.localhost;DeviceId=d1;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg=="));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Errc::argument_invalid);
}

TEST(ServiceClientOpen, SaysThatTheCaFileIsNotThere) {
    auto options = options_for(service_string);
    options.ca_file = "no-such-directory/ca.pem";
    auto client = ServiceClient::open(std::move(options));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Errc::not_found_locally);
}

TEST(ServiceClient, AJobIdThatWouldBeAnotherRouteIsRefusedHere) {
    auto client = ServiceClient::open(options_for(service_string));
    ASSERT_TRUE(client);
    EXPECT_EQ(client->find_job("query").error().code, Errc::argument_invalid);
    EXPECT_EQ(client->cancel_job("").error().code, Errc::argument_invalid);
}

TEST(ServiceClient, WhereNothingListensTheHubIsUnreachable) {
    auto options = options_for(service_string);
    options.address = "127.0.0.1";
    options.port = 1;  // tcpmux: nobody has it
    auto client = ServiceClient::open(std::move(options));
    ASSERT_TRUE(client);
    EXPECT_EQ(client->find_job("j1").error().code, Errc::unreachable);
}

TEST(ServiceClient, ANameBelowLocalhostIsThisMachine) {
    auto options = options_for(service_string);  // hub.localhost, which few resolvers know
    options.port = 1;
    auto client = ServiceClient::open(std::move(options));
    ASSERT_TRUE(client);
    const auto job = client->find_job("j1");
    ASSERT_FALSE(job);
    EXPECT_EQ(job.error().detail.find("does not resolve"), std::string::npos) << job.error().detail;
}

/// What a call sends, as method, path and body; `status` is the answer.
template <class Call>
std::string sent_by(Call call, int status = 200) {
    std::string sent;
    auto options = options_for(service_string);
    options.carrier = [&](const ServiceRequest& request, const ServiceHeaders&) -> Result<ServiceReply> {
        const auto path = request.target.substr(0, request.target.find('?'));
        sent = std::string(request.method) + ' ' + std::string(path) + ' ' + std::string(request.body);
        ServiceReply reply;
        reply.status = status;
        reply.body = "{}";
        return reply;
    };
    auto client = ServiceClient::open(std::move(options));
    if (!client) return "not open";
    const auto done = call(*client);
    return done ? sent : "refused: " + sent;
}

TEST(ServiceClientBudgets, SayWhatTheHubTakes) {
    const JobBudgetOptions site{.max = 5, .per = "tags.site", .soak = "10m"};
    EXPECT_EQ(sent_by([&](ServiceClient& client) { return client.put_budget("site", site); }),
              R"(PUT /carillon/budgets/site {"max":5,"per":"tags.site","soak":"10m","jobs":"all"})");
    const JobBudgetOptions share{.max_share = "2%", .devices = "tags.kind = 'lock'", .jobs = "methods"};
    EXPECT_EQ(sent_by([&](ServiceClient& client) { return client.put_budget("a b", share); }),
              R"(PUT /carillon/budgets/a%20b {"max":"2%","devices":"tags.kind = 'lock'","jobs":"methods"})");
    EXPECT_EQ(sent_by([&](ServiceClient& client) { return client.put_budget("site", site); }, 400),
              R"(refused: PUT /carillon/budgets/site {"max":5,"per":"tags.site","soak":"10m","jobs":"all"})");
    EXPECT_EQ(sent_by([](ServiceClient& client) { return client.hold_jobs("freeze", "twins"); }),
              R"(PUT /carillon/budgets/freeze {"max":0,"jobs":"twins"})");
    EXPECT_EQ(sent_by([](ServiceClient& client) { return client.release_jobs("freeze"); }, 204),
              "DELETE /carillon/budgets/freeze ");
}

TEST(JsonArrayItems, KeepEachItemAsItIsWritten) {
    const auto items = json_array_items(R"([1.0, {"a": [1, 2]}, "x"])");
    ASSERT_TRUE(items);
    EXPECT_EQ(*items, (std::vector<std::string>{"1.0", R"({"a": [1, 2]})", "\"x\""}));
}

TEST(JsonArrayItems, AnObjectIsNoArray) {
    EXPECT_FALSE(json_array_items(R"({"items":[]})"));
}

}  // namespace
}  // namespace carillon
