#include "core/shard/throttles.hpp"
#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;
using std::chrono::milliseconds;

constexpr const char* throttled_text = "Wait 10 seconds and try again. Operation type: ";

HubOptions strict_s1() {
    HubOptions options;
    options.queries.functions = query::FunctionSet::strict;
    options.queries.statement_bytes_max = query::QueryLimits::strict_statement_bytes_max;
    options.tier = TierProfile{};
    return options;
}

JobEngineLimits jobs_of_s1() {
    JobEngineLimits limits;
    limits.active_max = active_jobs_max(Tier::s1);
    limits.strict_cancel = true;
    return limits;
}

/// A hub that refuses what the service's edition S1 refuses.
class StrictMode : public RestTest {
protected:
    StrictMode() : RestTest(strict_s1(), jobs_of_s1()) {}

    Answer query(std::string_view statement) {
        return call("POST", at("/devices/query"), "{\"query\":\"" + std::string(statement) + "\"}");
    }
    static std::string twin_job(std::string_view condition) {
        return R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"queryCondition":")" +
               std::string(condition) + "\"}";
    }
    void throttle_all(ThrottleClass what) {
        while (hub_->throttles().take_some(what, 1000, clock_.now()) > 0) {
        }
    }
};

TEST_F(StrictMode, RefusesStatementsAndConditionsAbove8192Characters) {
    std::string condition = "deviceId = 'd1'";
    while (condition.size() < 9000) condition += " OR deviceId = 'd1'";
    EXPECT_EQ(query("SELECT * FROM devices WHERE " + condition).error(), "ArgumentInvalid");
    EXPECT_EQ(call("PUT", at("/jobs/v2/j"), twin_job(condition)).error(), "ArgumentInvalid");
    EXPECT_EQ(query("SELECT * FROM devices WHERE deviceId = 'd1'").status, 200);
}

TEST_F(StrictMode, KnowsTheServicesFunctionsOnly) {
    EXPECT_EQ(query("SELECT * FROM devices WHERE STARTSWITH(deviceId, 'd')").status, 200);
    EXPECT_EQ(query("SELECT * FROM devices WHERE ENDSWITH(deviceId, 'd')").error(), "ArgumentInvalid");
    ASSERT_EQ(call("PUT", at("/jobs/v2/j"), twin_job("LENGTH(deviceId) = 2")).status, 200);
    hub_.settle();
    const Answer job = call("GET", at("/jobs/v2/j"));
    EXPECT_EQ(member(job.body, "status"), "\"failed\"");
}

TEST_F(StrictMode, AnswersABurstAndThenLetsRequestsWait) {
    throttle_all(ThrottleClass::queries);  // 20 a minute: one every three seconds
    begin("POST", at("/devices/query"), R"({"query":"SELECT * FROM devices"})");
    hub_.settle();
    EXPECT_EQ(take().status, 0);
    hub_.advance(milliseconds(2900));
    EXPECT_EQ(take().status, 0);
    hub_.advance(milliseconds(200));
    EXPECT_EQ(take().status, 200);
}

TEST_F(StrictMode, RefusesWhatWouldWaitTooLongInTheServicesWords) {
    throttle_all(ThrottleClass::twin_reads);
    while (hub_->throttles().take(ThrottleClass::twin_reads, 1, clock_.now())) {
    }
    const Answer refused = call("GET", at("/twins/d1"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.error(), "ThrottlingException");
    EXPECT_TRUE(refused.contains("ErrorCode:ThrottlingException;The request has been throttled. "));
    EXPECT_TRUE(refused.contains(std::string(throttled_text) + "TwinRead\""));
    EXPECT_FALSE(refused.has("retry-after"));
    // Another class has its own measure, and time heals.
    EXPECT_EQ(create("d1").status, 200);
    hub_.advance(milliseconds(20'000));
    EXPECT_EQ(call("GET", at("/twins/d1")).status, 200);
}

TEST_F(StrictMode, CountsEveryEntryOfABulkRequest) {
    std::string entries = "[";
    for (int i = 0; i < 100; ++i) {
        entries += (i == 0 ? "" : ",") + std::string(R"({"id":"d)") + std::to_string(i) +
                   R"(","importMode":"create"})";
    }
    entries += "]";
    EXPECT_EQ(call("POST", at("/devices"), entries).status, 200);  // a minute's worth
    const Answer refused = call("POST", at("/devices"), entries);
    EXPECT_EQ(refused.status, 0);  // it waits for its first
    hub_.advance(milliseconds(700));
    EXPECT_EQ(take().error(), "ThrottlingException");
}

TEST_F(StrictMode, MetersDirectMethodsByTheirPayload) {
    create("d1");
    const std::string payload(8 * 4096 - 2, 'x');
    const std::string body = R"({"methodName":"m","payload":")" + payload + "\"}";
    EXPECT_EQ(call("POST", at("/twins/d1/methods"), body).error(), "DeviceNotOnline");
    EXPECT_EQ(hub_->throttles().take_some(ThrottleClass::methods, 1000, clock_.now()), 400U - 8U);
}

TEST_F(StrictMode, HoldsOneActiveJobAndCancelsNoneThatRuns) {
    create("d1");
    const std::string method =
        R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},"queryCondition":"*"})";
    ASSERT_EQ(call("PUT", at("/jobs/v2/waits"), method).status, 200);
    hub_.settle();
    const Answer second = call("PUT", at("/jobs/v2/second"), method);
    EXPECT_EQ(second.status, 429);
    EXPECT_EQ(second.error(), "ThrottlingMaxActiveJobCountExceeded");
    const Answer running = call("POST", at("/jobs/v2/waits/cancel"));
    EXPECT_EQ(running.status, 405);
    EXPECT_EQ(running.error(), "OperationNotAllowedInCurrentState");
    EXPECT_TRUE(running.contains("Job cannot be cancelled in 'Running' status."));
}

TEST_F(StrictMode, LetsOurOwnRoutesGo) {
    for (std::size_t i = 1; i < throttle_classes; ++i) throttle_all(static_cast<ThrottleClass>(i));
    EXPECT_EQ(call("GET", at("/carillon/registry")).status, 200);
}

class UsualMode : public RestTest {};

TEST_F(UsualMode, ThrottlesNothing) {
    create("d1");
    for (int i = 0; i < 1200; ++i) ASSERT_EQ(call("GET", at("/twins/d1")).status, 200) << i;
    const char* query = R"q({"query":"SELECT * FROM devices WHERE ENDSWITH(deviceId, '1')"})q";
    EXPECT_EQ(call("POST", at("/devices/query"), query).status, 200);
}

}  // namespace
}  // namespace carillon::rest
