// Templates of jobs as a back end in C++ writes them, against the real program.
#include "base/json.hpp"
#include "carillon/template_plan.hpp"
#include "client/hub_fixture.hpp"

namespace carillon::client_test {
namespace {

class JobTemplatesTest : public HubTest {
protected:
    /// A twin of this device with a tag.
    void add(const std::string& id, const std::string& site) {
        device(id);
        const auto patched =
            service().update_twin(*IdentityKey::parse(id), R"({"tags":{"site":")" + site + R"("}})");
        ASSERT_TRUE(patched) << patched.error().detail;
    }
    JobReport ended(const std::string& job) {
        JobReport report;
        wait_until(
            [&] {
                auto found = service().job_status(job);
                if (found) report = *std::move(found);
                return report.has_ended();
            },
            "the end of the job");
        return report;
    }
    std::string twin(const std::string& id) {
        const auto found = service().find_twin(*IdentityKey::parse(id));
        return found ? *found : found.error().detail;
    }
};

TEST_F(JobTemplatesTest, ATemplateOfTwoJobsIsMadeWithValuesAndRuns) {
    const std::string place = "x' OR '1'='1";
    add("door-1", place);
    add("door-2", "Bonn");
    JobPlan write;
    write.condition = "tags.site = ${site}";
    write.rollout.emplace();
    write.rollout->rate = "${rate}/s";
    const auto patch =
        TemplateStep::of_twins("patch", write, R"({"properties":{"desired":{"level":"${level}"}}})");
    ASSERT_TRUE(patch) << patch.error().detail;
    JobPlan mark;
    mark.rollout.emplace();
    mark.rollout->from = FromPlan{.job = "@patch", .in = {"succeeded"}};
    mark.rollout->start_after = AfterPlan{.job = "@patch", .succeeded = "95%", .ended = "100%"};
    const auto after = TemplateStep::of_twins("mark", mark, R"({"tags":{"patched":true}})");
    ASSERT_TRUE(after) << after.error().detail;
    TemplatePlan plan;
    plan.jobs = {*patch, *after};
    plan.parameters = {{.name = "site"},
                       {.name = "rate", .type = "number", .default_json = "50"},
                       {.name = "level", .type = "json"}};
    const auto made = put_template(service(), "patch", plan);
    ASSERT_TRUE(made) << made.error().detail;

    std::string values;
    JsonWriter(values).begin_object().member("site", place).member_raw("level", R"({"deep":[1]})").end_object();
    const auto run = service().run_template("patch", "p1", values);
    ASSERT_TRUE(run) << run.error().detail;
    const auto last = ended("p1-mark");
    EXPECT_EQ(last.status, "completed");
    EXPECT_EQ(last.devices, 1) << "the text matches itself only";
    EXPECT_EQ(last.succeeded, 1);
    EXPECT_NE(twin("door-1").find(R"("level":{"deep":[1]})"), std::string::npos) << twin("door-1");
    EXPECT_NE(twin("door-1").find(R"("patched":true)"), std::string::npos);
    EXPECT_EQ(twin("door-2").find("patched"), std::string::npos);
}

TEST_F(JobTemplatesTest, ATemplateIsRepeatedByTheClockAndAWrongOneIsRefused) {
    JobPlan restart;
    restart.condition = "*";
    restart.start = std::chrono::system_clock::now();
    TemplatePlan plan;
    plan.jobs = {TemplateStep::of_method("", restart, {.name = "restart"})};
    plan.cron = "30 2 * * *";
    plan.zone = "Europe/Berlin";
    plan.overlap = "queue";
    plan.within = "1h";
    const auto kept = put_template(service(), "nightly", plan);
    ASSERT_TRUE(kept) << kept.error().detail;
    const auto document = JsonDocument::parse(*kept);
    ASSERT_TRUE(document);
    EXPECT_TRUE(document->root().find("next").is_string()) << *kept;
    const auto repeat = document->root().find("repeat");
    EXPECT_EQ(repeat.find("zone").string(), "Europe/Berlin");
    EXPECT_EQ(repeat.find("overlap").string(), "queue");

    plan.zone = "Europe/Bonn";
    const auto nowhere = put_template(service(), "nightly", plan);
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::argument_invalid);
    EXPECT_NE(nowhere.error().detail.find("repeat.zone"), std::string::npos) << nowhere.error().detail;
    ASSERT_TRUE(service().delete_template("nightly"));
    const auto gone = service().find_template("nightly");
    ASSERT_FALSE(gone);
}

}  // namespace
}  // namespace carillon::client_test
