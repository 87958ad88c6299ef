// Plans, and jobs that carry them out. Cases of docs/rollout-reference.md.

#include "core/jobs/plans/job_plans.hpp"
#include "core/testing/rollout_bench.hpp"
#include "model/rollouts/plan_ref.hpp"
#include "model/rollouts/touched.hpp"

#include <algorithm>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view twin_document =
    R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","properties":{"desired":{"floor":3}}},)"
    R"("queryCondition":"tags.site = 'a'","rollout":{}})";

struct Plan : ::testing::Test {
    std::shared_ptr<const PlannedJob> find(const std::string& id) {
        return bench.hub->run((*bench.hub)->jobs().find_plan(id));
    }
    Result<std::string> begin(std::string_view document) {
        auto definition = parse_job("plan", document, bench.clock.wall_now());
        CARILLON_ASSERT(definition);
        definition->creator.policy = "service";
        return bench.hub->run((*bench.hub)->jobs().plan(*std::move(definition), std::string(document)));
    }
    std::shared_ptr<const PlannedJob> plan(std::string_view document) {
        const auto id = begin(document);
        CARILLON_ASSERT(id);
        bench.hub->settle();
        return find(*id);
    }
    /// The job that carries out the plan, as the endpoint makes it.
    Result<JobSnapshot> apply(const std::string& job, const PlannedJob& plan, std::string_view hash,
                              std::string_view drift = "1%") {
        const auto request = fmt::format(R"({{"rollout":{{"plan":{{"id":"{}","hash":"{}","drift":"{}"}}}}}})",
                                         plan.id, hash, drift);
        const auto document = JsonDocument::parse(plan.document);
        const auto changes = JsonDocument::parse(request);
        return bench.create(job, planned_request(document->root(), changes->root(), job));
    }
    void write(const std::string& id, std::string_view patch_text) {
        const auto json = JsonDocument::parse(patch_text);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(patch);
        auto writing =
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(bench.hub->run(std::move(writing)));
    }
    void set_site(int from, int to, std::string_view site) {
        for (int i = from; i < to; ++i)
            write(fmt::format("d{:05}", i), fmt::format(R"({{"tags":{{"site":"{}"}}}})", site));
    }
    std::string member(const PlannedJob& plan, std::string_view name, std::string_view inner) {
        const auto json = JsonDocument::parse(plan.answer);
        return std::string(json->root().find(name).find(inner).raw());
    }
    RolloutBench bench;
};

TEST_F(Plan, G9_1AJobWhoseDevicesAreOthersThanPlannedTouchesNone) {
    // A tenth of the case's devices, in the same proportions.
    bench.add(1010);
    set_site(0, 1000, "a");
    const auto planned = plan(twin_document);
    ASSERT_TRUE(planned->is_done);
    EXPECT_EQ(planned->counts.devices, 1000U);
    set_site(0, 6, "b");
    set_site(1000, 1005, "a");

    ASSERT_TRUE(apply("j", *planned, planned->hash));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::failed);
    EXPECT_EQ(bench.find("j")->failure_reason, "plan p-1: of 1000 devices 6 left and 5 came, 1% of them may");
    EXPECT_FALSE(bench.find("j")->counts) << "it has begun with none";
    EXPECT_EQ(bench.twin("d00500").desired.version(), 1);
    const auto log = bench.hub->run((*bench.hub)->jobs().history("j", 0));
    const auto said = std::count_if(log->begin(), log->end(), [](const std::string& line) {
        return line.find(R"("event":"planChecked")") != line.npos &&
               line.find(R"("planned":1000,"left":6,"came":5)") != line.npos;
    });
    EXPECT_EQ(said, 1);

    ASSERT_TRUE(apply("k", *planned, planned->hash, "2%"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("k"), JobStatus::completed);
    EXPECT_EQ(bench.counts("k").succeeded, 999U);
}

