#include "model/rollouts/rollout.hpp"

#include "base/text.hpp"
#include "model/jobs/job.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Rollout of_method(std::string_view text) {
    auto rollout = Rollout::parse(text, JobType::device_method);
    EXPECT_TRUE(rollout) << (rollout ? "" : rollout.error().detail);
    return rollout ? *std::move(rollout) : Rollout{};
}

Rollout of_twin(std::string_view text) {
    auto rollout = Rollout::parse(text, JobType::update_twin);
    EXPECT_TRUE(rollout) << (rollout ? "" : rollout.error().detail);
    return rollout ? *std::move(rollout) : Rollout{};
}

constexpr std::string_view everything =
    R"({"pace":{"maxInFlight":"2%","rate":"30/m","adaptive":false},"order":{"spread":["tags.site","properties.reported.net"]},)"
    R"("seed":7,"waves":[{"size":100,"pass":{"succeeded":"99%","ended":"97.5%"},"soak":"1h","gate":"manual","within":"1d","else":"cancel"},)"
    R"({"size":"1%","grow":2.5}],"stop":[{"failed":"5%","kinds":["timeout","rejected"],"after":50,"do":"cancel"},{"failed":3}],)"
    R"("success":{"succeeded":"99%","all":"tags.critical = true"},"okStatus":["200-299","409"],)"
    R"("retry":{"attempts":3,"on":["rejected","timeout","status:5xx","status:404"],"backoff":{"from":"1s","to":"2m","factor":3},"repeatable":true},)"
    R"("offline":{"then":"wait","ttl":"2h"},"deadline":"14d","from":{"job":"fw-1","in":["failed","pending"],"kinds":["timeout"]},"keep":"90d","note":"CHG-1181"})";

