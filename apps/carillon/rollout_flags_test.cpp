#include "rollout_flags.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

std::string object_of(const RolloutFlags& flags, JobType type = JobType::device_method) {
    const auto object = checked_rollout(flags, type);
    return object ? *object : "error: " + object.error().detail;
}

TEST(RolloutFlags, WithoutAnyThereIsNoRollout) {
    EXPECT_EQ(object_of({}), "");
}

TEST(RolloutFlags, SetOneMemberEach) {
    RolloutFlags flags;
    flags.max_in_flight = "2%";
    flags.rate = "500/s";
    flags.is_not_adaptive = true;
    flags.order = "spread:tags.site,tags.model";
    flags.seed = 7;
    flags.success = "99%";
    flags.success_all = "tags.critical = true";
    flags.ok_status = "200-299, 404";
    flags.attempts = 3;
    flags.retry_on = "rejected,status:503";
    flags.backoff = "5s..2m";
    flags.offline = "wait";
    flags.offline_ttl = "2h";
    flags.deadline = "7d";
    flags.keep = "90d";
    flags.from = "fw-1:failed,canceled";
    flags.from_kinds = "timeout";
    flags.after = "first:90%/100%";
    flags.supersede = "fw";
    flags.notify = "ops, audit";
    flags.note = "CHG-1181";
    EXPECT_EQ(
        object_of(flags),
        R"({"pace":{"maxInFlight":"2%","rate":"500/s","adaptive":false},"order":{"spread":["tags.site","tags.model"]},)"
        R"("seed":7,"success":{"succeeded":"99%","all":"tags.critical = true"},"okStatus":["200-299","404"],)"
        R"("retry":{"attempts":3,"on":["rejected","status:503"],"backoff":{"from":"5s","to":"2m"}},)"
        R"("offline":{"then":"wait","ttl":"2h"},"deadline":"7d","from":{"job":"fw-1","in":["failed","canceled"],"kinds":["timeout"]},)"
        R"("startAfter":{"job":"first","pass":{"succeeded":"90%","ended":"100%"}},"supersede":{"key":"fw"},"keep":"90d","notify":["ops","audit"],"note":"CHG-1181"})");
    RolloutFlags goes_on;
    goes_on.is_continuous = true;
    goes_on.on_leave = "cancel";
    EXPECT_EQ(object_of(goes_on), R"({"members":{"mode":"continuous","onLeave":"cancel"}})");
    RolloutFlags keyless;
    keyless.supersede.emplace();
    EXPECT_EQ(object_of(keyless), R"({"supersede":{}})");
}

TEST(RolloutFlags, WriteWavesWithTheirRules) {
    RolloutFlags flags;
    flags.waves = "5,9%,rest";
    flags.soak = "2h";
    flags.gate = "manual";
    flags.pass = "99%/90%";
    EXPECT_EQ(object_of(flags),
              R"({"waves":[{"size":5,"pass":{"succeeded":"99%","ended":"90%"},"soak":"2h","gate":"manual"},)"
              R"({"size":"9%","pass":{"succeeded":"99%","ended":"90%"},"soak":"2h","gate":"manual"},)"
              R"({"size":"rest","pass":{"succeeded":"99%","ended":"90%"}}]})");
    RolloutFlags growing;
    growing.waves = "1%x2.5";
    growing.soak = "1h";
    EXPECT_EQ(object_of(growing), R"({"waves":[{"size":"1%","grow":2.5,"soak":"1h"}]})");
}

TEST(RolloutFlags, WriteACanaryAsAFirstWaveWithATest) {
    RolloutFlags flags;
    flags.canary = "1% tolerate 1% refuse 4%";
    flags.soak = "1h";
    EXPECT_EQ(
        object_of(flags),
        R"({"waves":[{"size":"1%","test":{"tolerate":"1%","refuse":"4%"},"soak":"1h"},{"size":"rest"}]})");
    flags.canary = "200";
    flags.waves = "9%,rest";
    flags.soak.clear();
    EXPECT_EQ(object_of(flags), R"({"waves":[{"size":200,"test":{}},{"size":"9%"},{"size":"rest"}]})");
    flags.waves.clear();
    flags.canary = "1% tolerate 2% with slow,disconnects slower-than 2s watch 30m control 500";
    EXPECT_EQ(object_of(flags),
              R"({"waves":[{"size":"1%","test":{"tolerate":"2%","signals":["slow","disconnects"],)"
              R"("slowerThan":"2s","watch":"30m","control":500}},{"size":"rest"}]})");
    for (const char* canary : {"1% tolerate", "1% with", "1% while disconnects", "tolerate 2%"}) {
        flags.canary = canary;
        EXPECT_EQ(object_of(flags).substr(0, 6), "error:") << canary;
    }
}

