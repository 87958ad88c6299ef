// Jobs with a rollout over HTTP: what is answered to a PUT, shown, and directed.

#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;
using std::chrono::seconds;

std::string method_job_with(std::string_view rollout) {
    return std::string(R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},)") +
           R"("queryCondition":"*","rollout":)" + std::string(rollout) + "}";
}

class JobRollout : public RestTest {
protected:
    Answer order(std::string_view rollout) { return call("PUT", at("/jobs/v2/j"), method_job_with(rollout)); }
    Answer look() { return call("GET", "/carillon/jobs/j"); }
    std::string shown(std::string_view name) { return member(look().body, name); }
};

TEST_F(JobRollout, IsAcceptedWithItsVersionAndShownAsItWasSent) {
    create("d1");
    const auto accepted = order(R"({ "pace":{"rate":"1/m"},"note":"CHG-1" })");
    EXPECT_EQ(accepted.status, 200) << accepted.body;
    EXPECT_EQ(member(member(accepted.body, "rollout"), "version"), "1");
    const auto job = call("GET", at("/jobs/v2/j"));
    EXPECT_EQ(member(job.body, "rollout"), R"({ "pace":{"rate":"1/m"},"note":"CHG-1" })");
    const auto list = call("GET", at("/jobs/v2/query"));
    EXPECT_TRUE(list.contains(R"("rollout":{"version":1,"note":"CHG-1"})")) << list.body;
    EXPECT_EQ(shown("phase"), "\"running\"");
    EXPECT_EQ(shown("paused"), "null");
    EXPECT_EQ(shown("waves"), "[]");
    EXPECT_EQ(member(member(shown("rollout"), "pace"), "rate"), "\"1/m\"");
}

TEST_F(JobRollout, APlainJobShowsNothingOfIt) {
    create("d1");
    const auto accepted = call("PUT", at("/jobs/v2/j"),
                               R"({"type":"scheduleUpdateTwin","updateTwin":)"
                               R"({"etag":"*","tags":{"a":1}},"queryCondition":"*"})");
    EXPECT_EQ(accepted.body.find("rollout"), std::string::npos);
    EXPECT_EQ(look().body.find("rollout"), std::string::npos);
    EXPECT_EQ(look().body.find("phase"), std::string::npos);
    EXPECT_EQ(call("POST", "/carillon/jobs/j/pause").status, 405);
    EXPECT_EQ(call("PATCH", "/carillon/jobs/j", R"({"rollout":{"pace":{"rate":"1/s"}}})").status, 405);
}

TEST_F(JobRollout, IsPausedByWhomeverAsksAndResumed) {
    create("d1");
    order("{}");
    const auto paused =
        call("POST", "/carillon/jobs/j/pause", R"({"why":"storm"})", "x-carillon-actor: ann\r\n");
    EXPECT_EQ(paused.status, 200) << paused.body;
    const auto pause = member(paused.body, "paused");
    EXPECT_EQ(member(pause, "by"), "\"iothubowner\"");
    EXPECT_EQ(member(pause, "says"), "\"ann\"");
    EXPECT_EQ(member(pause, "why"), "\"storm\"");
    EXPECT_EQ(member(member(paused.body, "held"), "paused"), "1");
    EXPECT_EQ(member(paused.body, "status"), "\"running\"");
    EXPECT_EQ(call("POST", "/carillon/jobs/j/pause").status, 200);
    const auto resumed = call("POST", "/carillon/jobs/j/resume");
    EXPECT_EQ(member(resumed.body, "paused"), "null");
    EXPECT_EQ(call("POST", "/carillon/jobs/nobody/pause").status, 404);
}