TEST(Rollout, ReadsEveryMember) {
    const Rollout rollout = of_method(everything);
    EXPECT_EQ(rollout.text, everything);
    EXPECT_EQ(rollout.pace.max_in_flight->text(), "2%");
    EXPECT_EQ(rollout.pace.rate->text(), "30/m");
    EXPECT_FALSE(rollout.pace.adaptive);
    EXPECT_EQ(rollout.order.kind, RolloutOrderKind::spread);
    EXPECT_EQ(rollout.order.spread[1], "properties.reported.net");
    EXPECT_EQ(rollout.seed, 7U);
    ASSERT_EQ(rollout.waves.size(), 2U);
    const RolloutWave& first = rollout.waves[0];
    EXPECT_EQ(first.size->count, 100U);
    EXPECT_EQ(first.pass.succeeded.hundredths, 9'900U);
    EXPECT_EQ(first.pass.ended.hundredths, 9'750U);
    EXPECT_EQ(first.soak.ms, 3'600'000);
    EXPECT_TRUE(first.is_manual);
    EXPECT_EQ(first.within->ms, 86'400'000);
    EXPECT_EQ(first.otherwise, WaveElse::cancel);
    EXPECT_EQ(rollout.waves[1].grow_hundredths, 250U);
    EXPECT_EQ(rollout.stop[0].after, 50U);
    EXPECT_TRUE(rollout.stop[0].kinds.has(FailureKind::timeout));
    EXPECT_FALSE(rollout.stop[0].kinds.has(FailureKind::gone));
    EXPECT_EQ(rollout.stop[0].action, StopAction::cancel);
    EXPECT_EQ(rollout.stop[1].failed.count, 3U);
    EXPECT_TRUE(rollout.stop[1].kinds.has(FailureKind::gone));
    EXPECT_EQ(rollout.success.all, "tags.critical = true");
    EXPECT_TRUE(rollout.ok_status.contains(409));
    EXPECT_FALSE(rollout.ok_status.contains(410));
    EXPECT_TRUE(rollout.retry->on_status.contains(599));
    EXPECT_TRUE(rollout.retry->on_status.contains(404));
    EXPECT_FALSE(rollout.retry->on_status.contains(405));
    EXPECT_EQ(rollout.retry->factor_hundredths, 300U);
    EXPECT_EQ(rollout.offline.ttl->ms, 7'200'000);
    EXPECT_EQ(rollout.deadline_s, 14 * 86'400);
    EXPECT_EQ(rollout.from->job, "fw-1");
    EXPECT_TRUE(rollout.from->pending);
    EXPECT_FALSE(rollout.from->succeeded);
    EXPECT_EQ(rollout.keep_s, 90 * 86'400);
    EXPECT_EQ(rollout.note, "CHG-1181");
}

TEST(Rollout, FillsInDefaults) {
    const Rollout method = of_method("{}");
    EXPECT_EQ(method.order.kind, RolloutOrderKind::as_stored);
    EXPECT_TRUE(method.ok_status.contains(299));
    EXPECT_FALSE(method.ok_status.contains(500));
    EXPECT_EQ(method.offline.then, OfflineThen::wait);
    EXPECT_EQ(method.deadline_s, 3600);
    EXPECT_EQ(method.keep_s, 30 * 86'400);
    EXPECT_EQ(of_twin("{}").offline.then, OfflineThen::write);
    const Rollout waved = of_method(R"({"waves":[{"size":"1%"},{"size":"rest"}]})");
    EXPECT_EQ(waved.order.kind, RolloutOrderKind::random);
    EXPECT_EQ(waved.waves[0].pass.ended.hundredths, 9'500U);
    EXPECT_FALSE(waved.waves[1].size);
    EXPECT_EQ(of_method(R"({"order":"asStored","waves":[{"size":"1%"}]})").order.kind,
              RolloutOrderKind::as_stored);
    const Rollout retrying = of_method(R"({"retry":{"attempts":2}})");
    EXPECT_TRUE(retrying.retry->on.has(FailureKind::rejected));
    EXPECT_FALSE(retrying.retry->on.has(FailureKind::timeout));
    EXPECT_EQ(retrying.retry->from.ms, 5'000);
    EXPECT_EQ(retrying.retry->to.ms, 300'000);
    EXPECT_TRUE(
        of_method(R"({"retry":{"attempts":2,"repeatable":true}})").retry->on.has(FailureKind::unknown));
}

TEST(Rollout, TakesSevenDaysWhereAJobIsLongByNature) {
    constexpr std::int64_t week = 7 * 86'400;
    EXPECT_EQ(of_method(R"({"waves":[{"size":1}]})").deadline_s, week);
    EXPECT_EQ(of_method(R"({"pace":{"rate":"1/s"}})").deadline_s, week);
    EXPECT_EQ(of_twin(R"({"offline":{"then":"wait"}})").deadline_s, week);
    EXPECT_EQ(of_twin(R"({"offline":{"then":"skip"}})").deadline_s, 3600);
    EXPECT_EQ(of_method(R"({"pace":{"maxInFlight":5}})").deadline_s, 3600);
    EXPECT_EQ(of_method(R"({"deadline":"1500ms"})").deadline_s, 2);
}

TEST(Rollout, TakesNullForAbsent) {
    EXPECT_EQ(
        of_method(
            R"({"pace":null,"waves":null,"order":null,"seed":null,"stop":null,"success":null,"okStatus":null,
        "retry":null,"offline":null,"deadline":null,"from":null,"keep":null,"note":null,"confirm":null})")
            .effective_json(),
        of_method("{}").effective_json());
}

TEST(Rollout, ShowsItselfWithDefaultsSoThatReadingItBackChangesNothing) {
    for (const std::string_view text : {std::string_view("{}"), everything}) {
        const std::string shown = of_method(text).effective_json();
        EXPECT_EQ(of_method(shown).effective_json(), shown);
    }
    EXPECT_EQ(
        of_twin("{}").effective_json(),
        R"({"pace":{},"order":"asStored","offline":{"then":"write"},"deadline":"1h","undo":true,"keep":"30d"})");
}

TEST(Rollout, RoundsSizesUpAndCapsDownToAtLeastOne) {
    const RolloutAmount share{0, RolloutShare::parse("2%")};
    EXPECT_EQ(share.as_size(1050), 21U);
    EXPECT_EQ(share.as_size(1051), 22U);
    EXPECT_EQ(share.as_cap(1099), 21U);
    EXPECT_EQ(share.as_cap(10), 1U);
    EXPECT_EQ(share.as_size(1), 1U);
}

TEST(Rollout, ComparesSharesExactly) {
    const RolloutShare five = *RolloutShare::parse("5%");
    EXPECT_FALSE(five.is_exceeded(5, 100));
    EXPECT_TRUE(five.is_exceeded(6, 100));
    EXPECT_TRUE(five.is_reached(5, 100));
    EXPECT_FALSE(five.is_reached(4, 100));
    const RolloutShare third = *RolloutShare::parse("33.33%");
    EXPECT_TRUE(third.is_exceeded(1, 3));
    EXPECT_FALSE(RolloutShare{3'334}.is_reached(1, 3));
}

TEST(Rollout, WaitsForATenthOfTheTargetsBeforeAShareCounts) {
    RolloutStop stop;
    stop.failed.share = RolloutShare{500};
    EXPECT_EQ(stop.after_of(50), 10U);
    EXPECT_EQ(stop.after_of(301), 31U);
    EXPECT_EQ(stop.after_of(1'000'000), 100U);
    stop.failed = RolloutAmount{3, std::nullopt};
    EXPECT_EQ(stop.after_of(1'000'000), 0U);
}

TEST(Rollout, WarnsOfWhatIsSeldomMeant) {
    EXPECT_TRUE(of_method("{}").warnings(JobType::device_method, 10).empty());
    EXPECT_EQ(of_twin(R"({"stop":[{"failed":1}]})").warnings(JobType::update_twin, {}).size(), 1U);
    const Rollout slow = of_method(R"({"pace":{"rate":"1/m"},"deadline":"1h"})");
    EXPECT_TRUE(slow.warnings(JobType::device_method, 60).empty());
    EXPECT_EQ(slow.warnings(JobType::device_method, 61).size(), 1U);
    EXPECT_EQ(of_method(R"({"deadline":"2d"})").warnings(JobType::device_method, {}).size(), 1U);
    EXPECT_TRUE(of_method(R"({"deadline":"2d","offline":{"ttl":"1h"}})")
                    .warnings(JobType::device_method, {})
                    .empty());
    const Rollout watched = of_method(
        R"({"deadline":"1d","waves":[{"size":70},{"size":80,"test":{"signals":["disconnects"]}},{"size":"rest"}]})");
    EXPECT_TRUE(watched.warnings(JobType::device_method, 200).empty());
    const auto few = watched.warnings(JobType::device_method, 199);
    ASSERT_EQ(few.size(), 1U);
    EXPECT_EQ(few[0],
              "waves[1].test cannot look at disconnects: fewer than 50 devices are left to compare with");
}

std::string patched_rollout(std::string_view before, std::string_view changes) {
    const auto document = JsonDocument::parse(changes);
    const auto after = of_method(before).patched(document->root(), JobType::device_method);
    return after ? after->text : after.error().detail;
}

TEST(Rollout, IsPatchedByMerging) {
    EXPECT_EQ(patched_rollout(R"({"pace":{"rate":"1/s","maxInFlight":5},"note":"a"})",
                              R"({"pace":{"rate":"9/s"}})"),
              R"({"pace":{"rate":"9/s","maxInFlight":5},"note":"a"})");
    EXPECT_EQ(patched_rollout(R"({"pace":{"rate":"1/s","maxInFlight":5}})", R"({"pace":{"rate":null}})"),
              R"({"pace":{"maxInFlight":5}})");
    EXPECT_EQ(patched_rollout("{}", R"({"stop":[{"failed":1}]})"), R"({"stop":[{"failed":1}]})");
}

TEST(Rollout, RefusesPatchesOfWhatCannotChange) {
    EXPECT_EQ(
        patched_rollout("{}", R"({"note":"b"})"),
        "rollout.note: cannot be changed; only pace, stop, success, retry, deadline, waves, windows can");
    EXPECT_EQ(patched_rollout("{}", R"({"success":{"all":"tags.a = 1"}})"),
              "rollout.success.all: cannot be changed");
    EXPECT_EQ(patched_rollout("{}", R"({"pace":{"rate":"fast"}})").substr(0, 18), "rollout.pace.rate:");
    EXPECT_EQ(patched_rollout("{}", "[]"), "rollout: must be an object");
}

TEST(Rollout, KeepsOrderAndUnwrittenDeadlineOverAPatch) {
    const Rollout before = of_method(R"({"pace":{"maxInFlight":5}})");
    const auto changes = JsonDocument::parse(R"({"waves":[{"size":"1%"}]})");
    const auto after = before.patched(changes->root(), JobType::device_method);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->order.kind, RolloutOrderKind::as_stored);
    EXPECT_EQ(after->deadline_s, 3600);
}

// --- in a job ---

constexpr WallTime started_at = WallTime::from_unix_s(1'800'000'000);

Result<JobDefinition> job(const std::string& members) {
    const std::string text =
        R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"})" + members + "}";
    const auto body = JsonDocument::parse(text);
    return JobDefinition::parse("fw", body->root(), Flavour::ga, started_at);
}

TEST(RolloutOfAJob, IsItsDeadline) {
    EXPECT_EQ(job(R"(,"queryCondition":"*","rollout":{"deadline":"2d"})")->deadline(),
              started_at.plus_s(2 * 86'400));
    EXPECT_EQ(
        job(R"(,"queryCondition":"*","rollout":{},"maxExecutionTimeInSeconds":60)")->rollout->deadline_s, 60);
    EXPECT_EQ(job(R"(,"queryCondition":"*","rollout":{"deadline":"2d"},"maxExecutionTimeInSeconds":60)")
                  .error()
                  .detail,
              "rollout.deadline: excludes maxExecutionTimeInSeconds");
    EXPECT_TRUE(job(R"(,"queryCondition":"*","rollout":{"deadline":"2d"},"maxExecutionTimeInSeconds":0)"));
    EXPECT_EQ(
        job(R"(,"queryCondition":"*","maxExecutionTimeInSeconds":60,"rollout":{"waves":[{"size":1,"soak":"1m"}]})")
            .error()
            .detail,
        "rollout.waves: the soaks add up to 1m, the deadline is 1m");
}

TEST(RolloutOfAJob, LetsItStartAYearAhead) {
    const std::string time =
        R"(,"queryCondition":"*","startTime":")" + to_iso8601(started_at.plus_s(360 * 86'400)) + '"';
    EXPECT_FALSE(job(time));
    EXPECT_TRUE(job(time + R"(,"rollout":{})"));
}

TEST(RolloutOfAJob, NeedsNoConditionWithFrom) {
    EXPECT_TRUE(job(R"(,"rollout":{"from":{"job":"a","in":["failed"]}})"));
    EXPECT_FALSE(job(R"(,"rollout":{})"));
}

TEST(RolloutOfAJob, IsStoredAsItWasSent) {
    auto sent =
        *job(R"(,"queryCondition":"*","rollout": {"seed":5, "note":"x"},"maxExecutionTimeInSeconds":60)");
    EXPECT_EQ(sent.seed, 5U);
    EXPECT_EQ(sent.document_hash.size(), 32U);
    sent.creator = {"ops", "Ada"};
    const auto read = decode_job_definition(as_bytes(encode_job_definition(sent)));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read->rollout, *sent.rollout);
    EXPECT_EQ(read->rollout->text, R"({"seed":5, "note":"x"})");
    EXPECT_EQ(read->seed, 5U);
    EXPECT_EQ(read->creator, sent.creator);
    EXPECT_EQ(read->document_hash, sent.document_hash);
    EXPECT_EQ(read->deadline(), sent.deadline());
}

TEST(RolloutOfAJob, G0_1AbsentLeavesTheStoredBytesAsTheyWere) {
    const std::string bytes = encode_job_definition(*job(R"(,"queryCondition":"*","rollout":null)"));
    EXPECT_EQ(bytes[0], 1);
    EXPECT_EQ(encode_job_definition(*job(R"(,"queryCondition":"*","rollout":{})"))[0], 2);
}

}  // namespace
}  // namespace carillon
