#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

constexpr const char* plain_twin_job =
    R"({"jobId":"j1","type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},)"
    R"("cloudToDeviceMethod":null,"queryCondition":"deviceId IN ['d1']"})";

class JobRoutes : public RestTest {
protected:
    Answer put(const std::string& id, std::string_view body, std::string_view version = ga) {
        return call("PUT", at("/jobs/v2/" + id, version), body);
    }
    /// A job like `twin_job` that starts an hour from now.
    static std::string scheduled() {
        return R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"queryCondition":"*",)"
               R"("startTime":"2026-11-24T11:00:00Z"})";
    }
};

TEST_F(JobRoutes, AcceptReadAndFinishAJob) {
    create("d1");
    const Answer accepted = put("j1", plain_twin_job);
    EXPECT_EQ(accepted.status, 200);
    EXPECT_EQ(accepted.body, R"({"jobId":"j1","type":"scheduleUpdateTwin","status":"queued"})");
    hub_.settle();
    const Answer done = call("GET", at("/jobs/v2/j1"));
    EXPECT_EQ(done.status, 200);
    EXPECT_EQ(member(done.body, "status"), "\"completed\"") << done.body;
    EXPECT_EQ(member(call("GET", at("/twins/d1")).body, "tags"), R"({"a":1})");
    EXPECT_EQ(put("j1", plain_twin_job).error(), "JobAlreadyExists");
    EXPECT_EQ(call("POST", at("/jobs/v2/j1/cancel")).error(), "OperationNotAllowedInCurrentState");
}

TEST_F(JobRoutes, KnowNothingOfAnUnknownJob) {
    for (const char* version : {ga, preview}) {
        const Answer answer = call("GET", at("/jobs/v2/none", version));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, R"({"jobId":"none","type":"unknown","status":"unknown"})");
    }
    EXPECT_EQ(call("POST", at("/jobs/v2/none/cancel")).error(), "JobNotFound");
    EXPECT_EQ(call("GET", at("/jobs/none")).error(), "JobNotFound");
    EXPECT_EQ(call("GET", at("/jobs")).body, "[]");
}

TEST_F(JobRoutes, CancelWhatHasNotEnded) {
    for (const char* body : {"", "{}", "not even JSON"}) {
        const std::string id = "c" + std::to_string(std::string_view(body).size());
        EXPECT_EQ(put(id, scheduled()).status, 200);
        const Answer answer = call("POST", at("/jobs/v2/" + id + "/cancel"), body);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(member(answer.body, "status"), "\"cancelled\"");
    }
}

TEST_F(JobRoutes, RefuseOrdersThatAreNone) {
    EXPECT_EQ(put("j1", "").error(), "IotHubFormatError");
    EXPECT_EQ(put("j1", "[]").error(), "IotHubFormatError");
    EXPECT_EQ(put("j1", "{}").error(), "GenericBadRequest");
    EXPECT_EQ(put("j1", R"({"type":"scheduleTwinUpdate"})").error(), "GenericBadRequest");
    EXPECT_EQ(put("j2", plain_twin_job).error(), "ArgumentInvalid");  // the body says j1
    EXPECT_EQ(put("j_1", "{}").error(), "ArgumentInvalid");
    EXPECT_EQ(put(std::string(65, 'j'), "{}").error(), "ArgumentInvalid");
    EXPECT_EQ(put("j1", R"({"type":"scheduleUpdateTwin","updateTwin":{"tags":{"a":1}},"queryCondition":"*"})")
                  .error(),
              "ArgumentInvalid");
    EXPECT_EQ(call("GET", at("/jobs/v2/query")).body, "[]");
}

TEST_F(JobRoutes, TakeIdsInsteadOfAConditionFromThePreviewOnly) {
    create("d1");
    const char* body =
        R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","desired":{"floor":3}},"deviceIds":["d1"]})";
    EXPECT_EQ(put("p1", body).error(), "ArgumentInvalid");
    EXPECT_EQ(put("p1", body, preview).status, 200);
    hub_.settle();
    EXPECT_TRUE(call("GET", at("/twins/d1")).contains("\"floor\":3"));
}