TEST_F(Plan, G9_2ItCountsWritesThatChangeNothingAndIsBoundToItsHash) {
    bench.add(1000);
    set_site(0, 1000, "a");
    for (int i = 0; i < 400; ++i)
        write(fmt::format("d{:05}", i), R"({"properties":{"desired":{"floor":3,"other":1}}})");
    const auto planned = plan(twin_document);
    EXPECT_EQ(member(*planned, "effect", "noOps"), "400");
    EXPECT_EQ(member(*planned, "effect", "changes"), "600");
    EXPECT_EQ(member(*planned, "targets", "count"), "1000");
    EXPECT_EQ(member(*planned, "targets", "offline"), "1000");

    const auto refused = apply("j", *planned, std::string(64, '0'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_TRUE(refused.error().detail.starts_with("rollout.plan.hash: ")) << refused.error().detail;
    ASSERT_TRUE(apply("j", *planned, planned->hash));

    const auto again = plan(twin_document);
    EXPECT_EQ(again->hash, planned->hash) << "the same document over the same devices";
    set_site(5, 6, "b");
    EXPECT_NE(plan(twin_document)->hash, planned->hash);
}

TEST_F(Plan, ItSaysWhatIsThereWhatCollidesAndHowLongItTakesAtLeast) {
    bench.add(20);
    bench.connect_all(5, [](int) { return RolloutBench::Manner{milliseconds(-1), 200}; });
    const std::string body =
        rollout_body(R"({"seed":7,"pace":{"rate":"1/s"},"waves":[{"size":4,"soak":"1h","gate":"manual"}]})");
    ASSERT_TRUE(bench.create("runs", body));
    const auto planned = plan(body);
    EXPECT_EQ(member(*planned, "targets", "online"), "5");
    EXPECT_EQ(member(*planned, "targets", "offline"), "15");
    EXPECT_EQ(member(*planned, "estimate", "secondsAtLeast"), "3620");
    EXPECT_EQ(member(*planned, "estimate", "fits"), "true");
    EXPECT_NE(planned->answer.find(R"("collisions":[{"job":"runs","key":"method:m","devices":20}])"),
              std::string::npos)
        << planned->answer;
    EXPECT_NE(planned->answer.find(R"("waves":[{"n":0,"size":4,"opensEarliest":"2026-11-22T10:00:00)"),
              std::string::npos)
        << planned->answer;
    EXPECT_NE(planned->answer.find(R"({"n":1,"size":16,"opensEarliest":"2026-11-22T11:00:04)"),
              std::string::npos)
        << planned->answer;
    const auto other = plan(rollout_body("{}", "deviceId = 'd00001'"));
    EXPECT_EQ(member(*other, "targets", "count"), "1");
}

TEST_F(Plan, ItStoresNothingOfTheDevicesAndKeepsWhatItSaysOverARestart) {
    bench.add(100);
    set_site(0, 100, "a");
    const auto events = bench.store.size(Table::job_events);
    const auto planned = plan(twin_document);
    EXPECT_EQ(bench.store.size(Table::job_events), events);
    set_site(0, 1, "b");
    bench.restart();
    const auto kept = find(planned->id);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->answer, planned->answer);
    ASSERT_TRUE(apply("j", *kept, kept->hash));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 99U) << "one of a hundred left";
}

TEST_F(Plan, NobodySeesItBeforeItIsOnDisk) {
    bench.hub->add_device("a");
    auto definition = parse_job("plan", twin_document, bench.clock.wall_now());
    ASSERT_TRUE(definition);
    const auto begun =
        bench.hub->begin((*bench.hub)->jobs().plan(*std::move(definition), std::string(twin_document)));
    std::size_t on_disk = 0;
    bool is_shown = false;
    do {
        bench.hub->poll();
        const auto look = bench.hub->begin((*bench.hub)->jobs().find_plan("p-1"));
        bench.hub->poll();
        is_shown = look->has_value() && **look && (**look)->is_done;
        EXPECT_TRUE(bench.store.scan(Table::jobs, job_plans_from, job_plans_to, [&on_disk](auto, auto) {
            ++on_disk;
            return true;
        }));
    } while (!is_shown && bench.hub->storage().step());
    EXPECT_TRUE(is_shown);
    EXPECT_EQ(on_disk, 1U);
}

