#include "endpoint/rest/relay/passed_request.hpp"

#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/routes.hpp"

#include <functional>
#include <regex>

namespace carillon::rest {
namespace {

using testing::Answer;
using testing::RestTest;

PassedRequest some_request() {
    PassedRequest request;
    request.method = "PUT";
    request.target = "/jobs/v2/a%20b?api-version=2021-04-12";
    request.fields = {{"If-Match", "\"x\""}, {"X-Carillon-Actor", ""}};
    request.body = std::string("{\0}", 3);
    request.caller = {.policy = "service", .expires = WallTime{12345}, .covers_hub = true};
    request.id = "an id";
    request.peer = "192.0.2.1:50000";
    return request;
}

TEST(PassedRequest, IsTheSameOnceReadAgain) {
    const PassedRequest request = some_request();
    const std::string bytes = encode_passed(request);
    const auto read = decode_passed_request(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(encode_passed(*read), bytes);
    EXPECT_EQ(read->fields, request.fields);
    EXPECT_EQ(read->body, request.body);
    EXPECT_EQ(read->caller.policy, "service");
    EXPECT_EQ(read->caller.expires.ticks, 12345);
    EXPECT_TRUE(read->caller.covers_hub);
    const HttpRequest again = request_of(*read);
    EXPECT_EQ(again.find("if-match"), "\"x\"");
    EXPECT_EQ(again.content_length, 3U);
}

TEST(PassedRequest, CutShortOrWithoutACallerIsNone) {
    const std::string bytes = encode_passed(some_request());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        EXPECT_FALSE(decode_passed_request(bytes.substr(0, i))) << i;
    EXPECT_FALSE(decode_passed_request(bytes + "x"));
    PassedRequest wrong = some_request();
    wrong.caller.policy = "";
    EXPECT_FALSE(decode_passed_request(encode_passed(wrong)));
    wrong = some_request();
    wrong.target = "jobs";
    EXPECT_FALSE(decode_passed_request(encode_passed(wrong)));
    wrong = some_request();
    wrong.fields.resize(HttpLimits::fields_max + 1);
    EXPECT_FALSE(decode_passed_request(encode_passed(wrong)));
}

TEST(PassedRequest, LeavesOutWhatProvesTheCallerAndWhatIsOfTheConnection) {
    HttpRequest request;
    request.method = "GET";
    request.target = "/jobs/v2/query";
    request.fields = {{"AUTHORIZATION", "secret"}, {"Cookie", "secret"}, {"Connection", "close"},
                      {"Content-Length", "7"},     {"If-Match", "*"},    {"X-Carillon-CSRF", "secret"},
                      {"Upgrade", "websocket"},    {"traceparent", "00"}};
    Authorizer::Caller caller{.policy = "p", .expires = {}};
    caller.key = static_cast<KeyTag>(7);
    const PassedRequest passed = passed_request(request, caller, "id", "peer");
    const std::vector<std::pair<std::string, std::string>> left{{"If-Match", "*"}, {"traceparent", "00"}};
    EXPECT_EQ(passed.fields, left);
    EXPECT_EQ(passed.caller.key, KeyTag::none);
    EXPECT_EQ(encode_passed(passed).find("secret"), std::string::npos);
}

TEST(PassedAnswer, IsTheSameOnceReadAgain) {
    const PassedAnswer answer{.status = 201,
                              .fields = "ETag: \"x\"\r\nx-ms-continuation: y\r\n",
                              .content_type = "application/x-ndjson",
                              .body = std::string("{\0}", 3),
                              .closes = true};
    const std::string bytes = encode_passed(answer);
    const auto read = decode_passed_answer(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(encode_passed(*read), bytes);
    const HttpResponse response = response_of(*read);
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.content_type, "application/x-ndjson");
    EXPECT_EQ(response.body, answer.body);
    EXPECT_TRUE(response.closes);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        EXPECT_FALSE(decode_passed_answer(bytes.substr(0, i))) << i;
}

TEST(PassedAnswer, WithFieldsThatAreNoneIsNone) {
    const auto is_taken = [](int status, const char* fields) {
        PassedAnswer answer;
        answer.status = status;
        answer.fields = fields;
        return decode_passed_answer(encode_passed(answer)).has_value();
    };
    EXPECT_TRUE(is_taken(200, "ETag: x\r\n"));
    for (const char* fields :
         {"ETag", "ETag: x", "ETag: x\r\n\r\nHTTP/1.1 200 OK\r\n", "\r\n", "a: b\nc: d\r\n"}) {
        EXPECT_FALSE(is_taken(200, fields)) << fields;
    }
    EXPECT_FALSE(is_taken(99, ""));
    EXPECT_FALSE(is_taken(600, ""));
}

TEST(IsOfHub, EachRouteIsServedByOneNodeOrByAny) {
    // What any node serves, by the shards that it asks. A new route belongs here or into `is_of_hub`.
    const std::regex anywhere(
        "/(devices|twins|statistics|digitaltwins|enrollments|enrollmentGroups|registrations)(/.*)?"
        "|/\\{\\}/registrations/.*"
        "|/carillon/(overview|registry|events|session|backup|about|settings|health|devices|log|traces|mcp"
        "|openapi.json|enrollmentAuthorities)(/.*)?");
    for (const Route& route : routes()) {
        const bool is_anywhere = std::regex_match(std::string(route.pattern), anywhere);
        EXPECT_NE(is_of_hub(route), is_anywhere) << route.method << " " << route.pattern;
        // Who is passed on has to be known by a policy.
        if (is_of_hub(route)) {
            EXPECT_FALSE(route.need.is_open() || route.need.as_device) << route.pattern;
        }
    }
}

/// A back end asks a node that does not own the first shard: what is of the hub goes as bytes to one that
/// does.
class RequestRelayTest : public RestTest, protected RequestRelay {
protected:
    RequestRelayTest() {
        for (const char* id : {"a", "b", "c"}) create(id);
        call("PUT", at("/jobs/v2/first"), job);
        hub_.settle();
    }
    ~RequestRelayTest() override { disconnect(); }

    bool passes_on(const Route& route) const override { return is_of_hub(route); }
    Task<Result<std::optional<PassedAnswer>>> pass_on(const Route&, PassedRequest request) override {
        ++passed_;
        if (!is_reached_) co_return fail(Errc::service_unavailable, "the node did not answer");
        if (is_here_) co_return std::optional<PassedAnswer>();
        auto read = decode_passed_request(encode_passed(request));
        CARILLON_ASSERT(read);
        const auto handler = std::make_unique<RestHandler>(*hub_, nullptr, running_, metrics_, &web_);
        auto answering = handler->answer_passed(*std::move(read));
        const PassedAnswer answer = co_await std::move(answering);
        co_return decode_passed_answer(encode_passed(answer));
    }
    /// From here on the connection's node is another one.
    void move_away() {
        disconnect();
        wire_ = {};
        const HttpConnection::Context context{hub_.io().get_executor(), timers_, clock_};
        auto handler =
            std::make_unique<RestHandler>(*hub_, nullptr, running_, metrics_, &web_, "192.0.2.1:50000");
        handler->use(static_cast<RequestRelay*>(this));
        HttpConnection::serve(std::make_unique<FakeChannelOf>(wire_), std::move(handler), context);
    }
    using FakeChannelOf = testing::FakeChannel;
    /// Of an answer, without what differs each time.
    static std::string text(const Answer& answer) {
        std::string all = std::to_string(answer.status) + "\n";
        for (const auto& [name, value] : answer.headers) {
            if (name != "x-ms-request-id" && name != "content-length") all += name + ": " + value + "\n";
        }
        static const std::regex tracking("Tracking ID:[0-9A-F]*|\"trackingId\":\"[^\"]*\"|[0-9a-f-]{36}");
        return all + std::regex_replace(answer.body, tracking, "");
    }

    const std::string job =
        R"({"jobId":"first","type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"x":1}},)"
        R"("queryCondition":"*","maxExecutionTimeInSeconds":60})";
    int passed_ = 0;
    bool is_reached_ = true;
    bool is_here_ = false;
};

