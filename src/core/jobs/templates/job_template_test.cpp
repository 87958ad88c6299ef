// Templates of jobs, and the values that are filled in. Cases of docs/rollout-reference.md.

#include "core/jobs/templates/job_template.hpp"

#include "query/query.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace carillon {
namespace {

std::string error_of_template(std::string_view text, std::string_view name = "t") {
    const auto made = JobTemplate::parse(name, text);
    return made ? "accepted" : made.error().detail;
}

std::string templated_method(std::string_view more) {
    return fmt::format(
        R"({{"job":{{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"m"}},{}}}}})", more);
}

/// The body of the one job, or why there is none.
std::string filled(const JobTemplate& made, std::string_view values) {
    const auto json = JsonDocument::parse(values);
    const auto jobs = made.fill("j", json->root());
    return jobs ? jobs->front().body : "error: " + jobs.error().detail;
}

TEST(JobTemplateText, G13_1AParameterInAConditionMatchesItsTextAndNothingElse) {
    const auto made = JobTemplate::parse(
        "t",
        R"({"parameters":{"p":{"type":"text"},"n":{"type":"number"},"b":{"type":"boolean"}},"job":{"type":"scheduleDeviceMethod",)"
        R"("cloudToDeviceMethod":{"methodName":"m"},"queryCondition":"tags.a = ${p} AND tags.n > ${n} AND tags.b = ${b}"}})");
    ASSERT_TRUE(made) << made.error().detail;
    for (const std::string value : {R"(x' OR '1'='1)", R"(x\)", R"(" OR true)", "Zürich"}) {
        std::string values;
        JsonWriter json(values);
        json.begin_object().member("p", value).member("n", 5).member("b", true).end_object();
        const auto body = filled(*made, values);
        const auto document = JsonDocument::parse(body);
        ASSERT_TRUE(document) << body;
        const std::string condition(document->root().find("queryCondition").string());
        const auto parsed = query::parse_job_condition(condition, {});
        ASSERT_TRUE(parsed) << condition << ": " << parsed.error().detail;
        std::string literal = "'";
        for (const char c : value) {
            if (c == '\'' || c == '"' || c == '\\') literal += '\\';
            literal += c;
        }
        EXPECT_EQ(condition, "tags.a = " + literal + "' AND tags.n > 5 AND tags.b = true");
    }
    EXPECT_EQ(filled(*made, R"({"p":"a\u0007","n":1,"b":true})"),
              R"(error: parameters.p: must be a text without control characters, is "a\u0007")");
    EXPECT_EQ(filled(*made, R"({"p":"a","n":"1","b":true})"),
              R"(error: parameters.n: must be a number, is "1")");
    EXPECT_EQ(filled(*made, R"({"p":"a","n":1})"), "error: parameters.b: is needed");
    EXPECT_EQ(filled(*made, R"({"p":"a","n":1,"b":true,"q":1})"),
              "error: parameters.q: the template has no such parameter");
}

TEST(JobTemplateText, AValueKeepsItsTypeAndATextTakesTextsAndNumbers) {
    const auto made = JobTemplate::parse(
        "t",
        R"({"parameters":{"site":{"type":"text"},"rate":{"type":"number","default":5},"desired":{"type":"json"}},)"
        R"("job":{"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","properties":{"desired":"${desired}"}},)"
        R"("queryCondition":"tags.site = ${site}","rollout":{"pace":{"rate":"${rate}/s"},"note":"${site} \"quoted\""}}})");
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_EQ(
        filled(*made, R"({"site":"Bonn","desired":{"fw":{"v":2}}})"),
        R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","properties":{"desired":{"fw":{"v":2}}}},)"
        R"("queryCondition":"tags.site = 'Bonn'","rollout":{"pace":{"rate":"5/s"},"note":"Bonn \"quoted\""}})");
    EXPECT_EQ(filled(*made, R"({"site":"B","desired":1,"rate":20})").substr(0, 6), R"({"type)");
}

TEST(JobTemplateText, AConditionMayBeAParameterAsAWhole) {
    const auto made =
        JobTemplate::parse("t", R"({"parameters":{"where":{"type":"text","default":"tags.a = 'x'"}},)" +
                                    templated_method(R"("queryCondition":"${where}")").substr(1));
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_NE(filled(*made, "{}").find(R"("queryCondition":"tags.a = 'x'")"), std::string::npos);
}