TEST_F(Plan, ItIsForgottenAfterADayUnlessAJobThatHasNotEndedCarriesItOut) {
    bench.add(10);
    set_site(0, 10, "a");
    const auto planned = plan(twin_document);
    const auto other = plan(twin_document);
    ASSERT_TRUE(bench.create(
        "late",
        fmt::format(
            R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":{{"floor":3}}}}}},)"
            R"("queryCondition":"tags.site = 'a'","startTime":"2026-11-24T10:00:00Z",)"
            R"("rollout":{{"plan":{{"id":"{}","hash":"{}"}}}}}})",
            planned->id, planned->hash)));
    const auto removed = bench.hub->run((*bench.hub)->jobs().remove_plan(planned->id));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Errc::operation_not_allowed_in_current_state);
    bench.clock.advance(hours(25));
    EXPECT_FALSE(find(other->id));
    ASSERT_TRUE(find(planned->id));
    bench.restart();
    EXPECT_FALSE(find(other->id));
    bench.pass(hours(24), std::chrono::minutes(1));
    EXPECT_EQ(bench.status("late"), JobStatus::completed);
    EXPECT_FALSE(find(planned->id));
}

TEST_F(Plan, ThereAreAFewOnTheirWayAndOneCanBeRemoved) {
    bench.add(10);
    auto& jobs = (*bench.hub)->jobs();
    const auto order = [&] {
        return bench.hub->begin(
            jobs.plan(*parse_job("plan", twin_document, bench.clock.wall_now()), std::string(twin_document)));
    };
    std::vector<decltype(order())> begun;
    for (std::size_t i = 0; i <= PlanLimits::under_way_max; ++i) begun.push_back(order());
    bench.hub->settle();
    for (std::size_t i = 0; i < PlanLimits::under_way_max; ++i) EXPECT_TRUE(**begun[i]) << i;
    ASSERT_FALSE(**begun.back());
    EXPECT_EQ((**begun.back()).error().code, Errc::throttling_exception);
    EXPECT_TRUE(bench.hub->run(jobs.remove_plan("p-1")).value());
    EXPECT_FALSE(bench.hub->run(jobs.remove_plan("p-1")).value());
    EXPECT_FALSE(find("p-1"));
    EXPECT_TRUE(begin(twin_document));
}

TEST(PlanTargets, HoldsWhatItWasGivenAndReadsItBack) {
    PlanTargets targets;
    for (const Ordinal ordinal : {0U, 63U, 64U, 1000U}) targets.add(ordinal, "x");
    targets.add(no_ordinal, "nobody");
    targets.close();
    std::string packed;
    targets.pack(packed);
    const auto read = PlanTargets::unpack(as_bytes(packed));
    ASSERT_TRUE(read);
    for (const auto& each : {targets, *read}) {
        EXPECT_EQ(each.size(), 5U);
        for (const Ordinal ordinal : {0U, 63U, 64U, 1000U}) EXPECT_TRUE(each.has(ordinal, "x")) << ordinal;
        for (const Ordinal ordinal : {1U, 65U, 999U, 100'000U})
            EXPECT_FALSE(each.has(ordinal, "x")) << ordinal;
        EXPECT_TRUE(each.has(no_ordinal, "nobody"));
        EXPECT_FALSE(each.has(no_ordinal, "somebody"));
    }
    packed.pop_back();
    EXPECT_FALSE(PlanTargets::unpack(as_bytes(packed)));
}

TEST(TouchedPaths, AreThoseOfTheLeavesAndMeetAboveAndBelow) {
    const auto job =
        parse_job("j",
                  R"({"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{"etag":"*",)"
                  R"("tags":{"a":1},"properties":{"desired":{"b":{"c":null,"d":2},"e":{}}}}})",
                  ten_o_clock);
    ASSERT_TRUE(job);
    const auto paths = touched_by(*job);
    EXPECT_EQ(paths, (std::vector<std::string>{"tags.a", "properties.desired.b.c", "properties.desired.b.d",
                                               "properties.desired.e"}));
    EXPECT_EQ(find_shared(paths, {"properties.desired.b"}), "properties.desired.b.c");
    EXPECT_EQ(find_shared(paths, {"properties.desired.e.f"}), "properties.desired.e");
    EXPECT_EQ(find_shared(paths, {"properties.desired.bb", "tags.b", "method:m"}), "");
}

}  // namespace
}  // namespace carillon
