#include "base/member_reader.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "model/jobs/job.hpp"
#include "model/rollouts/members.hpp"

#include <fmt/format.h>
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

Result<> check_id(std::string_view id, MemberReader& in) {
    if (!is_valid_job_id(id))
        return fail(Errc::argument_invalid, "a job id is 1 to 64 letters, digits, dashes or apostrophes");
    const JsonValue in_body = in.find("jobId");
    if (in_body.is_null_or_absent() || (in_body.is_string() && in_body.string() == id)) return {};
    return fail(Errc::argument_invalid, "jobId in the body differs from the one in the path");
}

/// The patch as a job shows it: what it writes as it was sent, under the names that clients look for.
std::string echo_update(JsonValue update) {
    MemberReader in(update);
    std::string text;
    JsonWriter echo(text);
    echo.begin_object().key("deviceId").null().member("etag", "*");
    if (const JsonValue tags = in.find("tags"); tags.exists()) echo.member_raw("tags", tags.raw());
    const JsonValue properties = in.object("properties");
    MemberReader within(properties, in, "properties.");
    const JsonValue desired = properties.is_null_or_absent() ? in.find("desired") : within.find("desired");
    if (properties.find("desired").exists() || (!properties.is_null_or_absent() && !desired.exists())) {
        echo.member_raw("properties", properties.raw());
    } else if (desired.exists()) {
        echo.key("properties").begin_object().member_raw("desired", desired.raw()).end_object();
    }
    echo.end_object();
    return text;
}

/// The `updateTwin` of a job that takes back what another one wrote: it says nothing itself.
Result<> check_undo_update(JsonValue update) {
    const auto refuse = [] {
        return fail(
            Errc::argument_invalid,
            "rollout.undoOf: updateTwin must be {\"etag\":\"*\"} alone, as the other job says what is "
            "written");
    };
    if (update.find("etag").string() != "*") return refuse();
    for (JsonValue v = update.first(); v.exists(); v = v.next()) {
        if (v.key() != "etag" && v.kind() != JsonKind::null) return refuse();
    }
    return {};
}

/// The parts that a job of its type must have: the call or the patch, and their echoes.
Result<> read_order(MemberReader& in, JobDefinition& job) {
    if (job.type == JobType::device_method) {
        const JsonValue call = in.find("cloudToDeviceMethod");
        if (auto error = in.error(); !error) return error;
        auto method = MethodCall::parse(call, job.flavour);
        if (!method) return fail(std::move(method).error());
        job.method = *std::move(method);
        job.method_json = MethodCall::echo(call);
        return {};
    }
    const JsonValue update = in.find("updateTwin");
    if (auto error = in.error(); !error) return error;
    if (!in.find("rollout").find("undoOf").is_null_or_absent()) {
        if (auto checked = check_undo_update(update); !checked) return checked;
        job.update_twin_json = echo_update(update);
        return {};
    }
    auto patch = TwinPatch::parse_job(update, job.flavour);
    if (!patch) return fail(std::move(patch).error());
    job.patch = *std::move(patch);
    job.update_twin_json = echo_update(update);
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
Result<> read_target(MemberReader& in, JobDefinition& job) {
    const std::string_view condition = in.text("queryCondition").value_or("");
    const JsonValue ids = in.find("deviceIds");
    if (auto error = in.error(); !error) return error;
    if (condition.size() > JobLimits::condition_chars_max)
        return fail(Errc::argument_invalid, "queryCondition too long");
    const bool has_condition = !trimmed(condition).empty();
    if (has_condition) job.condition = condition;
    const bool has_ids = job.flavour == Flavour::preview && !ids.is_null_or_absent();
    if (has_condition && has_ids)
        return fail(Errc::argument_invalid, "queryCondition and deviceIds exclude each other");
    const bool has_source = job.rollout && (job.rollout->from || !job.rollout->undo_of.empty());
    if (has_ids && has_source) {
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.{}: excludes deviceIds", job.rollout->from ? "from" : "undoOf"));
    }
    if (has_ids && job.rollout && RolloutMembers::of(*job.rollout).is_continuous)
        return fail(Errc::argument_invalid, "rollout.members.mode: \"continuous\" excludes deviceIds");
    if (has_ids) return read_device_ids(ids, job);
    if (has_condition || has_source) return {};
    return fail(Errc::argument_invalid, "queryCondition is required");
}

/// How the job goes over its devices, if the document says so.
Result<> read_rollout(MemberReader& in, JsonValue body, JobDefinition& job) {
    const JsonValue object = in.find("rollout");
    if (auto error = in.error(); !error || object.is_null_or_absent()) return error;
    const auto seconds = in.integer("maxExecutionTimeInSeconds", 0, JobLimits::execution_time_max_s);
    if (auto error = in.error(); !error) return error;
    auto rollout = Rollout::parse(object, job.type, seconds.value_or(0));
    if (!rollout) return fail(std::move(rollout).error());
    job.rollout = std::make_shared<const Rollout>(*std::move(rollout));
    job.execution_time_max_s = job.rollout->deadline_s;
    job.seed = job.rollout->seed.value_or(0);
    job.document_hash = as_text(sha256({body.raw()}));
    return {};
}

Result<> read_times(MemberReader& in, JobDefinition& job, WallTime now) {
    job.created = now;
    job.start = now;
    if (const auto start = in.text("startTime")) {
        const auto time = parse_iso8601(*start);
        if (!time) return fail(Errc::argument_invalid, "startTime must be an ISO 8601 time");
        // .NET's default time, whatever its zone, means that none was given.
        constexpr std::int64_t two_days = 2 * 86'400 * WallTime::ticks_per_second;
        if (time->ticks >= two_days) job.start = *time;
        constexpr std::int64_t past_max = JobLimits::start_distance_max_s * WallTime::ticks_per_second;
        const std::int64_t future_max =
            job.rollout ? RolloutLimits::start_distance_max_s * WallTime::ticks_per_second : past_max;
        const std::int64_t distance = job.start.ticks - now.ticks;
        if (distance > future_max || distance < -past_max)
            return fail(Errc::argument_invalid,
                        job.rollout ? "startTime must be at most 168 hours ago or 366 days ahead"
                                    : "startTime must be within 168 hours of now");
    }
    const auto seconds =
        in.integer("maxExecutionTimeInSeconds", 0, JobLimits::execution_time_max_s).value_or(0);
    if (seconds != 0) job.execution_time_max_s = seconds;
    return in.error();
}

}  // namespace

Result<JobDefinition> JobDefinition::parse(std::string_view id, JsonValue body, Flavour flavour,
                                           WallTime now) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "a job must be a JSON object");
    MemberReader in(body);
    if (auto checked = check_id(id, in); !checked) return fail(std::move(checked).error());
    JobDefinition job;
    job.id = id;
    job.flavour = flavour;
    const auto type = find_type(in.find("type").string(), flavour);
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (!type) return fail(Errc::generic_bad_request, "BadRequest");
    job.type = *type;
    if (auto read = read_order(in, job); !read) return fail(std::move(read).error());
    if (auto read = read_rollout(in, body, job); !read) return fail(std::move(read).error());
    if (auto read = read_target(in, job); !read) return fail(std::move(read).error());
    if (auto read = read_times(in, job, now); !read) return fail(std::move(read).error());
    return job;
}

}  // namespace carillon
