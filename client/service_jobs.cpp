#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/service_client.hpp"
#include "job_order_json.hpp"

namespace carillon {

namespace {

WallTime wall_time(std::chrono::system_clock::time_point at) {
    using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, WallTime::ticks_per_second>>;
    const auto since_unix = std::chrono::duration_cast<Ticks>(at.time_since_epoch());
    return {WallTime::from_unix_s(0).ticks + since_unix.count()};
}

/// The members of a job that do not depend on its kind.
void append_plan(JsonWriter& json, std::string_view job, const JobPlan& plan) {
    if (!job.empty()) json.member("jobId", job);
    // With `from` the devices of another job are meant, and a condition only narrows them.
    if (!plan.condition.empty() || !plan.rollout || !plan.rollout->from)
        json.member("queryCondition", plan.condition);
    if (plan.start) json.member("startTime", to_iso8601(wall_time(*plan.start)));
    if (plan.rollout) {
        json.member_raw("rollout", rollout_json(*plan.rollout));
    } else {
        json.member("maxExecutionTimeInSeconds", static_cast<std::int64_t>(plan.time_max.count()));
    }
}

Result<JobReport> read_answer(const Result<std::string>& answer) {
    if (!answer) return fail(answer.error());
    return read_job_report(*answer);
}

Result<JobReport> order_job(ServiceClient& client, std::string_view job, const JobPlan& plan,
                            const std::string& body) {
    if (plan.rollout) {
        if (auto checked = client.check_rollout(); !checked) return fail(std::move(checked).error());
    }
    return read_answer(client.create_job(job, body));
}

/// A text as a literal of the query language, where a quote is doubled.
std::string quoted(std::string_view text) {
    std::string literal = "'";
    for (char c : text) literal.append(c == '\'' ? 2 : 1, c);
    return literal + "'";
}

}  // namespace

std::string method_job_json(std::string_view job, const JobPlan& plan, const MethodInvocation& call) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("type", "scheduleDeviceMethod");
    append_plan(json, job, plan);
    json.key("cloudToDeviceMethod").begin_object().member("methodName", call.name);
    json.member_raw("payload", call.payload_json).member("responseTimeoutInSeconds", call.response_timeout_s);
    json.member("connectTimeoutInSeconds", call.connect_timeout_s).end_object().end_object();
    return body;
}

Result<std::string> twin_job_json(std::string_view job, const JobPlan& plan, std::string_view patch_json) {
    const auto patch = JsonDocument::parse(patch_json);
    if (!patch || !patch->root().is_object())
        return fail(Errc::argument_invalid, "the patch is not a JSON object");
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("type", "scheduleUpdateTwin");
    append_plan(json, job, plan);
    // A job updates by force, and says so. IoT Hub docs, "Schedule jobs on multiple devices".
    json.key("updateTwin").begin_object().member("etag", "*");
    for (auto member = patch->root().first(); member.exists(); member = member.next()) {
        if (member.key() != "etag") json.member_raw(member.key(), member.raw());
    }
    json.end_object().end_object();
    return body;
}

Result<JobReport> ServiceClient::schedule_method_job(std::string_view job, const JobPlan& plan,
                                                     const MethodInvocation& call) {
    return order_job(*this, job, plan, method_job_json(job, plan, call));
}

Result<JobReport> ServiceClient::schedule_twin_job(std::string_view job, const JobPlan& plan,
                                                   std::string_view patch_json) {
    const auto body = twin_job_json(job, plan, patch_json);
    if (!body) return fail(body.error());
    return order_job(*this, job, plan, *body);
}

Result<JobReport> ServiceClient::job_status(std::string_view job) {
    return read_answer(find_job(job));
}

Result<ServicePage> ServiceClient::job_devices(std::string_view job, std::string_view status,
                                               std::size_t page_size, std::string_view continuation) {
    std::string statement = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = " + quoted(job);
    if (!status.empty()) statement += " AND devices.jobs.status = " + quoted(status);
    return query(statement, page_size, continuation);
}

Result<> ServiceClient::query_all(std::string_view statement,
                                  const std::function<bool(const std::string&)>& take) {
    std::string continuation;
    do {
        const auto rows = query(statement, 0, continuation);
        if (!rows) return fail(rows.error());
        for (const std::string& row : rows->items) {
            if (!take(row)) return {};
        }
        continuation = rows->continuation;
    } while (!continuation.empty());
    return {};
}

}  // namespace carillon