TEST_F(RequestRelayTest, AnswersAreThoseOfTheNodeThatServes) {
    struct Case {
        const char* method;
        std::string target;
        std::string body;
    };
    const Case cases[] = {
        {"GET", at("/jobs/v2/first"), ""},   {"GET", at("/jobs/v2/query"), ""},
        {"GET", at("/jobs/v2/none"), ""},    {"GET", at("/jobs/v2/query?pageSize=nonsense"), ""},
        {"PUT", at("/jobs/v2/first"), job},  {"PUT", at("/jobs/v2/second"), "nonsense"},
        {"GET", "/carillon/jobs/first", ""}, {"GET", "/carillon/jobs/first/history", ""},
        {"GET", "/carillon/policies", ""},   {"PUT", at("/configurations/x"), "{}"},
        {"GET", at("/configurations"), ""},  {"GET", "/carillon/jobs/first/devices?outcome=succeeded", ""},
    };
    std::vector<std::string> near;
    for (const Case& one : cases) near.push_back(text(call(one.method, one.target, one.body)));
    move_away();
    for (std::size_t i = 0; i < std::size(cases); ++i) {
        const Answer answer = call(cases[i].method, cases[i].target, cases[i].body);
        EXPECT_EQ(text(answer), near[i]) << cases[i].method << " " << cases[i].target;
        EXPECT_NE(answer.header("x-ms-request-id"), "");
    }
    EXPECT_EQ(passed_, static_cast<int>(std::size(cases)));
}

