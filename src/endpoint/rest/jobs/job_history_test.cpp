#include "endpoint/rest/harness.hpp"

#include <algorithm>

namespace carillon::rest {
namespace {

using namespace testing;

class JobHistory : public RestTest {
protected:
    void SetUp() override {
        RestTest::SetUp();
        const Answer put = call("PUT", at("/jobs/v2/fw"),
                                R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},)"
                                R"("queryCondition":"*","startTime":"2026-11-24T11:00:00Z","rollout":{}})");
        ASSERT_EQ(put.status, 200) << put.body;
    }
};

TEST_F(JobHistory, TellsWhoMadeTheJobAndWhoPausedItAndWhy) {
    ASSERT_EQ(
        call("POST", "/carillon/jobs/fw/pause", R"({"why":"door 43"})", "x-carillon-actor: Ada\r\n").status,
        200);
    const Answer history = call("GET", "/carillon/jobs/fw/history");
    EXPECT_EQ(history.status, 200);
    EXPECT_EQ(history.header("content-type"), "application/x-ndjson");
    EXPECT_TRUE(history.contains(R"("event":"created","by":"iothubowner")")) << history.body;
    EXPECT_TRUE(history.contains(R"("event":"paused","by":"iothubowner","says":"Ada","why":"door 43")"))
        << history.body;
    EXPECT_TRUE(history.contains(R"("event":"sealed","final":false)")) << history.body;
    EXPECT_EQ(std::count(history.body.begin(), history.body.end(), '\n'), 3);
}

TEST_F(JobHistory, GoesOnBehindAnEventAndEndsEmpty) {
    call("POST", "/carillon/jobs/fw/pause", "");
    const Answer second = call("GET", "/carillon/jobs/fw/history?after=1");
    EXPECT_TRUE(second.contains("paused")) << second.body;
    EXPECT_FALSE(second.contains("created")) << second.body;
    EXPECT_EQ(call("GET", "/carillon/jobs/fw/history?after=3").body, "");
    EXPECT_EQ(call("GET", "/carillon/jobs/fw/history?after=x").status, 400);
    EXPECT_EQ(call("GET", "/carillon/jobs/none/history").status, 404);
}

TEST_F(JobHistory, IsIntactAndHasTheSealThatTheJobShows) {
    call("POST", "/carillon/jobs/fw/pause", "");
    const Answer job = call("GET", "/carillon/jobs/fw");
    const auto at = job.body.find(R"("seal":")");
    ASSERT_NE(at, std::string::npos) << job.body;
    const auto seal = job.body.substr(at + 8, 64);
    const Answer found = call("GET", "/carillon/jobs/fw/verify?seal=" + seal);
    EXPECT_TRUE(found.contains(R"("verdict":"intact","events":3,"seals":1,"seal":")" + seal)) << found.body;
    const Answer other = call("GET", "/carillon/jobs/fw/verify?seal=" + std::string(64, '0'));
    EXPECT_TRUE(other.contains(R"("verdict":"broken")")) << other.body;
    EXPECT_EQ(call("GET", "/carillon/jobs/fw/verify?seal=0g").status, 400);
    EXPECT_EQ(call("GET", "/carillon/jobs/none/verify").status, 404);
}

}  // namespace
}  // namespace carillon::rest