TEST_F(JobRollout, ARevisionThatIsStaleIsRefused) {
    create("d1");
    order("{}");
    const auto revision = shown("revision");
    const auto fields = "If-Match: \"" + revision + "\"\r\n";
    EXPECT_EQ(call("PATCH", "/carillon/jobs/j", R"({"rollout":{"pace":{"rate":"5/s"}}})", fields).status,
              200);
    EXPECT_NE(shown("revision"), revision);
    EXPECT_EQ(member(member(shown("rollout"), "pace"), "rate"), "\"5/s\"");
    EXPECT_EQ(call("PATCH", "/carillon/jobs/j", R"({"rollout":{"pace":{"rate":"6/s"}}})", fields).status,
              412);
    EXPECT_EQ(call("POST", "/carillon/jobs/j/pause", {}, "If-Match: \"x\"\r\n").status, 412);
}

TEST_F(JobRollout, AChangeOfAnythingElseIsRefused) {
    create("d1");
    order("{}");
    for (const auto* body : {"", "{}", "[]", R"({"rollout":1})", R"({"rollout":{"seed":1}})",
                             R"({"rollout":{"pace":{"rate":"x"}}})", R"({"rollout":{},"other":1})"}) {
        EXPECT_EQ(call("PATCH", "/carillon/jobs/j", body).status, 400) << body;
    }
}

TEST_F(JobRollout, AWaveIsPromotedByItsNumber) {
    create("d1");
    create("d2");
    order(R"({"waves":[{"size":1}]})");
    EXPECT_EQ(member(look().body, "waves").substr(0, 34), R"([{"n":0,"size":1,"state":"open","s)");
    EXPECT_EQ(call("POST", "/carillon/jobs/j/promote").status, 400);
    EXPECT_EQ(call("POST", "/carillon/jobs/j/promote", R"({"wave":1})").status, 405);
    const auto promoted = call("POST", "/carillon/jobs/j/promote", R"({"wave":0})");
    EXPECT_EQ(promoted.status, 200) << promoted.body;
    EXPECT_TRUE(promoted.contains(R"({"n":0,"size":1,"state":"passed")")) << promoted.body;
    EXPECT_EQ(call("POST", "/carillon/jobs/j/promote", R"({"wave":0})").status, 200);
}

TEST_F(JobRollout, AContinuousJobIsClosed) {
    create("d1");
    order(R"({"members":{"mode":"continuous"}})");
    EXPECT_TRUE(look().contains(R"("members":"open")")) << look().body;
    EXPECT_TRUE(look().contains(R"("members":{"mode":"continuous","onLeave":"keep"})")) << look().body;
    const auto closed = call("POST", "/carillon/jobs/j/close", R"({"why":"enough"})");
    EXPECT_EQ(closed.status, 200) << closed.body;
    EXPECT_TRUE(closed.contains(R"("members":"closed")")) << closed.body;
    EXPECT_EQ(call("POST", "/carillon/jobs/j/close", R"({"wave":7})").status, 200);
    call("PUT", at("/jobs/v2/k"), method_job_with(R"({"members":{"mode":"atStart"}})"));
    EXPECT_EQ(call("POST", "/carillon/jobs/k/close").status, 405);
    EXPECT_EQ(call("POST", "/carillon/jobs/none/close").status, 404);
}

TEST_F(JobRollout, ADirectedJobNeedsARightToWrite) {
    create("d1");
    order("{}");
    const auto fields = "Authorization: " + token("registryRead") + "\r\n";
    EXPECT_EQ(call("POST", "/carillon/jobs/j/pause", {}, fields).status, 401);
    EXPECT_EQ(call("GET", "/carillon/jobs/j", {}, fields).status, 200);
}

class StrictJobRollout : public RestTest {
protected:
    StrictJobRollout()
        : RestTest({}, [] {
              JobEngineLimits limits;
              limits.strict_cancel = true;
              return limits;
          }()) {}
};

TEST_F(StrictJobRollout, IsRefusedInStrictMode) {
    create("d1");
    const auto refused = call("PUT", at("/jobs/v2/j"), method_job_with("{}"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_TRUE(refused.contains("rollout")) << refused.body;
    EXPECT_TRUE(call("GET", at("/jobs/v2/j")).contains("unknown"));
}

}  // namespace
}  // namespace carillon::rest