TEST(JobTemplateText, NamesWhatIsWrongWithIt) {
    EXPECT_EQ(error_of_template(R"({"jobb":{}})"), "template.jobb: unknown member, nearest is job");
    EXPECT_EQ(error_of_template("{}"), "job: either job or jobs is needed");
    EXPECT_EQ(error_of_template("[]"), "The body must be an object.");
    EXPECT_EQ(error_of_template(templated_method(R"("queryCondition":"*")"), "no name").substr(0, 15),
              "A template's na");
    EXPECT_EQ(error_of_template(templated_method(R"("queryCondition":"tags.a = ${p}")")),
              "job.queryCondition: there is no parameter 'p'");
    EXPECT_EQ(error_of_template(templated_method(R"("queryCondition":"tags.a = ${p")")),
              "job.queryCondition: there is no parameter 'p'");
    const auto with = [](std::string_view type, std::string_view more) {
        return fmt::format(R"({{"parameters":{{"p":{{"type":"{}"}}}},)", type) +
               templated_method(more).substr(1);
    };
    EXPECT_EQ(error_of_template(with("text", R"("queryCondition":"tags.a = '${p}'")")),
              "job.queryCondition: a parameter stands outside of quotes, which it gets by itself");
    EXPECT_EQ(error_of_template(with("text", R"("queryCondition":"tags.a = '\\'' AND tags.b = ${p}")")),
              "accepted");
    EXPECT_EQ(error_of_template(with("json", R"("queryCondition":"tags.a = ${p} AND true")")),
              "job.queryCondition: a condition takes no parameter of type json");
    EXPECT_EQ(error_of_template(with("boolean", R"("queryCondition":"*","rollout":{"note":"so ${p}"})")),
              "job.rollout.note: a text takes parameters of the types text and number only");
    EXPECT_EQ(error_of_template(with("txt", R"("queryCondition":"*")")),
              R"(parameters.p.type: must be one of text, number, boolean, json, is "txt")");
    // Without parameters, or with defaults, the job itself is read.
    EXPECT_EQ(error_of_template(templated_method(R"("queryCondition":"*","rollout":{"wave":[]})")),
              "rollout.wave: unknown member, nearest is waves");
}

TEST(JobTemplateText, RepetitionHasItsRules) {
    const auto with = [](std::string_view repeat) {
        return fmt::format(R"({{"repeat":{},)", repeat) +
               templated_method(R"("queryCondition":"*")").substr(1);
    };
    EXPECT_EQ(error_of_template(
                  with(R"({"cron":"30 2 * * *","zone":"Europe/Berlin","overlap":"queue","within":"1h"})")),
              "accepted");
    EXPECT_EQ(error_of_template(with("{}")), "repeat.cron: is needed");
    EXPECT_EQ(error_of_template(with(R"({"cron":"61 * * * *"})")).substr(0, 30),
              "repeat.cron: the field minute ");
    EXPECT_EQ(error_of_template(with(R"({"cron":"* * * * *","within":"30s"})")),
              "repeat.within: must be 1m or longer");
    EXPECT_EQ(error_of_template(with(R"({"cron":"* * * * *"})"), std::string(46, 'n')), "accepted");
    EXPECT_EQ(error_of_template(with(R"({"cron":"* * * * *"})"), std::string(47, 'n')).substr(0, 7),
              "repeat:");
    EXPECT_EQ(error_of_template(R"({"repeat":{"cron":"* * * * *"},"parameters":{"p":{"type":"text"}},)" +
                                templated_method(R"("queryCondition":"tags.a = ${p}")").substr(1)),
              "repeat: needs a default for each parameter");
}

TEST(JobTemplateText, SeveralJobsNameEachOther) {
    const auto text = [](std::string_view first, std::string_view second) {
        return fmt::format(
            R"({{"jobs":[{{"name":"patch","job":{{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"p"}},"queryCondition":"*","rollout":{{{}}}}}}},)"
            R"({{"name":"reboot","job":{{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"r"}},"rollout":{{{}}}}}}}]}})",
            first, second);
    };
    const auto made = JobTemplate::parse(
        "t", text("", R"("startAfter":{"job":"@patch"},"from":{"job":"@patch","in":["succeeded"]})"));
    ASSERT_TRUE(made) << made.error().detail;
    const auto none = JsonDocument::parse("{}");
    const auto jobs = made->fill("fw-7", none->root());
    ASSERT_TRUE(jobs);
    ASSERT_EQ(jobs->size(), 2U);
    EXPECT_EQ((*jobs)[0].id, "fw-7-patch");
    EXPECT_EQ((*jobs)[1].id, "fw-7-reboot");
    EXPECT_NE((*jobs)[1].body.find(R"("startAfter":{"job":"fw-7-patch"},"from":{"job":"fw-7-patch")"),
              std::string::npos)
        << (*jobs)[1].body;
    EXPECT_EQ(error_of_template(
                  text(R"("startAfter":{"job":"@reboot"})", R"("from":{"job":"@patch","in":["failed"]})")),
              "jobs.patch.rollout.startAfter.job: there is no job 'reboot' before this one");
}

}  // namespace
}  // namespace carillon