TEST(RolloutFlags, WriteStopRulesAsTheyAreSpoken) {
    RolloutFlags flags;
    flags.stop = {"failed>5% after 100 of timeout,rejected then cancel", "failed > 3"};
    EXPECT_EQ(
        object_of(flags),
        R"({"stop":[{"failed":"5%","after":100,"kinds":["timeout","rejected"],"do":"cancel"},{"failed":4}]})");
    for (const char* rule : {"5%", "failed>", "failed>5% after", "failed<5%", "failed>5% when 3", ""}) {
        flags.stop = {rule};
        EXPECT_EQ(object_of(flags).substr(0, 6), "error:") << rule;
    }
}

TEST(RolloutFlags, WriteWindowsAsTheyAreSpoken) {
    RolloutFlags flags;
    flags.windows = {"mon-wed,sun 02:00+2h", "sat-mon 22:30+90m", "12:00+1h"};
    flags.zone = "tags.tz";
    flags.zone_fallback = "skip";
    flags.except = {"2026-12-24..2026-12-26", "2027-01-01"};
    flags.closing = "10m";
    EXPECT_EQ(object_of(flags),
              R"({"windows":{"zone":"tags.tz","fallback":"skip","open":[)"
              R"({"days":["mon","tue","wed","sun"],"from":"02:00","for":"2h"},)"
              R"({"days":["sat","sun","mon"],"from":"22:30","for":"90m"},{"from":"12:00","for":"1h"}],)"
              R"("except":["2026-12-24..2026-12-26","2027-01-01"],"closing":"10m"}})");
    for (const char* window : {"02:00", "mon-fri", "2+1h mon", ""}) {
        flags.windows = {window};
        EXPECT_EQ(object_of(flags).substr(0, 6), "error:") << window;
    }
    flags.windows = {"funday 02:00+2h"};
    EXPECT_EQ(
        object_of(flags),
        R"(error: rollout.windows.open[0].days: must be one of sun, mon, tue, wed, thu, fri, sat, is "funday")");
    flags.windows.clear();
    EXPECT_EQ(object_of(flags).substr(0, 13), "error: --zone");
}

TEST(RolloutFlags, ArePutOnTopOfTheObject) {
    RolloutFlags flags;
    flags.object = R"({"pace":{"rate":"1/s","maxInFlight":5},"note":"a"})";
    flags.rate = "9/s";
    EXPECT_EQ(object_of(flags), R"({"pace":{"rate":"9/s","maxInFlight":5},"note":"a"})");
}

TEST(RolloutFlags, AreCheckedAsTheHubDoes) {
    RolloutFlags flags;
    flags.rate = "fast";
    EXPECT_EQ(object_of(flags).substr(0, 25), "error: rollout.pace.rate:");
    RolloutFlags capped;
    capped.max_in_flight = "5";
    EXPECT_EQ(object_of(capped, JobType::update_twin).substr(0, 32), "error: rollout.pace.maxInFlight:");
    RolloutFlags object;
    object.object = "[1]";
    EXPECT_EQ(object_of(object).substr(0, 6), "error:");
}

TEST(RolloutFlags, SayWhichOneMisses) {
    RolloutFlags flags;
    flags.soak = "1h";
    EXPECT_EQ(object_of(flags).substr(0, 14), "error: --soak,");
    RolloutFlags from;
    from.from = "fw-1";
    EXPECT_EQ(object_of(from), "error: --from: `fw-1` is not like JOB:failed,canceled");
    RolloutFlags kinds;
    kinds.from_kinds = "timeout";
    EXPECT_EQ(object_of(kinds), "error: --from-kinds needs --from");
}

}  // namespace
}  // namespace carillon
