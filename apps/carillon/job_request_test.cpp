#include "job_request.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

const WallTime now = parse_iso8601("2026-11-24T10:00:00Z").value_or(WallTime{});

std::string body_of(const JobOrder& order) {
    auto body = job_request_json(order, now);
    return body ? *body : "error: " + body.error().detail;
}

JobOrder method_order() {
    JobOrder order;
    order.id = "j1";
    order.method_name = "lockDoor";
    order.condition = "*";
    return order;
}

TEST(JobRequest, AMethodsNameMakesAMethodJob) {
    EXPECT_EQ(body_of(method_order()),
              R"({"jobId":"j1","type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"lockDoor",)"
              R"("payload":null},"queryCondition":"*"})");
}

TEST(JobRequest, CarriesTimeoutsPayloadStartAndTtl) {
    auto order = method_order();
    order.type = "scheduledevicemethod";
    order.method_payload = R"({"force":true})";
    order.response_timeout_s = 45;
    order.connect_timeout_s = 10;
    order.start = "+15m";
    order.execution_time_max_s = 600;
    EXPECT_EQ(body_of(order),
              R"({"jobId":"j1","type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"lockDoor",)"
              R"("payload":{"force":true},"responseTimeoutInSeconds":45,"connectTimeoutInSeconds":10},)"
              R"("queryCondition":"*","startTime":"2026-11-24T10:15:00Z","maxExecutionTimeInSeconds":600})");
}

TEST(JobRequest, APatchMakesATwinJobThatIsUnconditional) {
    JobOrder order;
    order.id = "j2";
    order.twin_patch = R"({"etag":"AAAA","tags":{"a":1}})";
    order.devices = {"d1", "d'2"};
    EXPECT_EQ(body_of(order),
              R"({"jobId":"j2","type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},)"
              R"("queryCondition":"deviceId IN ['d1','d\\'2']"})");
}

TEST(JobRequest, SaysWhatMisses) {
    auto order = method_order();
    order.condition.clear();
    EXPECT_NE(body_of(order).find("which devices?"), std::string::npos);
    order.condition = "*";
    order.method_name.clear();
    EXPECT_NE(body_of(order).find("--method-name or --twin-patch"), std::string::npos);
    order.type = "scheduleUpdateTwin";
    EXPECT_NE(body_of(order).find("needs --twin-patch"), std::string::npos);
}

TEST(JobRequest, RefusesContradictions) {
    auto order = method_order();
    order.devices = {"d1"};
    EXPECT_NE(body_of(order).find("exclude"), std::string::npos);
    order = method_order();
    order.twin_patch = "{}";
    EXPECT_NE(body_of(order).find("exclude"), std::string::npos);
    order = method_order();
    order.type = "reboot";
    EXPECT_NE(body_of(order).find("not `reboot`"), std::string::npos);
}

TEST(StartTime, IsRelativeOrIso) {
    EXPECT_EQ(start_time_text("+90s", now).value_or("?"), "2026-11-24T10:01:30Z");
    EXPECT_EQ(start_time_text("+1d", now).value_or("?"), "2026-11-25T10:00:00Z");
    EXPECT_EQ(start_time_text("2026-12-24T18:00:00+01:00", now).value_or("?"), "2026-12-24T17:00:00Z");
}

TEST(StartTime, RefusesTheRest) {
    for (const char* text : {"", "+", "+s", "+1", "+1w", "+-1s", "tomorrow", "+99999999s"}) {
        EXPECT_FALSE(start_time_text(text, now)) << text;
    }
}

}  // namespace
}  // namespace carillon
