#include "carillon/rollout_plan.hpp"

#include "model/rollouts/rollout.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(RolloutPlan, OfNothingIsAnEmptyObject) {
    EXPECT_EQ(rollout_json({}), "{}");
}

TEST(RolloutPlan, WritesEveryMemberAsTheHubReadsIt) {
    RolloutPlan plan;
    plan.max_in_flight = "2%";
    plan.rate = "30/m";
    plan.spread = {"tags.site"};
    plan.seed = 7;
    WavePlan canary;
    canary.size = "25";
    canary.pass_succeeded = "99%";
    canary.soak = "1h";
    canary.waits_for_promotion = true;
    canary.within = "1d";
    canary.otherwise = "cancel";
    WavePlan others;
    others.size = "1%";
    others.grow = "2.5";
    plan.waves = {canary, others};
    StopPlan stop;
    stop.failed = "5%";
    stop.kinds = {"timeout"};
    stop.after = 50;
    stop.cancels = true;
    plan.stop = {stop};
    plan.success = "99%";
    plan.success_all = "tags.critical = true";
    plan.ok_status = {"200-299", "409"};
    RetryPlan retry;
    retry.attempts = 3;
    retry.on = {"rejected", "status:503"};
    retry.backoff_from = "1s";
    retry.backoff_to = "2m";
    retry.is_repeatable = true;
    plan.retry = retry;
    plan.offline = "wait";
    plan.offline_ttl = "2h";
    plan.deadline = "14d";
    FromPlan from;
    from.job = "fw-1";
    from.in = {"failed"};
    from.kinds = {"timeout"};
    plan.from = from;
    plan.keep = "90d";
    plan.notify = {"ops"};
    plan.note = "CHG-1181";
    const std::string text = rollout_json(plan);
    EXPECT_EQ(
        text,
        R"({"pace":{"maxInFlight":"2%","rate":"30/m"},"order":{"spread":["tags.site"]},"seed":7,)"
        R"("waves":[{"size":25,"pass":{"succeeded":"99%"},"soak":"1h","gate":"manual","within":"1d","else":"cancel"},)"
        R"({"size":"1%","grow":2.5}],"stop":[{"failed":"5%","kinds":["timeout"],"after":50,"do":"cancel"}],)"
        R"("success":{"succeeded":"99%","all":"tags.critical = true"},"okStatus":["200-299","409"],)"
        R"("retry":{"attempts":3,"on":["rejected","status:503"],"backoff":{"from":"1s","to":"2m"},"repeatable":true},)"
        R"("offline":{"then":"wait","ttl":"2h"},"deadline":"14d","from":{"job":"fw-1","in":["failed"],"kinds":["timeout"]},)"
        R"("keep":"90d","notify":["ops"],"note":"CHG-1181"})");
    const auto read = Rollout::parse(std::string_view(text), JobType::device_method);
    EXPECT_TRUE(read) << read.error().detail;
}

TEST(RolloutPlan, WritesWhatTwinJobsCanSay) {
    RolloutPlan plan;
    ConfirmPlan confirm;
    confirm.by = "reported";
    confirm.map = {{"properties.desired.fw", "properties.reported.running"}};
    confirm.within = "30m";
    plan.confirm = confirm;
    StopPlan stop;
    stop.failed = "5%";
    stop.undoes = true;
    plan.stop = {stop};
    AfterPlan after;
    after.job = "fw-1";
    after.succeeded = "95%";
    after.ended = "100%";
    plan.start_after = after;
    std::string text = rollout_json(plan);
    EXPECT_EQ(text, R"({"stop":[{"failed":"5%","do":"undo"}],"confirm":{"by":"reported",)"
                    R"("map":{"properties.desired.fw":"properties.reported.running"},"within":"30m"},)"
                    R"("startAfter":{"job":"fw-1","pass":{"succeeded":"95%","ended":"100%"}}})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan goes_on;
    goes_on.is_continuous = goes_on.cancels_on_leave = true;
    text = rollout_json(goes_on);
    EXPECT_EQ(text, R"({"members":{"mode":"continuous","onLeave":"cancel"}})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan undo;
    undo.undo_of = "fw-1";
    text = rollout_json(undo);
    EXPECT_EQ(text, R"({"undoOf":"fw-1"})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan tried;
    WavePlan canary;
    canary.size = "1%";
    TestPlan test;
    test.tolerate = "1%";
    canary.test = test;
    tried.waves = {canary};
    text = rollout_json(tried);
    EXPECT_EQ(text, R"({"waves":[{"size":"1%","test":{"tolerate":"1%"}}]})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    tried.waves.front().test->signals = {"disconnects"};
    tried.waves.front().test->control = "500";
    tried.waves.front().test->watch = "30m";
    text = rollout_json(tried);
    EXPECT_EQ(text, R"({"waves":[{"size":"1%","test":{"tolerate":"1%","signals":["disconnects"],)"
                    R"("control":500,"watch":"30m"}}]})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan newest;
    newest.supersede = "";
    text = rollout_json(newest);
    EXPECT_EQ(text, R"({"supersede":{}})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan nightly;
    WindowPlan windows;
    windows.zone = "tags.tz";
    windows.fallback = "Etc/UTC";
    OpenPlan night;
    night.days = {"sat", "sun"};
    night.from = "02:00";
    night.lasts = "2h";
    windows.open = {night};
    windows.except = {"2026-12-24"};
    windows.closing = "10m";
    nightly.windows = windows;
    text = rollout_json(nightly);
    EXPECT_EQ(text, R"({"windows":{"zone":"tags.tz","fallback":"Etc/UTC",)"
                    R"("open":[{"days":["sat","sun"],"from":"02:00","for":"2h"}],)"
                    R"("except":["2026-12-24"],"closing":"10m"}})");
    EXPECT_TRUE(Rollout::parse(std::string_view(text), JobType::update_twin));
    RolloutPlan blind;
    blind.keeps_no_undo = true;
    EXPECT_EQ(rollout_json(blind), R"({"undo":false})");
}

}  // namespace
}  // namespace carillon
