#include "server/cluster/rest_calls.hpp"

#include "core/testing/job_testing.hpp"
#include "endpoint/rest/routes.hpp"
#include "server/cluster/calls_fixture.hpp"

namespace carillon {
namespace {

using testing::asking_node;

/// A back end asks one node, and another one owns the hub's first shard.
class RestCallsTest : public testing::CalledHubTest {
protected:
    RestCallsTest() { owned_.serve(CallKind::rest, calls_); }
    ~RestCallsTest() override { stop_nodes(); }

    static const rest::Route& route_of(std::string_view method, std::string_view target) {
        rest::Path path;
        EXPECT_TRUE(path.parse(target));
        return *rest::find_route(method, path)->route;
    }
    using Passed = Result<std::optional<rest::PassedAnswer>>;
    Passed pass_on(const std::string& method, const std::string& path, const std::string& body = {}) {
        rest::PassedRequest request;
        request.method = method;
        request.target = path + "?api-version=2021-04-12";
        request.body = body;
        request.caller.policy = "iothubowner";
        request.id = "an id";
        auto passing = run(relay_.pass_on(route_of(method, path), request));
        return passing ? *std::move(passing) : Passed(fail(Errc::server_error, "no answer at all"));
    }
    static int status_of(const Passed& passed) {
        if (!passed) return http_status(passed.error().code);
        return *passed ? (*passed)->status : 0;
    }

    RestEndpoint rest_{*hub_};
    RestCalls calls_{rest_, called_.threads};
    LinkRelay relay_{owners_};
};

TEST_F(RestCallsTest, ARequestIsAnsweredByTheNodeThatServesIt) {
    EXPECT_EQ(status_of(pass_on("GET", "/carillon/jobs/j")), 404);
    EXPECT_EQ(status_of(pass_on("PUT", "/jobs/v2/j", testing::twin_body("*"))), 200);
    const auto found = pass_on("GET", "/jobs/v2/j");
    ASSERT_EQ(status_of(found), 200);
    EXPECT_NE((*found)->body.find("scheduleUpdateTwin"), std::string::npos);
    EXPECT_EQ(status_of(pass_on("PUT", "/jobs/v2/j", testing::twin_body("*"))), 409)
        << "it was made once before";
    EXPECT_EQ(lossy_.calls, 4);
}

TEST_F(RestCallsTest, WhatOnlyAsksIsAskedAgainAndWhatChangesIsNot) {
    lossy_.answers_lost = LinkRelay::sent_max - 1;
    EXPECT_EQ(status_of(pass_on("GET", "/carillon/jobs/j")), 404);
    EXPECT_EQ(lossy_.calls, LinkRelay::sent_max);
    lossy_.answers_lost = 1;
    EXPECT_EQ(status_of(pass_on("PUT", "/jobs/v2/j", testing::twin_body("*"))), 503);
    EXPECT_EQ(lossy_.calls, LinkRelay::sent_max + 1);
    EXPECT_TRUE(until([&] { return hub_->jobs().snapshot("j").has_value(); })) << "it was carried out";
}

TEST_F(RestCallsTest, WhatIsHereIsNotPassedOn) {
    const auto& jobs = route_of("GET", "/jobs/v2/j");
    EXPECT_TRUE(relay_.passes_on(jobs));
    EXPECT_FALSE(relay_.passes_on(route_of("GET", "/twins/a"))) << "its shard is asked";
    asking_map_.own(asking_node);
    EXPECT_FALSE(relay_.passes_on(jobs));
    const auto answer = pass_on("GET", "/jobs/v2/j");
    EXPECT_TRUE(answer && !*answer) << "it came here meanwhile";
    EXPECT_EQ(lossy_.calls, 0);
}

}  // namespace
}  // namespace carillon
