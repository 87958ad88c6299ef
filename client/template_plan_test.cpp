#include "carillon/template_plan.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(TemplatePlan, WritesOneJobThatIsMadeByTheClock) {
    JobPlan restart;
    restart.condition = "tags.site = ${site}";
    restart.start = std::chrono::system_clock::now();
    restart.rollout.emplace();
    restart.rollout->rate = "${rate}/s";
    TemplatePlan plan;
    plan.jobs = {TemplateStep::of_method("", restart, {.name = "restart"})};
    plan.parameters = {{.name = "site", .default_json = "\"Bonn\""},
                       {.name = "rate", .type = "number", .default_json = "50"}};
    plan.cron = "30 2 * * *";
    plan.zone = "Europe/Berlin";
    plan.overlap = "queue";
    plan.within = "1h";
    EXPECT_EQ(
        template_json(plan),
        R"({"parameters":{"site":{"type":"text","default":"Bonn"},"rate":{"type":"number","default":50}},)"
        R"("job":{"type":"scheduleDeviceMethod","queryCondition":"tags.site = ${site}","rollout":{"pace":{"rate":"${rate}/s"}},)"
        R"("cloudToDeviceMethod":{"methodName":"restart","payload":null,"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}},)"
        R"("repeat":{"cron":"30 2 * * *","zone":"Europe/Berlin","overlap":"queue","within":"1h"}})");
}

TEST(TemplatePlan, WritesJobsThatFollowEachOther) {
    JobPlan patch;
    patch.condition = "*";
    patch.rollout.emplace();
    const auto patched = TemplateStep::of_twins("patch", patch, R"({"properties":{"desired":{"fw":2}}})");
    ASSERT_TRUE(patched);
    JobPlan reboot;
    reboot.rollout.emplace();
    reboot.rollout->start_after = AfterPlan{.job = "@patch", .succeeded = "95%", .ended = "100%"};
    reboot.rollout->from = FromPlan{.job = "@patch", .in = {"succeeded"}};
    TemplatePlan plan;
    plan.jobs = {*patched, TemplateStep::of_method("reboot", reboot, {.name = "reboot"})};
    EXPECT_EQ(
        template_json(plan),
        R"({"jobs":[{"name":"patch","job":{"type":"scheduleUpdateTwin","queryCondition":"*","rollout":{},)"
        R"("updateTwin":{"etag":"*","properties":{"desired":{"fw":2}}}}},)"
        R"({"name":"reboot","job":{"type":"scheduleDeviceMethod","rollout":{"from":{"job":"@patch","in":["succeeded"]},)"
        R"("startAfter":{"job":"@patch","pass":{"succeeded":"95%","ended":"100%"}}},)"
        R"("cloudToDeviceMethod":{"methodName":"reboot","payload":null,"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}}}]})");
    EXPECT_FALSE(TemplateStep::of_twins("patch", patch, "[]"));
}

}  // namespace
}  // namespace carillon
