// Budgets over all jobs of a hub. Cases of docs/rollout-reference.md.

#include "core/jobs/budgets/job_budgets.hpp"

#include "core/jobs/approvals/approval_rule.hpp"
#include "core/testing/rollout_bench.hpp"

#include <cstdlib>
#include <map>
#include <set>

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

// --- numbers above 0 -----------------------------------------------------------------------------

constexpr auto short_step = milliseconds(20);

/// Devices `d00000` and so on with a site each, and what of them is at work.
struct CountingBudgets : Budgets {
    void add_sites(int sites, int of_each) {
        for (int i = 0; i < sites * of_each; ++i) {
            const auto id = fmt::format("d{:05}", i);
            bench.hub->add_device(id);
            set_site(id, site_of(i, sites));
        }
        sites_made = sites;
    }
    void set_site(const std::string& id, int site) {
        const auto key = *IdentityKey::parse(id);
        const auto text = fmt::format(R"({{"tags":{{"site":"s{}"}}}})", site);
        const auto body = JsonDocument::parse(text);
        auto patch = TwinPatch::parse(body->root(), key);
        CARILLON_ASSERT(patch);
        auto writing =
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        CARILLON_ASSERT(bench.hub->run(std::move(writing)));
    }
    static int site_of(int device, int sites) { return device % sites; }
    void connect(int count, std::function<RolloutBench::Manner(int)> manner) {
        bench.connect_all(count, std::move(manner));
    }
    /// Looks at each moment how many devices are in flight, in all and of one site.
    void pass(milliseconds time, milliseconds step = short_step) {
        for (milliseconds gone{}; gone < time; gone += step) {
            bench.pass(step, step);
            std::map<int, int> of_site;
            int all = 0;
            for (const auto& [id, count] : bench.at_work) {
                all += count > 0 ? 1 : 0;
                if (sites_made > 0)
                    of_site[site_of(std::stoi(id.substr(1)), sites_made)] += count > 0 ? 1 : 0;
            }
            most = std::max(most, all);
            for (const auto& [site, count] : of_site) most_of_site = std::max(most_of_site, count);
        }
    }
    std::uint64_t at_risk(std::size_t budget = 0) {
        return bench.hub->run((*bench.hub)->jobs().budgets()).at(budget).at_risk;
    }
    int sites_made = 0;
    int most = 0;
    int most_of_site = 0;
};

TEST_F(CountingBudgets, G11_1NeverMoreThanAShareNorMoreThanANumberOfEachSite) {
    add_sites(10, 100);
    connect(1000, [](int i) { return RolloutBench::Manner{milliseconds(100 + i % 7 * 40), 200}; });
    ASSERT_TRUE(put("all", R"({"max":"2%"})"));
    ASSERT_TRUE(put("site", R"({"max":5,"per":"tags.site"})"));
    ASSERT_TRUE(bench.create("stock", method_body("*", 3600)));
    ASSERT_TRUE(bench.create("paced", rollout_body(R"({"order":{"spread":["tags.site"]},"seed":3})")));
    pass(seconds(60));
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    EXPECT_EQ(bench.status("paced"), JobStatus::completed);
    EXPECT_EQ(bench.counts("stock").succeeded, 1000U);
    EXPECT_EQ(bench.counts("paced").succeeded, 1000U);
    EXPECT_LE(most, 20);
    EXPECT_GE(most, 15) << "the budget is used";
    EXPECT_LE(most_of_site, 5);
    EXPECT_EQ(at_risk(0), 0U);
    EXPECT_EQ(at_risk(1), 0U);
}

