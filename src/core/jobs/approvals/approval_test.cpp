// Approval of jobs before they begin. Cases of docs/rollout-reference.md.

#include "core/jobs/approvals/approval_rule.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Approval : ::testing::Test {
    void put_rule(std::string_view name, std::string_view text) {
        auto rule = ApprovalRule::parse(name, text);
        ASSERT_TRUE(rule) << rule.error().detail;
        ASSERT_TRUE(bench.hub->run((*bench.hub)->jobs().put_approval_rule(*std::move(rule))));
    }
    /// As by the policy `service`.
    Result<JobSnapshot> order(const std::string& id, std::string_view body) {
        auto definition = parse_job(id, body, bench.clock.wall_now());
        CARILLON_ASSERT(definition);
        definition->creator.policy = "service";
        return bench.hub->run((*bench.hub)->jobs().create(*std::move(definition)));
    }
    Result<> decide(const std::string& id, const std::string& policy, const std::string& hash,
                    bool is_approval = true) {
        return bench.hub->run((*bench.hub)->jobs().decide(id, is_approval, hash, {policy, ""}, "CHG-7"));
    }
    const JobApproval& asked(const std::string& id) {
        shown = bench.progress(id).approval;
        CARILLON_ASSERT(shown);
        return *shown;
    }
    std::string history(const std::string& id) {
        std::string all;
        const auto lines = bench.hub->run((*bench.hub)->jobs().history(id, 0));
        for (const auto& line : *lines) all += line + "\n";
        return all;
    }
    RolloutBench bench;
    std::shared_ptr<const JobApproval> shown;
};

constexpr std::string_view above_ten = R"({"when":{"devicesAbove":10}})";

