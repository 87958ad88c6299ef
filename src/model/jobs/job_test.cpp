#include "model/jobs/job.hpp"

#include "base/text.hpp"
#include "model/message.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

const WallTime created_at = WallTime::from_unix_s(1'790'000'000);  // 2026-09-21T14:13:20Z

Result<JobDefinition> read_job(std::string_view json, Flavour flavour = Flavour::ga, const char* id = "j1") {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json;
    return JobDefinition::parse(id, document->root(), flavour, created_at);
}
Errc job_code_of(std::string_view json, Flavour flavour = Flavour::ga) {
    const auto job = read_job(json, flavour);
    EXPECT_FALSE(job.has_value()) << json;
    return job ? Errc::server_error : job.error().code;
}

/// A twin job with more members before its end.
std::string twin_job(const std::string& more) {
    return R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"queryCondition":"*")" +
           more + "}";
}
/// A method job with more members in its call.
std::string method_job(const std::string& more) {
    return R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"lockDoor")" + more +
           R"(},"queryCondition":"*"})";
}

std::string job_json_of(const JobSnapshot& job) {
    std::string out;
    append_job_json(out, job);
    return out;
}
JobSnapshot snapshot(JobDefinition definition) {
    JobSnapshot job;
    job.definition = std::make_shared<JobDefinition>(std::move(definition));
    return job;
}

TEST(JobId, IsUpTo64LettersDigitsDashesAndApostrophes) {
    EXPECT_TRUE(is_valid_job_id("aZ09-'"));
    EXPECT_TRUE(is_valid_job_id(std::string(64, 'a')));
    EXPECT_FALSE(is_valid_job_id(std::string(65, 'a')));
    for (const char* id : {"", "a_b", "a.b", "a b", "a/b", "\xC3\xA9"})
        EXPECT_FALSE(is_valid_job_id(id)) << id;
    EXPECT_EQ(read_job(twin_job(""), Flavour::ga, "a_b").error().code, Errc::argument_invalid);
}

TEST(JobRequest, TheIdInTheBodyIsOptionalButMustAgree) {
    EXPECT_TRUE(read_job(twin_job(R"(,"jobId":"j1")")).has_value());
    EXPECT_TRUE(read_job(twin_job(R"(,"jobId":null)")).has_value());
    EXPECT_EQ(job_code_of(twin_job(R"(,"jobId":"j2")")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(twin_job(R"(,"jobId":1)")), Errc::argument_invalid);
}

TEST(JobRequest, TheTypeIsCanonicalExceptForThePreviewsAliases) {
    const auto typed = [](const char* type) {
        return std::string(R"({"type":")") + type +
               R"(","cloudToDeviceMethod":{"methodName":"m"},"updateTwin":{"etag":"*","tags":{}},"queryCondition":"*"})";
    };
    EXPECT_EQ(read_job(typed("scheduleDeviceMethod"))->type, JobType::device_method);
    EXPECT_EQ(read_job(typed("SCHEDULEUPDATETWIN"))->type, JobType::update_twin);
    for (const char* alias : {"scheduleDirectRequest", "scheduleDirectMethod", "scheduledDeviceMethod"}) {
        EXPECT_EQ(read_job(typed(alias), Flavour::preview)->type, JobType::device_method) << alias;
        EXPECT_EQ(job_code_of(typed(alias)), Errc::generic_bad_request) << alias;
    }
    for (const char* alias : {"scheduleTwinUpdate", "scheduledUpdateTwin"}) {
        EXPECT_EQ(read_job(typed(alias), Flavour::preview)->type, JobType::update_twin) << alias;
        EXPECT_EQ(job_code_of(typed(alias)), Errc::generic_bad_request) << alias;
    }
    EXPECT_EQ(job_code_of(typed("export")), Errc::generic_bad_request);
    EXPECT_EQ(job_code_of("{}"), Errc::generic_bad_request);
    EXPECT_EQ(job_code_of("[]"), Errc::iot_hub_format_error);
}

TEST(JobRequest, NullCountsAsAbsent) {
    const auto job = read_job(
        R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m","payload":null,)"
        R"("responseTimeoutInSeconds":null},"updateTwin":null,"queryCondition":"*","deviceIds":null,)"
        R"("startTime":null,"maxExecutionTimeInSeconds":null})");
    ASSERT_TRUE(job.has_value());
    EXPECT_EQ(job->start, created_at);
    EXPECT_EQ(job->execution_time_max_s, 3600);
    EXPECT_EQ(job->method->payload, "null");
    EXPECT_EQ(
        job_code_of(R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":null,"queryCondition":"*"})"),
        Errc::argument_null);
    EXPECT_EQ(job_code_of(R"({"type":"scheduleUpdateTwin","queryCondition":"*"})"), Errc::argument_null);
}