TEST_F(JobRoutes, ListPageByPageInBothFlavours) {
    for (const char* id : {"a", "b", "c"}) put(id, scheduled());
    std::string fields = "x-ms-max-item-count: 2\r\n";
    const Answer first = call("GET", at("/jobs/v2/query"), "", fields);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.header("x-ms-item-type"), "JobResponse");
    const std::string token = first.header("x-ms-continuation");
    ASSERT_NE(token, "");
    EXPECT_EQ(JsonDocument::parse(first.body)->root().size(), 2U);
    const Answer last =
        call("GET", at("/jobs/v2/query"), "", fields + "x-ms-continuation: " + token + "\r\n");
    EXPECT_EQ(JsonDocument::parse(last.body)->root().size(), 1U);
    EXPECT_FALSE(last.has("x-ms-continuation"));

    const Answer page = call("GET", at("/jobs/v2/query?pageSize=2", preview));
    EXPECT_EQ(member(page.body, "type"), "\"jobResponse\"");
    const auto parsed = JsonDocument::parse(page.body);
    EXPECT_EQ(parsed->root().find("items").size(), 2U);
    const std::string next(parsed->root().find("continuationToken").string());
    ASSERT_NE(next, "");
    const Answer end =
        call("GET", at("/jobs/v2/query?pageSize=2&continuationToken=" + percent_encode(next), preview));
    EXPECT_EQ(member(end.body, "continuationToken"), "null");
    EXPECT_FALSE(end.has("x-ms-continuation"));

    // Exactly exhausted: no token.
    EXPECT_FALSE(
        call("GET", at("/jobs/v2/query"), "", "x-ms-max-item-count: 3\r\n").has("x-ms-continuation"));
    // A token is bound to its list and flavour, and cannot be made up.
    EXPECT_EQ(call("GET", at("/jobs/v2/query?jobStatus=queued"), "", "x-ms-continuation: " + token + "\r\n")
                  .error(),
              "ArgumentInvalid");
    EXPECT_EQ(call("GET", at("/jobs/v2/query", preview), "", "x-ms-continuation: " + token + "\r\n").error(),
              "ArgumentInvalid");
    EXPECT_EQ(call("GET", at("/jobs/v2/query"), "", "x-ms-continuation: Mw==\r\n").error(),
              "ArgumentInvalid");
}

TEST_F(JobRoutes, FilterInAnyCaseAndSpelling) {
    put("a", scheduled());
    const auto count = [this](const std::string& filter) {
        const Answer answer = call("GET", at("/jobs/v2/query?" + filter));
        return answer.status == 200 ? static_cast<int>(JsonDocument::parse(answer.body)->root().size())
                                    : -answer.status;
    };
    EXPECT_EQ(count("jobType=scheduleUpdateTwin"), 1);
    EXPECT_EQ(count("jobType=ScheduleUpdateTwin&jobStatus=Scheduled"), 1);
    EXPECT_EQ(count("JOBTYPE=SCHEDULEUPDATETWIN"), 1);
    EXPECT_EQ(count("jobStatus=&jobType="), 1);
    EXPECT_EQ(count("jobType=scheduleDeviceMethod"), 0);
    EXPECT_EQ(count("jobStatus=completed"), 0);
    EXPECT_EQ(count("jobType=ExportDevices"), 0);
    EXPECT_EQ(count("jobType=import"), 0);
    EXPECT_EQ(count("jobStatus=enqueued"), 0);
    EXPECT_EQ(count("jobType=nonsense"), -400);
    EXPECT_EQ(count("jobStatus=nonsense"), -400);
}

class QueryRoute : public RestTest {
protected:
    Answer query(std::string_view statement, std::string_view fields = {}) {
        std::string body;
        JsonWriter(body).begin_object().member("query", statement).end_object();
        return call("POST", at("/devices/query"), body, fields);
    }
};

TEST_F(QueryRoute, AnswersWithArraysAndHeadersToday) {
    for (const char* id : {"a", "b", "c"}) create(id);
    const Answer first = query("SELECT * FROM devices", "x-ms-max-item-count: 2\r\n");
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.header("x-ms-item-type"), "Twin");
    EXPECT_EQ(JsonDocument::parse(first.body)->root().size(), 2U);
    const std::string token = first.header("x-ms-continuation");
    ASSERT_NE(token, "");
    const Answer last =
        query("SELECT * FROM devices", "x-ms-max-item-count: 2\r\nx-ms-continuation: " + token + "\r\n");
    EXPECT_EQ(JsonDocument::parse(last.body)->root().size(), 1U);
    EXPECT_FALSE(last.has("x-ms-continuation"));
    EXPECT_EQ(
        query("SELECT * FROM devices WHERE deviceId = 'a'", "x-ms-continuation: " + token + "\r\n").error(),
        "ArgumentInvalid");
    EXPECT_EQ(query("SELECT deviceId FROM devices").header("x-ms-item-type"), "Raw");
    EXPECT_EQ(query("SELECT COUNT() AS n FROM devices").body, R"([{"n":3}])");
    const Answer rows = query("SELECT * FROM devices.jobs");
    EXPECT_EQ(rows.header("x-ms-item-type"), "DeviceJob");
    EXPECT_EQ(rows.body, "[]");
}