TEST_F(CountingBudgets, G11_2DevicesThatFailedCountUntilTheyAreBackAndADayAtMost) {
    add_sites(1, 60);
    connect(60, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    ASSERT_TRUE(put("b", R"({"max":20})"));
    ASSERT_TRUE(bench.create("m", rollout_body(R"({"deadline":"10d"})")));
    bench.pass(seconds(1), short_step);
    ASSERT_EQ(bench.begins.size(), 20U);
    std::set<std::string> lost;
    for (const auto& begin : bench.begins) lost.insert(begin.device);
    for (int i = 0; i < 60; ++i) {
        const auto id = fmt::format("d{:05}", i);
        // Twenty lose their connections instead of answering, and the others would answer.
        if (lost.contains(id)) {
            bench.disconnect(id);
        } else {
            bench.answer_as(id, {milliseconds(50), 200});
        }
    }
    bench.pass(seconds(40), seconds(1));
    EXPECT_EQ(bench.counts("m").failed, 20U);
    EXPECT_EQ(at_risk(), 20U);
    bench.pass(std::chrono::hours(23), minutes(1));
    EXPECT_EQ(bench.begins.size(), 20U) << "nothing begins while they are away";
    EXPECT_EQ(bench.progress("m").held.budget, 40U);
    // One comes back, and another device has its place.
    bench.answer_as(*lost.begin(), {milliseconds(50), 200});
    bench.pass(seconds(3), short_step);
    EXPECT_GT(bench.begins.size(), 20U);
    bench.pass(seconds(10), short_step);
    EXPECT_EQ(bench.counts("m").succeeded, 40U) << "one after the other in its place";
    bench.pass(std::chrono::hours(2), minutes(1));
    EXPECT_EQ(at_risk(), 0U) << "a day is the most";
    EXPECT_EQ(bench.counts("m").failed, 20U);
}

TEST_F(CountingBudgets, G11_3WhatIsAtRiskIsStillSoAfterACrash) {
    add_sites(1, 60);
    connect(60, [](int i) { return RolloutBench::Manner{milliseconds(i < 10 ? -1 : 60'000), 200}; });
    ASSERT_TRUE(put("b", R"({"max":20,"soak":"1h"})"));
    ASSERT_TRUE(bench.create("stock", method_body("*", 3600)));
    bench.pass(seconds(1), short_step);
    ASSERT_EQ(bench.begins.size(), 20U);
    EXPECT_EQ(at_risk(), 20U);
    bench.crash();
    bench.pass(seconds(5), short_step);
    EXPECT_EQ(at_risk(), 20U) << "nobody is back";
    connect(60, [](int) { return RolloutBench::Manner{milliseconds(50), 200}; });
    bench.pass(minutes(30), seconds(1));
    EXPECT_EQ(bench.begins.size(), 20U) << "none more begins";
    bench.crash();
    connect(60, [](int) { return RolloutBench::Manner{milliseconds(50), 200}; });
    bench.pass(minutes(20), seconds(1));
    EXPECT_EQ(at_risk(), 20U);
    EXPECT_EQ(bench.begins.size(), 20U);
}

TEST_F(CountingBudgets, SoakCountsAfterSuccess) {
    add_sites(1, 10);
    connect(10, [](int) { return RolloutBench::Manner{milliseconds(10), 200}; });
    ASSERT_TRUE(put("b", R"({"max":2,"soak":"60s"})"));
    ASSERT_TRUE(bench.create("m", method_body("*", 3600)));
    bench.pass(seconds(30), short_step);
    EXPECT_EQ(bench.counts("m").succeeded, 2U);
    bench.pass(seconds(240), short_step);
    EXPECT_EQ(bench.counts("m").succeeded, 10U);
}

TEST_F(CountingBudgets, TwinJobsWithoutARolloutAndConfirmingOnesAreHeld) {
    add_sites(2, 20);
    ASSERT_TRUE(put("b", R"({"max":3,"per":"tags.site","soak":"10s"})"));
    ASSERT_TRUE(bench.create("stock", twin_body("*")));
    bench.pass(seconds(1), short_step);
    EXPECT_LE(bench.counts("stock").succeeded, 6U);
    EXPECT_GE(bench.counts("stock").succeeded, 3U);
    bench.pass(minutes(4), budget_step);
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    ASSERT_TRUE(bench.create(
        "c",
        twin_rollout_body(R"({"confirm":{"by":"reported","within":"30s"},"offline":{"then":"write"}})")));
    bench.pass(seconds(1), short_step);
    EXPECT_EQ(bench.counts("c").running, 6U);
    EXPECT_EQ(bench.progress("c").held.budget, 34U);
}

TEST_F(CountingBudgets, APutCountsWhatIsAtWorkAndADeleteLetsAllGo) {
    add_sites(1, 100);
    connect(100, [](int i) { return RolloutBench::Manner{milliseconds(i < 50 ? 20'000 : 50), 200}; });
    ASSERT_TRUE(bench.create("m", rollout_body(R"({"pace":{"rate":"10/s"}})")));
    bench.pass(seconds(3), short_step);
    const auto begun = bench.begins.size();
    ASSERT_GT(begun, 20U);
    ASSERT_TRUE(put("b", R"({"max":10})"));
    EXPECT_GE(at_risk(), begun - 1);
    bench.pass(seconds(10), short_step);
    EXPECT_EQ(bench.begins.size(), begun) << "more is at work than the budget lets";
    ASSERT_TRUE(remove("b"));
    bench.pass(seconds(60), short_step);
    EXPECT_EQ(bench.counts("m").succeeded, 100U);
}

TEST_F(CountingBudgets, DevicesThatMatchNoConditionAreFree) {
    add_sites(2, 10);
    connect(20, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    ASSERT_TRUE(put("b", R"({"max":0,"devices":"tags.site = 's1'"})"));
    EXPECT_EQ(put("c", R"({"max":1,"devices":"tags.site ="})").error().detail.substr(0, 15),
              "budget.devices:");
    ASSERT_TRUE(bench.create("m", rollout_body("{}")));
    bench.pass(seconds(5), short_step);
    EXPECT_EQ(bench.begins.size(), 10U);
    for (const auto& begin : bench.begins) EXPECT_EQ(site_of(std::stoi(begin.device.substr(1)), 2), 0);
    EXPECT_EQ(bench.progress("m").held.budget, 10U);
}

TEST(BudgetLedger, ValuesBeyondTheMostShareAGroup) {
    auto set = std::make_shared<BudgetSet>();
    auto budget = JobBudget::parse("b", R"({"max":1,"per":"tags.x"})");
    set->items.push_back({*budget, query::parse_job_condition("*").value()});
    BudgetLedger ledger(1, [](std::uint32_t) {});
    const auto epoch = ledger.renew(set);
    ledger.told(epoch, 0);
    for (std::size_t i = 0; i < BudgetLedger::groups_max; ++i) {
        ASSERT_EQ(ledger.group(epoch, 0, std::to_string(i)), i);
    }
    const auto rest = ledger.group(epoch, 0, "one more");
    EXPECT_EQ(ledger.group(epoch, 0, "and another"), rest);
    EXPECT_EQ(ledger.group(epoch, 0, "7"), 7U);
    EXPECT_FALSE(ledger.take(epoch, {{0, rest}}, {1, 0}, {}));
    EXPECT_TRUE(ledger.take(epoch, {{0, rest}}, {1, 0}, {}));
}

TEST(BudgetLedger, JobsThatWaitAreServedInTurn) {
    auto set = std::make_shared<BudgetSet>();
    set->items.push_back({*JobBudget::parse("b", R"({"max":1})"), query::parse_job_condition("*").value()});
    int calls = 0;
    BudgetLedger ledger(1, [&](std::uint32_t) { ++calls; });
    const auto epoch = ledger.renew(set);
    ledger.told(epoch, 0);
    const BudgetTokens one{{0, ledger.group(epoch, 0, "")}};
    TimePoint now{};
    EXPECT_FALSE(ledger.take(epoch, one, {1, 0}, now));
    EXPECT_TRUE(ledger.take(epoch, one, {2, 0}, now));
    EXPECT_TRUE(ledger.take(epoch, one, {3, 0}, now));
    calls = 0;
    ledger.give_back(epoch, one, now);
    EXPECT_EQ(calls, 1) << "the first in the line";
    EXPECT_TRUE(ledger.take(epoch, one, {3, 0}, now)) << "it is not its turn";
    EXPECT_EQ(ledger.free(epoch, one[0], {3, 0}, now), 0U);
    EXPECT_FALSE(ledger.take(epoch, one, {2, 0}, now));
    ledger.give_back(epoch, one, now);
    // Who was called and does not come loses its turn.
    now += BudgetLedger::turn_max + std::chrono::milliseconds(1);
    EXPECT_FALSE(ledger.take(epoch, one, {4, 0}, now));
    EXPECT_TRUE(ledger.take(epoch - 1, one, {4, 0}, now)) << "the budgets have changed since";
}

TEST_F(CountingBudgets, G11_2TwoBudgetsInOppositeOrderAlwaysComplete) {
    // 10,000 with CARILLON_SEEDS=10000.
    const char* wanted = std::getenv("CARILLON_SEEDS");
    const auto seeds = wanted != nullptr ? std::stoull(wanted) : 100;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        SeededRandom random{seed};
        auto set = std::make_shared<BudgetSet>();
        for (int i = 0; i < 2; ++i) {
            JobBudget budget;
            budget.name = std::to_string(i);
            budget.per = "tags.x";
            budget.max = RolloutAmount{1 + static_cast<std::uint32_t>(random.u64() % 3), std::nullopt};
            set->items.push_back({budget, query::parse_job_condition("*").value()});
        }
        std::vector<BudgetLedger::Who> called;
        BudgetLedger ledger(1, [](std::uint32_t) {});
        const auto epoch = ledger.renew(set);
        ledger.told(epoch, 0);
        // Two jobs, each with devices of one group in the one budget and another in the other.
        struct Device {
            int job;
            BudgetTokens tokens;
            int left;
        };
        std::vector<Device> waiting;
        std::vector<Device> working;
        for (int i = 0; i < 20; ++i) {
            const auto a = ledger.group(epoch, 0, std::to_string(random.u64() % 2));
            const auto b = ledger.group(epoch, 1, std::to_string(random.u64() % 2));
            BudgetTokens tokens{{0, a}, {1, b}};
            if (i % 2 == 1) std::swap(tokens[0], tokens[1]);
            waiting.push_back({i % 2, tokens, 1 + static_cast<int>(random.u64() % 4)});
        }
        TimePoint now{};
        int turns = 0;
        for (; turns < 10'000 && (!waiting.empty() || !working.empty()); ++turns) {
            now += milliseconds(100);
            for (std::size_t i = working.size(); i-- > 0;) {
                if (--working[i].left > 0) continue;
                ledger.give_back(epoch, working[i].tokens, now);
                working.erase(working.begin() + static_cast<std::ptrdiff_t>(i));
            }
            if (waiting.empty()) continue;
            const auto at = random.u64() % waiting.size();
            const BudgetLedger::Who who{static_cast<std::uint64_t>(waiting[at].job + 1), 0};
            if (ledger.take(epoch, waiting[at].tokens, who, now)) continue;
            working.push_back(waiting[at]);
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
            for (std::size_t b = 0; b < 2; ++b) {
                std::map<std::uint32_t, std::uint32_t> of;
                for (const auto& device : working) {
                    for (const auto& token : device.tokens) of[token.group] += token.budget == b ? 1 : 0;
                }
                for (const auto& [group, count] : of)
                    ASSERT_LE(count, set->items[b].budget.max->count) << seed;
            }
        }
        ASSERT_LT(turns, 10'000) << "seed " << seed;
    }
}

TEST(JobBudgetText, NamesWhatIsWrongWithIt) {
    EXPECT_EQ(error_of_budget(R"({"max":0,"jobs":"twins"})"), "accepted");
    EXPECT_EQ(error_of_budget("{}"), "budget.max: is needed");
    EXPECT_EQ(error_of_budget(R"({"max":"2%","per":"tags.site","devices":"tags.x = 1","soak":"10m"})"),
              "accepted");
    EXPECT_EQ(error_of_budget(R"({"max":-1})"),
              "budget.max: must be a number from 1 to 10000000 or a share such as \"2.5%\", is -1");
    EXPECT_EQ(error_of_budget(R"({"max":1,"per":"site"})"),
              "budget.per: must be a path such as \"tags.site\", is \"site\"");
    EXPECT_EQ(error_of_budget(R"({"max":0,"job":"all"})"), "budget.job: unknown member, nearest is jobs");
    EXPECT_EQ(error_of_budget(R"({"max":0,"jobs":"some"})"),
              R"(budget.jobs: must be one of all, methods, twins, is "some")");
    EXPECT_EQ(error_of_budget(R"({"max":0})", "no name").substr(0, 13), "A budget's na");
}

}  // namespace
}  // namespace carillon