TEST_F(RequestRelayTest, WhatIsWrittenIsWrittenThere) {
    move_away();
    EXPECT_EQ(
        call("PUT", at("/jobs/v2/second"), std::regex_replace(job, std::regex("first"), "second")).status,
        200);
    EXPECT_EQ(passed_, 1);
    EXPECT_TRUE(hub_->jobs().snapshot("second").has_value());
    EXPECT_EQ(create("d").status, 200);
    EXPECT_EQ(call("GET", at("/twins/a")).status, 200);
    EXPECT_EQ(passed_, 1) << "devices are asked by their shards";
}

TEST_F(RequestRelayTest, TheNodeThatIsAskedChecksTheCaller) {
    move_away();
    const std::string device = "Authorization: " + token("device") + "\r\n";
    EXPECT_EQ(call("GET", at("/jobs/v2/first"), {}, device).status, 401);
    EXPECT_EQ(call("GET", at("/jobs/v2/first"), {}, "Authorization: nonsense\r\n").status, 401);
    EXPECT_EQ(passed_, 0);
    EXPECT_EQ(call("GET", at("/jobs/v2/first"), {}, "Authorization: " + token("service") + "\r\n").status,
              200);
    EXPECT_EQ(passed_, 1);
}

TEST_F(RequestRelayTest, WithoutAnAnswerItIs503AndWhatCameHereIsServedHere) {
    move_away();
    is_reached_ = false;
    EXPECT_EQ(call("GET", at("/jobs/v2/first")).status, 503);
    is_reached_ = is_here_ = true;
    EXPECT_EQ(call("GET", at("/jobs/v2/first")).status, 200);
    EXPECT_EQ(passed_, 2);
}

TEST_F(RequestRelayTest, AnAnswerWithoutAnEndIsNotPassedOn) {
    move_away();
    EXPECT_EQ(call("GET", "/carillon/jobs/first/events").status, 503);
}

}  // namespace
}  // namespace carillon::rest
