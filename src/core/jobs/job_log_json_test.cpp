#include "core/jobs/job_log_json.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr WallTime logged_at = WallTime::from_unix_s(1'800'000'000);
const std::string head = R"({"id":"7-3","time":"2027-01-15T08:00:00Z",)";

std::string line(const JobLogEvent& event) {
    const std::string text = job_log_event_json(7, 3, event);
    EXPECT_EQ(text.substr(0, head.size()), head);
    return text.substr(head.size());
}

TEST(JobLogJson, TellsWhoDidWhatAndWhy) {
    DirectedEvent paused;
    paused.time = logged_at;
    paused.by = {"ops", "Ada"};
    paused.why = "door 43";
    paused.totals.ended = 12;
    EXPECT_EQ(line(paused),
              R"("event":"paused","by":"ops","says":"Ada","why":"door 43","ended":12,"failed":0})");
    DirectedEvent promoted = paused;
    promoted.what = DirectedEvent::promoted;
    promoted.wave = 2;
    promoted.why.clear();
    EXPECT_EQ(line(promoted),
              R"("event":"promoted","by":"ops","says":"Ada","wave":2,"ended":12,"failed":0})");
}

TEST(JobLogJson, TellsTheNumbersOfADecision) {
    WaveJudgedEvent failed;
    failed.time = logged_at;
    failed.what = WaveJudgedEvent::failed;
    failed.wave = 0;
    failed.size = 100;
    failed.counts = {92, 8, 0};
    failed.why = "waves[0]";
    EXPECT_EQ(
        line(failed),
        R"("event":"waveFailed","wave":0,"size":100,"succeeded":92,"failed":8,"canceled":0,"why":"waves[0]"})");
    RuleTrippedEvent rule;
    rule.time = logged_at;
    rule.rule = 1;
    rule.failed = 6;
    rule.ended = 100;
    EXPECT_EQ(line(rule), R"("event":"ruleTripped","rule":1,"failed":6,"ended":100})");
    VerdictEvent verdict;
    verdict.time = logged_at;
    verdict.succeeded = 980;
    verdict.devices = 990;
    EXPECT_EQ(line(verdict), R"("event":"verdict","verdict":"missed","succeeded":980,"devices":990})");
}

TEST(JobLogJson, TellsARolloutBeforeAndAfterAChange) {
    ChangedEvent changed;
    changed.time = logged_at;
    changed.by.policy = "ops";
    changed.before = "{}";
    changed.after = R"({"pace":{"rate":"1/s"}})";
    EXPECT_EQ(line(changed), R"("event":"changed","by":"ops","before":{},"after":{"pace":{"rate":"1/s"}}})");
}

}  // namespace
}  // namespace carillon
