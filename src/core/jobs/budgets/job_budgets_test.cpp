// Budgets of 0, which hold all jobs of a hub. Cases of docs/rollout-reference.md.

#include "core/jobs/budgets/job_budgets.hpp"

#include "core/jobs/approvals/approval_rule.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto budget_step = milliseconds(100);

std::string error_of_budget(std::string_view text, std::string_view name = "b") {
    const auto budget = JobBudget::parse(name, text);
    return budget ? "accepted" : budget.error().detail;
}

struct Budgets : ::testing::Test {
    Result<> put(const std::string& name, std::string_view text) {
        auto budget = JobBudget::parse(name, text);
        CARILLON_ASSERT(budget);
        return bench.hub->run((*bench.hub)->jobs().put_budget(*std::move(budget)));
    }
    bool remove(const std::string& name) {
        return bench.hub->run((*bench.hub)->jobs().remove_budget(name)).value();
    }
    RolloutBench bench;
};

TEST_F(Budgets, AFreezeHoldsStockJobsAndRolloutsUntilItEnds) {
    bench.add(200);
    bench.connect_all(200, [](int) { return RolloutBench::Manner{milliseconds(50), 200}; });
    ASSERT_TRUE(bench.create("paced", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    ASSERT_TRUE(
        bench.create("later", rollout_body(R"({"waves":[{"size":10,"gate":"manual"},{"size":"rest"}]})")));
    bench.pass(seconds(3), budget_step);
    ASSERT_TRUE(put("freeze", R"({"max":0})"));
    bench.pass(seconds(1), budget_step);
    const auto begun = bench.begins.size();
    const auto before = bench.counts("paced");
    EXPECT_EQ(before.running, 0U) << "what has begun ends";
    EXPECT_GT(before.pending, 100U);
    // A job of a stock client, and one of twins.
    ASSERT_TRUE(bench.create("stock", method_body("*", 3600)));
    ASSERT_TRUE(bench.create("twins", twin_body("*")));
    ASSERT_TRUE(bench.promote("later", 0));
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.begins.size(), begun);
    EXPECT_EQ(bench.counts("paced"), before);
    EXPECT_EQ(bench.status("stock"), JobStatus::running);
    EXPECT_EQ(bench.counts("stock").pending, 200U);
    EXPECT_EQ(bench.counts("twins").pending, 200U);
    EXPECT_EQ(bench.progress("paced").held.budget, before.pending);
    ASSERT_TRUE(remove("freeze"));
    EXPECT_FALSE(remove("freeze"));
    bench.pass(seconds(40), budget_step);
    for (const auto* job : {"paced", "later", "stock", "twins"}) {
        EXPECT_EQ(bench.status(job), JobStatus::completed) << job;
        EXPECT_EQ(bench.counts(job).succeeded, 200U) << job;
    }
    EXPECT_EQ(bench.begins.size(), 600U) << "each method once a device";
}

TEST_F(Budgets, ItMayHoldMethodsOrTwinsOnlyAndTheStrictestCounts) {
    bench.add(10);
    bench.connect_all(10, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("methods", R"({"max":0,"jobs":"methods"})"));
    ASSERT_TRUE(bench.create("m", method_body("*", 3600)));
    ASSERT_TRUE(bench.create("t", twin_rollout_body("{}")));
    bench.pass(seconds(5), budget_step);
    EXPECT_EQ(bench.counts("m").pending, 10U);
    EXPECT_EQ(bench.status("t"), JobStatus::completed);
    ASSERT_TRUE(put("all", R"({"max":0,"jobs":"all"})"));
    ASSERT_TRUE(remove("methods"));
    bench.pass(seconds(5), budget_step);
    EXPECT_EQ(bench.counts("m").pending, 10U) << "the other one holds it still";
    ASSERT_TRUE(put("all", R"({"max":0,"jobs":"twins"})"));
    bench.pass(seconds(5), budget_step);
    EXPECT_EQ(bench.status("m"), JobStatus::completed);
}

TEST_F(Budgets, G11_3ItStandsAfterARestart) {
    bench.add(20);
    ASSERT_TRUE(put("freeze", R"({"max":0})"));
    ASSERT_TRUE(bench.create("m", rollout_body("{}")));
    ASSERT_TRUE(bench.create("t", twin_body("*")));
    bench.crash();
    bench.connect_all(20, [](int) { return RolloutBench::Manner{}; });
    bench.pass(seconds(30), budget_step);
    EXPECT_TRUE(bench.begins.empty());
    EXPECT_EQ(bench.counts("t").pending, 20U);
    ASSERT_TRUE(bench.cancel("t")) << "it can be cancelled";
    bench.pass(seconds(3), budget_step);
    EXPECT_EQ(bench.status("t"), JobStatus::cancelled);
    ASSERT_TRUE(remove("freeze"));
    bench.pass(seconds(10), budget_step);
    EXPECT_EQ(bench.status("m"), JobStatus::completed);
    bench.crash();
    bench.pass(seconds(1), budget_step);
    EXPECT_TRUE(bench.hub->run((*bench.hub)->jobs().budgets()).empty());
}

TEST_F(Budgets, ItsEndBeginsNothingThatWaitsForAnApproval) {
    bench.add(5);
    bench.connect_all(5, [](int) { return RolloutBench::Manner{}; });
    auto rule = ApprovalRule::parse("rule", R"({"when":{}})");
    ASSERT_TRUE(rule);
    ASSERT_TRUE(bench.hub->run((*bench.hub)->jobs().put_approval_rule(*std::move(rule))));
    ASSERT_TRUE(bench.create("m", rollout_body("{}")));
    bench.pass(seconds(1), budget_step);
    ASSERT_TRUE(put("freeze", R"({"max":0})"));
    ASSERT_TRUE(remove("freeze"));
    bench.pass(seconds(5), budget_step);
    EXPECT_TRUE(bench.progress("m").approval);
    EXPECT_TRUE(bench.begins.empty());
}

TEST_F(Budgets, ADeadlineGoesOnMeanwhile) {
    bench.add(5);
    bench.connect_all(5, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(put("freeze", R"({"max":0})"));
    ASSERT_TRUE(bench.create("m", rollout_body(R"({"deadline":"60s"})")));
    bench.pass(seconds(61), budget_step);
    EXPECT_EQ(bench.status("m"), JobStatus::completed);
    EXPECT_EQ(bench.counts("m").failed, 5U);
    EXPECT_TRUE(bench.begins.empty());
}

TEST(JobBudgetText, NamesWhatIsWrongWithIt) {
    EXPECT_EQ(error_of_budget(R"({"max":0,"jobs":"twins"})"), "accepted");
    EXPECT_EQ(error_of_budget("{}"), "budget.max: is needed");
    EXPECT_EQ(error_of_budget(R"({"max":5})"),
              "budget.max: must be 0, which holds all of these jobs; no other number in this version, is 5");
    EXPECT_EQ(error_of_budget(R"({"max":0,"per":"tags.site"})"), "budget.per: not in this version");
    EXPECT_EQ(error_of_budget(R"({"max":0,"job":"all"})"), "budget.job: unknown member, nearest is jobs");
    EXPECT_EQ(error_of_budget(R"({"max":0,"jobs":"some"})"),
              R"(budget.jobs: must be one of all, methods, twins, is "some")");
    EXPECT_EQ(error_of_budget(R"({"max":0})", "no name").substr(0, 13), "A budget's na");
}

}  // namespace
}  // namespace carillon
