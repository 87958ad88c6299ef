#include "endpoint/rest/rollouts/device_report_text.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon::rest {
namespace {

DeviceReport report_of(const char* id) {
    DeviceReport report;
    report.device_id = id;
    return report;
}

DeviceReport failed_report() {
    DeviceReport report;
    report.device_id = R"(a,"b")";
    report.state = TargetState::failed;
    report.kind = FailureKind::rejected;
    report.error_code = "DeviceRejected";
    report.error_description = "no";
    report.status = 503;
    report.attempts = 2;
    report.wave = 1;
    report.begun = WallTime::from_unix_s(1'795'341'600);
    report.ended = WallTime::from_unix_s(1'795'341'601);
    return report;
}

TEST(DeviceReportText, QuotesWhatWouldEndACell) {
    std::string line;
    append_report_csv(line, failed_report());
    EXPECT_TRUE(line.starts_with(R"("a,""b""",,failed,rejected,503,2,1,2026-11-22T10:00:00)")) << line;
    EXPECT_TRUE(line.ends_with("\r\n"));
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 9) << "nine columns, and one in the id";
    line.clear();
    append_report_csv(line, report_of("d"));
    EXPECT_EQ(line, "d,,pending,,,0,,,\r\n");
}

TEST(DeviceReportText, LeavesOutOfJsonWhatIsNotThere) {
    std::string line;
    append_report_json(line, report_of("d"));
    EXPECT_EQ(line, R"({"deviceId":"d","state":"pending","attempts":0})");
    line.clear();
    append_report_json(line, failed_report());
    EXPECT_NE(line.find(R"("state":"failed","reason":"rejected","status":503,"attempts":2,"wave":1)"),
              std::string::npos)
        << line;
    EXPECT_NE(line.find(R"("error":{"code":"DeviceRejected","description":"no"})"), std::string::npos)
        << line;
    auto skipped = report_of("d");
    skipped.state = TargetState::canceled;
    skipped.canceled = CancelReason::skipped;
    EXPECT_EQ(report_reason(skipped), "skipped");
}

}  // namespace
}  // namespace carillon::rest