TEST_F(Approval, G12_1AJobOverMoreDevicesThanTheRuleSaysWaitsForAnotherPolicy) {
    bench.add(11);
    bench.connect_all(11, [](int) { return RolloutBench::Manner{}; });
    put_rule("large", above_ten);
    // A stock SDK's job, without a rollout.
    ASSERT_TRUE(order("stock", method_body("*")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("stock"), JobStatus::scheduled);
    EXPECT_TRUE(bench.begins.empty());
    const auto hash = asked("stock").hash;
    EXPECT_EQ(asked("stock").missing(), 1U);

    EXPECT_EQ(decide("stock", "service", hash).error().code, Errc::iot_hub_unauthorized_access);
    EXPECT_EQ(decide("stock", "SERVICE", hash).error().code, Errc::iot_hub_unauthorized_access);
    EXPECT_EQ(decide("stock", "release", std::string(64, '0')).error().code, Errc::precondition_failed);
    bench.pass(seconds(1));
    EXPECT_TRUE(bench.begins.empty());
    ASSERT_TRUE(decide("stock", "release", hash));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    EXPECT_EQ(bench.counts("stock").succeeded, 11U);
    EXPECT_EQ(decide("stock", "release", hash).error().code, Errc::operation_not_allowed_in_current_state);

    ASSERT_TRUE(order("small", method_body("deviceId != 'd00000'")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("small"), JobStatus::completed) << "ten devices are not more than ten";
}

TEST_F(Approval, G12_2ItNeedsAsManyPoliciesAsTheRuleSays) {
    bench.add(11);
    bench.connect_all(11, [](int) { return RolloutBench::Manner{}; });
    put_rule("two", R"({"when":{"devicesAbove":10},"approvals":2,"by":["release","safety","service"]})");
    ASSERT_TRUE(order("j", rollout_body("{}")));
    const auto hash = asked("j").hash;
    ASSERT_TRUE(decide("j", "release", hash));
    ASSERT_TRUE(decide("j", "release", hash)) << "the same policy twice is one";
    EXPECT_EQ(asked("j").missing(), 1U);
    EXPECT_EQ(decide("j", "other", hash).error().code, Errc::iot_hub_unauthorized_access);
    bench.pass(seconds(1));
    EXPECT_TRUE(bench.begins.empty());
    ASSERT_TRUE(decide("j", "safety", hash));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    const auto log = history("j");
    EXPECT_NE(log.find(R"("event":"approved","by":"release")"), log.npos) << log;
    EXPECT_NE(log.find(R"("event":"approved","by":"safety")"), log.npos) << log;
}

TEST_F(Approval, G12_2AJobThatIsDeniedOrThatNobodyApprovesIsCancelled) {
    bench.add(11);
    put_rule("large", above_ten);
    ASSERT_TRUE(order("denied", rollout_body("{}")));
    ASSERT_TRUE(order("late", rollout_body(R"({"deadline":"10m"})")));
    ASSERT_TRUE(order("plain", method_body("*", 600)));
    ASSERT_TRUE(decide("denied", "release", asked("denied").hash, false));
    EXPECT_EQ(bench.status("denied"), JobStatus::cancelled);
    const auto log = history("denied");
    EXPECT_NE(log.find(R"("event":"denied","by":"release")"), log.npos) << log;
    EXPECT_NE(log.find(R"("why":"CHG-7")"), log.npos) << log;
    bench.pass(minutes(9), seconds(1));
    EXPECT_EQ(bench.status("late"), JobStatus::scheduled);
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.status("late"), JobStatus::cancelled);
    EXPECT_EQ(bench.status("plain"), JobStatus::cancelled);
    EXPECT_TRUE(bench.begins.empty());
    EXPECT_NE(history("late").find("before its deadline"), std::string::npos);
}

TEST_F(Approval, AChangeOfTheRolloutOrOfTheDevicesVoidsWhatWasApproved) {
    bench.add(11);
    put_rule("two", R"({"when":{},"approvals":2})");
    ASSERT_TRUE(order("j", rollout_body("{}")));
    const auto hash = asked("j").hash;
    ASSERT_TRUE(decide("j", "release", hash));
    EXPECT_EQ(asked("j").missing(), 1U);
    bench.restart();
    EXPECT_EQ(asked("j").hash, hash);
    EXPECT_EQ(asked("j").missing(), 1U) << "over a restart it counts as all is as it was";
    ASSERT_TRUE(bench.change("j", R"({"pace":{"rate":"1/s"}})"));
    EXPECT_NE(asked("j").hash, hash);
    EXPECT_EQ(asked("j").missing(), 2U);
    EXPECT_EQ(decide("j", "safety", hash).error().code, Errc::precondition_failed);
    ASSERT_TRUE(decide("j", "safety", asked("j").hash));
    bench.add(1, "e");
    bench.restart();
    EXPECT_EQ(asked("j").missing(), 2U) << "there is another device";
    ASSERT_TRUE(decide("j", "safety", asked("j").hash));
    ASSERT_TRUE(decide("j", "release", asked("j").hash));
    EXPECT_EQ(bench.status("j"), JobStatus::running);
    EXPECT_EQ(bench.change("j", R"({"pace":{"rate":"9/s"}})").error().code,
              Errc::operation_not_allowed_in_current_state);
    EXPECT_TRUE(bench.pause("j")) << "what only holds it back is allowed";
}

TEST_F(Approval, AJobThatWaitsHoldsNoPlaceAndAJobFromBeforeTheFirstRuleIsNotHeld) {
    bench.limits.running_max = 1;
    bench.restart();
    bench.add(11);
    ASSERT_TRUE(order("before", twin_body("*", R"({"a":1})", 300, "2026-11-22T10:01:00Z")));
    put_rule("large", above_ten);
    ASSERT_TRUE(order("waits", twin_body("*")));
    ASSERT_TRUE(order("runs", twin_body("deviceId = 'd00001'")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("waits"), JobStatus::scheduled);
    EXPECT_EQ(bench.status("runs"), JobStatus::completed);
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.status("before"), JobStatus::completed);
    ASSERT_TRUE(bench.cancel("waits"));
    EXPECT_EQ(bench.status("waits"), JobStatus::cancelled);
    EXPECT_FALSE(bench.find("waits")->counts);
}

TEST_F(Approval, AStartThatCannotBeStoredAsksAgainForTheSame) {
    bench.add(11);
    put_rule("large", above_ten);
    ASSERT_TRUE(order("j", rollout_body("{}")));
    const auto hash = asked("j").hash;
    bench.store.fail_commits(2, 1);
    ASSERT_TRUE(decide("j", "release", hash));
    bench.pass(seconds(3), milliseconds(100));
    EXPECT_EQ(bench.status("j"), JobStatus::running) << "it was approved once, and nothing has changed";
}

TEST(ApprovalRule, HoldsWhereAllOfItHolds) {
    const auto matches = [](std::string_view rule, std::string_view body, std::uint64_t devices = 5) {
        const auto read = ApprovalRule::parse("r", rule);
        EXPECT_TRUE(read) << rule;
        return read && read->matches(*parse_job("j", body, ten_o_clock), devices);
    };
    const auto method = rollout_body("{}");  // `m`
    const auto twin = twin_rollout_body("{}");
    EXPECT_TRUE(matches(R"({"when":{}})", method));
    EXPECT_TRUE(matches(R"({"when":{"devicesAbove":4}})", method));
    EXPECT_FALSE(matches(R"({"when":{"devicesAbove":5}})", method));
    EXPECT_TRUE(matches(R"({"when":{"methods":["x","m*"]}})", method));
    EXPECT_FALSE(matches(R"({"when":{"methods":["x"]}})", method));
    EXPECT_FALSE(matches(R"({"when":{"methods":["*"]}})", twin));
    EXPECT_TRUE(matches(R"({"when":{"touches":["properties.desired.floor"]}})", twin));
    EXPECT_TRUE(matches(R"({"when":{"touches":["properties.desired"]}})", twin));
    EXPECT_FALSE(matches(R"({"when":{"touches":["tags"]}})", twin));
    EXPECT_FALSE(matches(R"({"when":{"touches":["tags"]}})", method));
    EXPECT_TRUE(matches(R"({"when":{"lacks":["waves","stop"]}})", method));
    EXPECT_TRUE(matches(R"({"when":{"lacks":["waves"]}})", method_body("*")));
    EXPECT_FALSE(matches(R"({"when":{"lacks":["waves"]}})", rollout_body(R"({"waves":[{"size":1}]})")));
    EXPECT_FALSE(matches(R"({"when":{"lacks":["stop"]}})", rollout_body(R"({"stop":[{"failed":1}]})")));
    EXPECT_FALSE(matches(R"({"when":{"devicesAbove":4,"methods":["x"]}})", method));
}

TEST(ApprovalRule, NamesWhatIsWrongWithIt) {
    const std::pair<const char*, const char*> rows[] = {
        {R"([])", "rule: "},
        {R"({})", "when: "},
        {R"({"whem":{}})", "whem: "},
        {R"({"when":{"above":1}})", "when.above: "},
        {R"({"when":{"devicesAbove":-1}})", "when.devicesAbove: "},
        {R"({"when":{"touches":[]}})", "when.touches: "},
        {R"({"when":{"touches":["a.b"]}})", "when.touches: "},
        {R"({"when":{"methods":[5]}})", "when.methods[0]: "},
        {R"({"when":{"lacks":["brakes"]}})", "when.lacks: "},
        {R"({"when":{},"approvals":4})", "approvals: "},
        {R"({"when":{},"by":"x"})", "by: "},
    };
    for (const auto& [text, begin] : rows) {
        const auto rule = ApprovalRule::parse("r", text);
        ASSERT_FALSE(rule) << text;
        EXPECT_TRUE(rule.error().detail.starts_with(begin)) << text << ": " << rule.error().detail;
    }
}

TEST(ApprovalRule, StarsStandForAnything) {
    for (const auto& [pattern, text] :
         {std::pair("*", ""), {"*", "abc"}, {"a*", "a"}, {"a*c", "abbc"}, {"*b*", "abc"}, {"a**c", "ac"}})
        EXPECT_TRUE(matches_pattern(pattern, text)) << pattern << ' ' << text;
    for (const auto& [pattern, text] :
         {std::pair("", "a"), {"a", ""}, {"a*c", "ab"}, {"*b", "abc"}, {"ab", "abc"}, {"a*b*c", "acb"}})
        EXPECT_FALSE(matches_pattern(pattern, text)) << pattern << ' ' << text;
}

}  // namespace
}  // namespace carillon