TEST(JobRequest, MethodTimeoutsHaveTheirRanges) {
    EXPECT_EQ(read_job(method_job(""))->method->response_timeout_s, 30);
    EXPECT_EQ(read_job(method_job(R"(,"responseTimeoutInSeconds":5)"))->method->response_timeout_s, 5);
    EXPECT_EQ(read_job(method_job(R"(,"responseTimeoutInSeconds":300.0)"))->method->response_timeout_s, 300);
    EXPECT_EQ(read_job(method_job(R"(,"responseTimeoutInSeconds":"45")"))->method->response_timeout_s, 45);
    for (const char* value : {"4", "301", "5.5", "\"4\"", "-1", "0", "true"})
        EXPECT_EQ(job_code_of(method_job(R"(,"responseTimeoutInSeconds":)" + std::string(value))),
                  Errc::argument_invalid)
            << value;
    EXPECT_EQ(read_job(method_job(R"(,"connectTimeoutInSeconds":30)"))->method->connect_timeout_s, 30);
    EXPECT_EQ(job_code_of(method_job(R"(,"connectTimeoutInSeconds":31)")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(method_job(R"(,"connectTimeoutInSeconds":301,"responseTimeoutInSeconds":300)")),
              Errc::argument_invalid);
    // The preview's own member; later clients' is ignored there only if both are given.
    EXPECT_EQ(read_job(method_job(R"(,"timeoutInSeconds":45)"), Flavour::preview)->method->response_timeout_s,
              45);
    EXPECT_EQ(read_job(method_job(R"(,"timeoutInSeconds":1)"), Flavour::preview)->method->response_timeout_s,
              1);
    EXPECT_EQ(
        read_job(method_job(R"(,"timeoutInSeconds":3600)"), Flavour::preview)->method->response_timeout_s,
        3600);
    EXPECT_EQ(job_code_of(method_job(R"(,"timeoutInSeconds":0)"), Flavour::preview), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(method_job(R"(,"timeoutInSeconds":3601)"), Flavour::preview),
              Errc::argument_invalid);
    EXPECT_EQ(read_job(method_job(R"(,"timeoutInSeconds":45)"))->method->response_timeout_s, 30);
}

TEST(JobRequest, MethodNamesAndPayloadsHaveLimits) {
    const auto named = [](const std::string& name) {
        return R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":")" + name +
               R"("},"queryCondition":"*"})";
    };
    EXPECT_TRUE(read_job(named(std::string(100, 'm'))).has_value());
    EXPECT_EQ(job_code_of(named(std::string(101, 'm'))), Errc::argument_invalid);
    for (const char* name : {"", "a/b", "a+b", "a#", "a\\n", "\\u0000"})
        EXPECT_EQ(job_code_of(named(name)), Errc::argument_invalid) << name;
    EXPECT_EQ(read_job(named("component*command"))->method->name, "component*command");
    EXPECT_EQ(job_code_of(R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{},"queryCondition":"*"})"),
              Errc::argument_invalid);
    const auto loaded = [](std::size_t bytes) {
        return method_job(R"(,"payload":")" + std::string(bytes - 2, 'x') + '"');
    };
    EXPECT_TRUE(read_job(loaded(128 * 1024)).has_value());
    EXPECT_EQ(job_code_of(loaded(128 * 1024 + 1)), Errc::argument_invalid);
    EXPECT_EQ(read_job(method_job(R"(,"payload":{ "force" : true })"))->method->payload,
              R"({ "force" : true })");
}

