#include "base/text.hpp"
#include "model/job.hpp"

#include <algorithm>

namespace carillon {

namespace {

std::optional<JobType> find_type(std::string_view name, Flavour flavour) {
    for (JobType type : {JobType::device_method, JobType::update_twin}) {
        if (equals_ignoring_case(name, job_type_text(type))) return type;
    }
    if (flavour == Flavour::ga) return std::nullopt;
    // Names in documents of the preview; its SDKs never sent them.
    for (const char* alias : {"scheduleDirectRequest", "scheduleDirectMethod", "scheduledDeviceMethod"}) {
        if (equals_ignoring_case(name, alias)) return JobType::device_method;
    }
    for (const char* alias : {"scheduleTwinUpdate", "scheduledUpdateTwin"}) {
        if (equals_ignoring_case(name, alias)) return JobType::update_twin;
    }
    return std::nullopt;
}

Result<> check_id(std::string_view id, JsonValue body) {
    if (!JobDefinition::is_valid_id(id))
        return fail(Errc::argument_invalid, "a job id is 1 to 64 letters, digits, dashes or apostrophes");
    const JsonValue in_body = body.find("jobId");
    if (in_body.is_null_or_absent() || (in_body.is_string() && in_body.string() == id)) return {};
    return fail(Errc::argument_invalid, "jobId in the body differs from the one in the path");
}

/// The parts that a job of its type must have: the call or the patch, and their echoes.
Result<> read_order(JsonValue body, JobDefinition& job) {
    if (job.type == JobType::device_method) {
        const JsonValue call = body.find("cloudToDeviceMethod");
        auto method = MethodCall::parse(call, job.flavour);
        if (!method) return fail(std::move(method).error());
        job.method = *std::move(method);
        job.method_json = call.raw();
        return {};
    }
    const JsonValue update = body.find("updateTwin");
    auto patch = TwinPatch::parse_job(update, job.flavour);
    if (!patch) return fail(std::move(patch).error());
    job.patch = *std::move(patch);
    JsonWriter echo(job.update_twin_json);
    echo.begin_object().key("deviceId").null().member("etag", "*");
    if (update.find("tags").exists()) echo.member_raw("tags", update.find("tags").raw());
    if (!update.find("properties").is_null_or_absent()) {
        echo.member_raw("properties", update.find("properties").raw());
    } else if (!update.find("desired").is_null_or_absent()) {
        echo.key("properties")
            .begin_object()
            .member_raw("desired", update.find("desired").raw())
            .end_object();
    }
    echo.end_object();
    return {};
}

Result<> read_device_ids(JsonValue value, JobDefinition& job) {
    if (!value.is_array() || value.size() == 0)
        return fail(Errc::argument_invalid, "deviceIds must be an array with at least one id");
    if (value.size() > JobLimits::device_ids_max)
        return fail(Errc::argument_invalid, "deviceIds has more than 100000 ids");
    std::vector<std::string_view> ids;
    ids.reserve(value.size());
    for (JsonValue v = value.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || !DeviceId::is_valid(v.string()))
            return fail(Errc::argument_invalid, "deviceIds holds something that is not a device id");
        ids.push_back(v.string());
    }
    job.device_ids.emplace(std::move(ids));
    return {};
}

/// Which devices: a condition, or in the preview a list of ids, and not both.
Result<> read_target(JsonValue body, JobDefinition& job) {
    const JsonValue condition = body.find("queryCondition");
    if (!condition.is_null_or_absent() && !condition.is_string())
        return fail(Errc::argument_invalid, "queryCondition must be a string");
    if (condition.string().size() > JobLimits::condition_chars_max)
        return fail(Errc::argument_invalid, "queryCondition too long");
    const bool has_condition = !trimmed(condition.string()).empty();
    if (has_condition) job.condition = condition.string();

    const JsonValue ids = body.find("deviceIds");
    const bool has_ids = job.flavour == Flavour::preview && !ids.is_null_or_absent();
    if (has_condition && has_ids)
        return fail(Errc::argument_invalid, "queryCondition and deviceIds exclude each other");
    if (has_ids) return read_device_ids(ids, job);
    if (!has_condition) return fail(Errc::argument_invalid, "queryCondition is required");
    return {};
}

Result<> read_times(JsonValue body, JobDefinition& job, WallTime now) {
    job.created = now;
    job.start = now;
    const JsonValue start = body.find("startTime");
    if (!start.is_null_or_absent()) {
        const auto time = start.is_string() ? parse_iso8601(start.string()) : std::nullopt;
        if (!time) return fail(Errc::argument_invalid, "startTime must be an ISO 8601 time");
        // .NET's default time, whatever its zone, means that none was given.
        constexpr std::int64_t two_days = 2 * 86'400 * WallTime::ticks_per_second;
        if (time->ticks >= two_days) job.start = *time;
        constexpr std::int64_t distance_max = JobLimits::start_distance_max_s * WallTime::ticks_per_second;
        const std::int64_t distance = job.start.ticks - now.ticks;
        if (distance > distance_max || distance < -distance_max)
            return fail(Errc::argument_invalid, "startTime must be within 168 hours of now");
    }
    const JsonValue execution = body.find("maxExecutionTimeInSeconds");
    if (execution.is_null_or_absent()) return {};
    const auto seconds = execution.integer();
    if (!seconds || *seconds < 0 || *seconds > JobLimits::execution_time_max_s)
        return fail(Errc::argument_invalid, "maxExecutionTimeInSeconds must be from 1 to 604800");
    if (*seconds != 0) job.execution_time_max_s = *seconds;
    return {};
}

}  // namespace

bool JobDefinition::is_valid_id(std::string_view id) {
    if (id.empty() || id.size() > JobLimits::id_chars_max) return false;
    return std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '\'';
    });
}

Result<JobDefinition> JobDefinition::parse(std::string_view id, JsonValue body, Flavour flavour,
                                           WallTime now) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "a job must be a JSON object");
    if (auto checked = check_id(id, body); !checked) return fail(std::move(checked).error());
    JobDefinition job;
    job.id = id;
    job.flavour = flavour;
    const auto type = find_type(body.find("type").string(), flavour);
    if (!type) return fail(Errc::generic_bad_request, "BadRequest");
    job.type = *type;
    if (auto read = read_order(body, job); !read) return fail(std::move(read).error());
    if (auto read = read_target(body, job); !read) return fail(std::move(read).error());
    if (auto read = read_times(body, job, now); !read) return fail(std::move(read).error());
    return job;
}

}  // namespace carillon