TEST_F(QueryRoute, TellsWhatAPageTookToWhoAsksForIt) {
    for (const char* id : {"a", "b", "c"}) create(id);
    EXPECT_FALSE(query("SELECT * FROM devices").has("x-carillon-cost"));
    const std::string asks = "x-carillon-cost: 1\r\n";
    EXPECT_EQ(query("SELECT * FROM devices WHERE tags.a = 1", asks).header("x-carillon-cost"),
              "examined=3, by=rows, us=0");
    EXPECT_EQ(query("SELECT * FROM devices WHERE deviceId = 'b'", asks).header("x-carillon-cost"),
              "examined=1, by=ids, us=0");
    EXPECT_EQ(query("SELECT * FROM devices.jobs", asks).header("x-carillon-cost"),
              "examined=0, by=ids, us=0");
}

TEST_F(QueryRoute, AnswersWithAnEnvelopeInThePreview) {
    for (const char* id : {"a", "b", "c"}) create(id);
    const Answer first = call("POST", at("/devices/query", preview),
                              R"({"sql":"SELECT * FROM devices","pageSize":2,"continuationToken":null})");
    EXPECT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(member(first.body, "type"), "\"twin\"");
    EXPECT_FALSE(first.has("x-ms-continuation"));
    const std::string token = member(first.body, "continuationToken");
    ASSERT_GT(token.size(), 2U);
    const Answer last =
        call("POST", at("/devices/query", preview),
             R"({"sql":"SELECT * FROM devices","pageSize":2,"continuationToken":)" + token + "}");
    EXPECT_EQ(member(last.body, "continuationToken"), "null");
    EXPECT_EQ(
        member(call("POST", at("/devices/query", preview), R"({"sql":"SELECT deviceId FROM devices"})").body,
               "type"),
        "\"aggregate\"");
}

TEST_F(QueryRoute, RefusesATokenThatIsANumber) {
    for (const char* token : {"1", "0", "-1", "17.5", R"("17")"}) {
        for (const char* version : {preview, ga}) {
            const std::string body =
                R"({"sql":"SELECT * FROM devices","continuationToken":)" + std::string(token) + "}";
            const Answer answer = call("POST", at("/devices/query", version), body);
            EXPECT_EQ(answer.status, 400) << version << ' ' << token;
            EXPECT_EQ(answer.error(), "ArgumentInvalid") << version << ' ' << token;
        }
    }
}

TEST_F(QueryRoute, RefusesWhatIsNotAStatement) {
    EXPECT_EQ(query("SELEKT nothing").error(), "ArgumentInvalid");
    EXPECT_TRUE(query("SELEKT nothing").contains("ErrorCode:ArgumentInvalid;BadRequest"));
    EXPECT_EQ(query("").error(), "ArgumentInvalid");
    EXPECT_EQ(call("POST", at("/devices/query"), "{}").error(), "ArgumentNull");
    EXPECT_EQ(call("POST", at("/devices/query"), R"({"query":null})").error(), "ArgumentNull");
    EXPECT_EQ(call("POST", at("/devices/query"), R"({"query":5})").error(), "ArgumentInvalid");
    EXPECT_EQ(call("POST", at("/devices/query"), R"("SELECT")").error(), "IotHubFormatError");
    EXPECT_EQ(call("POST", at("/devices/query"), "").error(), "IotHubFormatError");
    EXPECT_EQ(call("GET", at("/devices/query")).error(), "DeviceNotFound");
}

std::string long_condition() {
    std::string text = "deviceId = 'd1'";
    while (text.size() < 9000) text += " OR deviceId = 'd1'";
    return text;
}

TEST_F(QueryRoute, TakesLongStatements) {
    EXPECT_EQ(query("SELECT * FROM devices WHERE " + long_condition()).status, 200);
    EXPECT_EQ(query("SELECT * FROM devices WHERE deviceId = '" + std::string(70'000, 'x') + "'").status, 400);
}

}  // namespace
}  // namespace carillon::rest