TEST(JobRequest, AJobNeedsATarget) {
    const auto aimed = [](const std::string& target) {
        return R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}})" + target + "}";
    };
    EXPECT_EQ(read_job(aimed(R"(,"queryCondition":"tags.a = 1")"))->condition, "tags.a = 1");
    EXPECT_EQ(job_code_of(aimed("")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(aimed(R"(,"queryCondition":"  ")")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(aimed(R"(,"queryCondition":7)")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(aimed(R"(,"deviceIds":["a"])")),
              Errc::argument_invalid);  // unknown to later versions
    EXPECT_TRUE(read_job(aimed(",\"queryCondition\":\"" + std::string(65536, 'x') + "\"")).has_value());
    EXPECT_EQ(job_code_of(aimed(",\"queryCondition\":\"" + std::string(65537, 'x') + "\"")),
              Errc::argument_invalid);

    const auto preview = [&aimed](const std::string& target) {
        return read_job(aimed(target), Flavour::preview);
    };
    // The order says nothing, so they come back in their own, each once.
    JobSnapshot listed;
    listed.definition = std::make_shared<JobDefinition>(*preview(R"(,"deviceIds":["b","a","b"])"));
    std::string text;
    append_job_json(text, listed);
    EXPECT_NE(text.find(R"("queryCondition":"deviceId IN ['a','b']","deviceIds":["a","b"])"),
              std::string::npos)
        << text;
    for (const char* ids : {"[]", "[\"\"]", "[1]", "[null]", "\"a\"", "{}", "[\"a b\"]"})
        EXPECT_EQ(preview(",\"deviceIds\":" + std::string(ids)).error().code, Errc::argument_invalid) << ids;
    EXPECT_EQ(preview(R"(,"deviceIds":["a"],"queryCondition":"*")").error().code, Errc::argument_invalid);
    EXPECT_EQ(preview("").error().code, Errc::argument_invalid);
    EXPECT_FALSE(preview(R"(,"queryCondition":"*")")->device_ids.has_value());
    std::string many = ",\"deviceIds\":[\"d\"";
    for (int i = 1; i < 100'000; ++i) many += ",\"d" + std::to_string(i) + '"';
    EXPECT_TRUE(preview(many + "]").has_value());
    EXPECT_EQ(preview(many + ",\"one-more\"]").error().code, Errc::argument_invalid);
}

TEST(JobRequest, TheStartIsWithin168HoursOfNow) {
    const auto starting = [](const std::string& time) { return twin_job(",\"startTime\":\"" + time + "\""); };
    EXPECT_EQ(read_job(starting("2026-09-21T15:00:00.123Z"))->start,
              parse_iso8601("2026-09-21T15:00:00.123Z"));
    EXPECT_EQ(read_job(starting("2026-09-28T14:13:20Z"))->start, created_at.plus_s(168 * 3600));
    EXPECT_EQ(job_code_of(starting("2026-09-28T14:13:20.0000001Z")), Errc::argument_invalid);
    EXPECT_TRUE(read_job(starting("2026-09-14T14:13:20Z")).has_value());
    EXPECT_EQ(job_code_of(starting("2026-09-14T14:13:19Z")), Errc::argument_invalid);
    EXPECT_EQ(read_job(starting("0001-01-01T00:00:00"))->start, created_at);
    EXPECT_EQ(job_code_of(starting("tomorrow")), Errc::argument_invalid);
    EXPECT_EQ(job_code_of(twin_job(R"(,"startTime":1790000000)")), Errc::argument_invalid);
}

TEST(JobRequest, TheExecutionTimeIs1To604800Seconds) {
    const auto lasting = [](const char* seconds) {
        return twin_job(",\"maxExecutionTimeInSeconds\":" + std::string(seconds));
    };
    EXPECT_EQ(read_job(lasting("0"))->execution_time_max_s, 3600);
    EXPECT_EQ(read_job(lasting("1"))->execution_time_max_s, 1);
    EXPECT_EQ(read_job(lasting("\"60\""))->execution_time_max_s, 60);
    EXPECT_EQ(read_job(lasting("604800"))->execution_time_max_s, 604800);
    for (const char* seconds : {"604801", "-1", "1.5", "\"1.5\"", "1e300"})
        EXPECT_EQ(job_code_of(lasting(seconds)), Errc::argument_invalid) << seconds;
    EXPECT_EQ(read_job(lasting("120"))->deadline(), created_at.plus_s(120));
}

TEST(JobJson, AQueuedMethodJobEchoesItsRequest) {
    const auto job =
        snapshot(*read_job(R"({"jobId":"j1","type":"scheduleDeviceMethod",)"
                           R"("cloudToDeviceMethod":{"methodName":"lockDoor","payload":{"force":true},)"
                           R"("responseTimeoutInSeconds":30},)"
                           R"("queryCondition":"deviceId IN ['dev-a']","maxExecutionTimeInSeconds":120})"));
    EXPECT_EQ(
        job_json_of(job),
        R"({"jobId":"j1","queryCondition":"deviceId IN ['dev-a']","createdTime":"2026-09-21T14:13:20Z",)"
        R"("startTime":"2026-09-21T14:13:20Z","maxExecutionTimeInSeconds":120,"type":"scheduleDeviceMethod",)"
        R"("cloudToDeviceMethod":{"methodName":"lockDoor","payload":{"force":true},)"
        R"("responseTimeoutInSeconds":30},"status":"queued"})");
    std::string accepted;
    append_job_accepted_json(accepted, job);
    EXPECT_EQ(accepted, R"({"jobId":"j1","type":"scheduleDeviceMethod","status":"queued"})");
}

TEST(JobJson, AnEndedJobTellsWhenAndHow) {
    auto job =
        snapshot(*read_job(R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","x":1,)"
                           R"("properties":{"desired":{"floor":3,"old":null}}},"queryCondition":"*"})"));
    job.status = JobStatus::completed;
    job.ended = created_at.plus_s(5);
    job.counts =
        JobCounts{.device = 6, .pending = 0, .running = 0, .succeeded = 3, .failed = 2, .canceled = 1};
    const std::string json = job_json_of(job);
    EXPECT_NE(
        json.find(
            R"("updateTwin":{"deviceId":null,"etag":"*","properties":{"desired":{"floor":3,"old":null}}},)"
            R"("status":"completed","endTime":"2026-09-21T14:13:25Z",)"
            R"("deviceJobStatistics":{"deviceCount":6,"failedCount":2,"succeededCount":3,"runningCount":0,)"
            R"("pendingCount":0,"canceledCount":1}})"),
        std::string::npos)
        << json;
    job.status = JobStatus::failed;
    job.failure_reason = "no";
    job.counts.reset();
    EXPECT_NE(job_json_of(job).find(R"("failureReason":"no"})"), std::string::npos);
    EXPECT_EQ(job_json_of(job).find("deviceJobStatistics"), std::string::npos);
}

TEST(JobJson, StockClientsSeeNoCountTheyDoNotKnow) {
    auto job = snapshot(*read_job(twin_job("")));
    job.status = JobStatus::running;
    job.counts = JobCounts{.device = 1, .pending = 1};
    EXPECT_EQ(job_json_of(job).find("canceledCount"), std::string::npos);
    EXPECT_EQ(job_json_of(job).find("endTime"), std::string::npos);
}

TEST(JobJson, APreviewJobOverIdsShowsThemAsAConditionToo) {
    const auto job =
        snapshot(*read_job(R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","desired":{"floor":3}},)"
                           R"("deviceIds":["a","it's"]})",
                           Flavour::preview));
    const std::string json = job_json_of(job);
    EXPECT_NE(json.find(R"("queryCondition":"deviceId IN ['a','it\\'s']","deviceIds":["a","it's"])"),
              std::string::npos)
        << json;
    EXPECT_NE(json.find(R"("updateTwin":{"deviceId":null,"etag":"*","properties":{"desired":{"floor":3}}})"),
              std::string::npos)
        << json;
}

TEST(DeviceJobJson, LooksLikeTheCapturedRows) {
    DeviceJob row{.device_id = "dev-a",
                  .module_id = "",
                  .job_id = "mj-1",
                  .type = JobType::device_method,
                  .status = DeviceJobStatus::pending,
                  .start = created_at,
                  .end = created_at.plus_s(120),
                  .created = created_at,
                  .last_updated = created_at.plus_s(1),
                  .answer = {},
                  .error_code = "",
                  .error_description = ""};
    const auto json = [&row] {
        std::string out;
        append_device_job_json(out, row);
        return out;
    };
    const std::string times =
        R"("startTimeUtc":"2026-09-21T14:13:20Z","endTimeUtc":"2026-09-21T14:15:20Z",)"
        R"("createdDateTimeUtc":"2026-09-21T14:13:20Z","lastUpdatedDateTimeUtc":"2026-09-21T14:13:21Z")";
    const std::string head =
        R"({"deviceId":"dev-a","jobId":"mj-1","jobType":"scheduleDeviceMethod","status":)";
    EXPECT_EQ(json(), head + R"("pending",)" + times + "}");
    row.status = DeviceJobStatus::completed;
    row.answer = MethodAnswer{.status = 500, .payload = R"({"reason":"jammed"})"};
    EXPECT_EQ(json(),
              head + R"("completed",)" + times +
                  R"(,"outcome":{"deviceMethodResponse":{"status":500,"payload":{"reason":"jammed"}}}})");
    row.status = DeviceJobStatus::failed;
    row.answer.reset();
    row.error_code = "DeviceNotFound";
    row.error_description = "gone";
    EXPECT_EQ(json(), head + R"("failed",)" + times +
                          R"(,"outcome":{},"error":{"code":"DeviceNotFound","description":"gone"}})");
    row.status = DeviceJobStatus::canceled;
    row.module_id = "m1";
    EXPECT_NE(json().find(R"("moduleId":"m1")"), std::string::npos);
    EXPECT_NE(json().find(R"("status":"canceled")"), std::string::npos);
    EXPECT_EQ(json().find("error"), std::string::npos);
}

TEST(JobCodec, IdsOfAnOlderProgramAreRead) {
    const JobDefinition job = *read_job(method_job(""), Flavour::preview);
    std::string bytes = encode_job_definition(job);
    const std::size_t at = bytes.find("\1*");  // The condition, where a list of ids stood.
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at, 2, "\2\1b\1a");
    bytes[1] = static_cast<char>((bytes[1] & ~1) | 2);
    const auto decoded = decode_job_definition(as_bytes(bytes));
    ASSERT_TRUE(decoded);
    EXPECT_NE(job_json_of(snapshot(*decoded)).find(R"("deviceIds":["a","b"])"), std::string::npos);
}

TEST(JobCodec, ADefinitionReadsBackTheSame) {
    const std::string bodies[] = {
        method_job(R"(,"payload":[1],"connectTimeoutInSeconds":7)"),
        twin_job(R"(,"maxExecutionTimeInSeconds":9)"),
        R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":null,"desired":{"a":{"b":null}}},"deviceIds":["x","y"]})",
    };
    for (const std::string& body : bodies) {
        const JobDefinition job = *read_job(body, Flavour::preview);
        const std::string bytes = encode_job_definition(job);
        const auto decoded = decode_job_definition(as_bytes(bytes));
        ASSERT_TRUE(decoded.has_value()) << body;
        EXPECT_EQ(job_json_of(snapshot(*decoded)), job_json_of(snapshot(job)));
        EXPECT_EQ(encode_job_definition(*decoded), bytes);
        EXPECT_EQ(decoded->method.has_value(), job.method.has_value());
        if (job.method) {
            EXPECT_EQ(decoded->method->payload, job.method->payload);
            EXPECT_EQ(decoded->method->connect_timeout_s, job.method->connect_timeout_s);
        }
        if (job.patch) {
            EXPECT_EQ(decoded->patch->clear_tags, job.patch->clear_tags);
        }
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const auto cut = decode_job_definition(as_bytes(std::string_view(bytes).substr(0, size)));
            ASSERT_FALSE(cut.has_value()) << size;
            EXPECT_EQ(cut.error().code, Errc::store_corrupt);
        }
    }
}

TEST(MessageCodec, AMessageReadsBackTheSame) {
    Message message;
    message.device_id = "d1";
    message.module_id = "m1";
    message.generation_id = "7";
    message.auth_method = "{}";
    message.enqueued = created_at;
    message.system = {{"message-id", "1"}, {"content-type", "text/plain"}};
    message.properties = {{"a", "1"}, {"empty", ""}, {"none", std::nullopt}};
    message.body = std::string("\0body", 5);
    const std::string bytes = encode_message(message);
    const auto decoded = decode_message(as_bytes(bytes));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->device_id, "d1");
    EXPECT_EQ(decoded->enqueued, created_at);
    EXPECT_EQ(decoded->system, message.system);
    EXPECT_EQ(decoded->properties, message.properties);
    EXPECT_EQ(decoded->body, message.body);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode_message(as_bytes(std::string_view(bytes).substr(0, size)));
        ASSERT_FALSE(cut.has_value()) << size;
        EXPECT_EQ(cut.error().code, Errc::store_corrupt);
    }
}

TEST(Jobs, StatusWordsAreThoseOfTheWire) {
    EXPECT_EQ(job_status_text(JobStatus::cancelled), "cancelled");
    EXPECT_EQ(device_job_status_text(DeviceJobStatus::canceled), "canceled");
    EXPECT_TRUE(is_terminal(JobStatus::failed));
    EXPECT_FALSE(is_terminal(JobStatus::running));
    JobCounts sum{.device = 1, .pending = 1};
    sum += JobCounts{.device = 2, .running = 1, .canceled = 1};
    EXPECT_EQ(sum, (JobCounts{.device = 3, .pending = 1, .running = 1, .canceled = 1}));
}

}  // namespace
}  // namespace carillon
