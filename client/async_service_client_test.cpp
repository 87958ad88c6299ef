#include "carillon/async_service_client.hpp"
#include "carillon/owned_json.hpp"
#include "carillon/printing.hpp"

#include <gtest/gtest.h>
#include <sstream>

namespace carillon {
namespace {

Result<AsyncServiceClient> open(AsyncServiceOptions options) {
    ServiceOptions service;
    service.connection_string =
        "HostName=hub.localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==";
    service.port = 1;  // tcpmux: nobody has it
    service.retry.attempts_max = 0;
    return AsyncServiceClient::open(service, options);
}

Coroutine find(AsyncServiceClient& client, std::promise<Errc>& found) {
    const auto ask = [](ServiceClient& hub) { return hub.find_job("j1"); };
    const auto job = co_await client.call(ask, awaiting);
    found.set_value(job ? Errc{} : job.error().code);
}

TEST(AsyncServiceClient, AnswersAFutureACallbackAndACoroutine) {
    auto client = open({});
    ASSERT_TRUE(client);
    const auto ask = [](ServiceClient& hub) { return hub.find_job("j1"); };
    EXPECT_EQ(client->call(ask).get().error().code, Errc::unreachable);
    std::promise<Errc> called;
    client->call(ask, [&called](const Result<std::string>& job) { called.set_value(job.error().code); });
    EXPECT_EQ(called.get_future().get(), Errc::unreachable);
    std::promise<Errc> found;
    find(*client, found);
    EXPECT_EQ(found.get_future().get(), Errc::unreachable);
}

TEST(AsyncServiceClient, RefusesBeyondItsLimitAndTellsThoseThatWaitWhenItGoes) {
    std::promise<void> may_go_on;
    std::promise<void> has_begun;
    Errc told{};
    {
        auto client = open({.connections = 1, .waiting_max = 1});
        ASSERT_TRUE(client);
        auto busy = client->call([&](ServiceClient&) {
            has_begun.set_value();
            may_go_on.get_future().wait();
            return Result<>{};
        });
        has_begun.get_future().wait();
        const auto nothing = [](ServiceClient&) { return Result<>{}; };
        client->call(nothing, [&](const Result<>& waited) {
            told = waited ? Errc{} : waited.error().code;
            may_go_on.set_value();
        });
        EXPECT_EQ(client->call(nothing).get().error().code, Errc::throttling_exception);
    }
    EXPECT_EQ(told, Errc::connection_closed);
}

TEST(AsyncServiceClient, OpensAsTheServiceClientDoes) {
    EXPECT_EQ(AsyncServiceClient::open({}, {}).error().code, Errc::argument_invalid);
    EXPECT_EQ(open({.connections = 0}).error().code, Errc::argument_invalid);
}

TEST(OwnedJson, KeepsTheTextThatItsValuesView) {
    auto twin = owned_json(std::string(R"({"tags":{"floor":2},"etag":"AAA="})"));
    ASSERT_TRUE(twin);
    const OwnedJson moved = *std::move(twin);
    EXPECT_EQ(moved["tags"].find("floor").integer(), 2);
    EXPECT_EQ(moved["etag"].string(), "AAA=");
    EXPECT_FALSE(moved["absent"].exists());
    EXPECT_EQ(owned_json(fail(Errc::device_not_found)).error().code, Errc::device_not_found);
    EXPECT_FALSE(owned_json(std::string("{")));
}

TEST(Printing, ErrorsAndStatesPrintThemselves) {
    std::ostringstream out;
    out << Error{Errc::device_not_found, "pump-1"} << '|' << Error{Errc::throttling_exception, ""} << '|'
        << ConnectionState::connected;
    EXPECT_EQ(out.str(),
              "DeviceNotFound: pump-1|" + std::string(errc_name(Errc::throttling_exception)) + "|connected");
    EXPECT_EQ(to_string(ConnectionState::closed), "closed");
}

}  // namespace
}  // namespace carillon
