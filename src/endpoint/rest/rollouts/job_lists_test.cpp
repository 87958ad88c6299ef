#include "endpoint/rest/harness.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon::rest {
namespace {

using namespace testing;

class JobLists : public RestTest {
protected:
    void order(const std::string& id, const std::string& rollout, const std::string& start = {}) {
        const auto when = start.empty() ? std::string() : R"("startTime":")" + start + R"(",)";
        const Answer put = call("PUT", at("/jobs/v2/" + id),
                                R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},)" +
                                    when + R"("queryCondition":"*","rollout":)" + rollout + "}");
        ASSERT_EQ(put.status, 200) << put.body;
    }
};

TEST_F(JobLists, ShowsHowFarEachJobHasComeNewestFirst) {
    order("first", R"({"note":"CHG-1"})", "2026-11-24T11:00:00Z");
    order("second", R"({"note":"CHG-2"})", "2026-11-24T11:00:00Z");
    ASSERT_EQ(call("POST", "/carillon/jobs/second/pause", R"({"why":"wait"})").status, 200);
    const Answer all = call("GET", "/carillon/jobs");
    ASSERT_EQ(all.status, 200) << all.body;
    EXPECT_LT(all.body.find("second"), all.body.find("first")) << all.body;
    EXPECT_TRUE(all.contains(R"("phase":"scheduled")")) << all.body;
    EXPECT_TRUE(all.contains(R"("note":"CHG-1")")) << all.body;
    const Answer paused = call("GET", "/carillon/jobs?paused=true");
    EXPECT_TRUE(paused.contains(R"("why":"wait")")) << paused.body;
    EXPECT_FALSE(paused.contains("first")) << paused.body;
    EXPECT_EQ(call("GET", "/carillon/jobs?phase=running").body, "[]");
    EXPECT_EQ(call("GET", "/carillon/jobs?phase=lost").status, 400);
    EXPECT_EQ(call("GET", "/carillon/jobs?paused=maybe").status, 400);
}

TEST_F(JobLists, GoesOnPageByPage) {
    for (const char* id : {"a", "b", "c"}) order(id, "{}", "2026-11-24T11:00:00Z");
    const Answer first = call("GET", "/carillon/jobs", "", "x-ms-max-item-count: 2\r\n");
    EXPECT_TRUE(first.contains(R"("jobId":"c")") && first.contains(R"("jobId":"b")")) << first.body;
    const std::string token(first.header("x-ms-continuation"));
    ASSERT_FALSE(token.empty());
    const Answer second = call("GET", "/carillon/jobs", "", "x-ms-continuation: " + token + "\r\n");
    EXPECT_TRUE(second.contains(R"("jobId":"a")")) << second.body;
    EXPECT_FALSE(second.contains(R"("jobId":"b")")) << second.body;
    EXPECT_EQ(second.header("x-ms-continuation"), "");
}

TEST_F(JobLists, RefusesMalformedFiltersAndUnknownJobs) {
    order("fw", "{}", "2026-11-24T11:00:00Z");
    EXPECT_EQ(call("GET", "/carillon/jobs/fw/devices").body, "") << "it has found no devices yet";
    EXPECT_EQ(call("GET", "/carillon/jobs/fw/devices?format=csv").header("content-type"),
              "text/csv; charset=utf-8");
    for (const char* query : {"format=xml", "status=lost", "kind=lost", "wave=x", "wave=500"}) {
        EXPECT_EQ(call("GET", std::string("/carillon/jobs/fw/devices?") + query).status, 400) << query;
    }
    EXPECT_EQ(call("GET", "/carillon/jobs/none/devices").status, 404);
    EXPECT_EQ(call("GET", "/carillon/jobs/none/failures").status, 404);
    EXPECT_TRUE(call("GET", "/carillon/jobs/fw/failures").contains(R"("failedCount":0,"groups":[])"));
}

TEST_F(JobLists, DevicesThatCannotBeReadToTheEndDoNotLookWhole) {
    constexpr int devices = 2400;  // More than is gathered before an answer begins.
    std::string ids;
    for (int i = 0; i < devices; ++i) ids += fmt::format("{}\"device-{:0100}\"", i == 0 ? "" : ",", i);
    const Answer put = call("PUT", at("/jobs/v2/fw", preview),
                            R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},)"
                            R"("deviceIds":[)" +
                                ids + R"(],"rollout":{}})");
    ASSERT_EQ(put.status, 200) << put.body;
    wire_.is_slow = true;
    begin("GET", "/carillon/jobs/fw/devices");
    hub_.settle();
    ASSERT_TRUE(wire_.sent.starts_with("HTTP/1.1 200 ")) << wire_.sent.substr(0, 200);
    store_.fail_reads(true);
    wire_.is_slow = wire_.is_congested = false;
    wire_.handler->drained();
    hub_.settle();
    EXPECT_TRUE(wire_.is_aborted);
    EXPECT_FALSE(wire_.sent.ends_with("0\r\n\r\n"));

    const Answer refused = call("GET", "/carillon/jobs/fw/devices");
    EXPECT_EQ(refused.status, 500) << "nothing had been sent yet";
    store_.fail_reads(false);
}

}  // namespace
}  // namespace carillon::rest
