// What only Carillon tells of jobs, and lets be done with them: outcomes, failures, plans, approvals.

#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/service_client.hpp"
#include "service_errors.hpp"

#include <utility>

namespace carillon {

namespace {

std::string path_of_job(std::string_view job, std::string_view what) {
    return "/carillon/jobs/" + percent_encode(job) + '/' + std::string(what);
}

std::string path_of_budget(std::string_view name) {
    return "/carillon/budgets/" + percent_encode(name);
}

std::string path_of_template(std::string_view name) {
    return "/carillon/templates/" + percent_encode(name);
}

std::string path_of_plan(std::string_view plan) {
    return "/carillon/plans/" + percent_encode(plan);
}

std::string decision_json(std::string_view hash, std::string_view why) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("hash", hash);
    if (!why.empty()) json.member("why", why);
    json.end_object();
    return body;
}

/// The body of what is done to a job.
std::string why_json(std::string_view why, std::optional<std::uint32_t> wave = {}) {
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    if (wave) json.member("wave", *wave);
    if (!why.empty()) json.member("why", why);
    json.end_object();
    return body;
}

}  // namespace

Result<std::string> ServiceClient::pause_job(std::string_view job, std::string_view why) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return send({.method = "POST", .target = path_of_job(job, "pause"), .body = why_json(why)});
}

Result<std::string> ServiceClient::resume_job(std::string_view job, std::string_view why) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return send({.method = "POST", .target = path_of_job(job, "resume"), .body = why_json(why)});
}

Result<std::string> ServiceClient::promote_job(std::string_view job, unsigned wave, std::string_view why) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return send({.method = "POST", .target = path_of_job(job, "promote"), .body = why_json(why, wave)});
}

Result<std::string> ServiceClient::close_job(std::string_view job, std::string_view why) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return send({.method = "POST", .target = path_of_job(job, "close"), .body = why_json(why)});
}

Result<std::string> ServiceClient::change_job(std::string_view job, std::string_view rollout_changes,
                                              std::optional<std::int64_t> revision) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    const auto target = "/carillon/jobs/" + percent_encode(job);
    std::string body;
    JsonWriter(body).begin_object().member_raw("rollout", rollout_changes).end_object();
    return send({.method = "PATCH", .target = target, .body = body},
                revision ? std::to_string(*revision) : std::string());
}

Result<std::vector<std::string>> ServiceClient::job_outcomes(std::string_view job,
                                                             const OutcomeFilter& filter) {
    std::string target = path_of_job(job, "devices");
    char mark = '?';
    const auto add = [&](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        target.append(1, std::exchange(mark, '&')).append(name).append("=").append(percent_encode(value));
    };
    add("status", filter.status);
    add("kind", filter.kind);
    if (filter.wave) add("wave", std::to_string(*filter.wave));
    const auto lines = send({.method = "GET", .target = target, .body = {}});
    if (!lines) return fail(lines.error());
    std::vector<std::string> outcomes;
    for (const std::string_view line : split(*lines, '\n')) {
        if (!line.empty()) outcomes.emplace_back(line);
    }
    return outcomes;
}

Result<std::string> ServiceClient::job_failures(std::string_view job) {
    return send({.method = "GET", .target = path_of_job(job, "failures"), .body = {}});
}

Result<std::string> ServiceClient::verify_job(std::string_view job, std::string_view seal) {
    auto target = path_of_job(job, "verify");
    if (!seal.empty()) target += "?seal=" + percent_encode(seal);
    return send({.method = "GET", .target = target, .body = {}});
}

Result<std::string> ServiceClient::make_plan(std::string_view request_json) {
    const auto begun =
        send({.method = "POST", .target = "/carillon/plans", .body = std::string(request_json)});
    if (!begun) return fail(begun.error());
    const auto document = JsonDocument::parse(*begun);
    std::string id(document ? document->root().find("id").string() : std::string_view());
    if (id.empty()) return fail(Errc::malformed_packet, "the answer names no plan");
    return id;
}

Result<std::string> ServiceClient::find_plan(std::string_view plan) {
    return send({.method = "GET", .target = path_of_plan(plan), .body = {}});
}

Result<> ServiceClient::delete_plan(std::string_view plan) {
    const auto gone = send({.method = "DELETE", .target = path_of_plan(plan), .body = {}});
    if (!gone) return fail(gone.error());
    return {};
}

Result<> ServiceClient::put_budget(std::string_view name, const JobBudgetOptions& budget) {
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    if (budget.max_share.empty()) {
        json.member("max", budget.max);
    } else {
        json.member("max", budget.max_share);
    }
    if (!budget.devices.empty()) json.member("devices", budget.devices);
    if (!budget.per.empty()) json.member("per", budget.per);
    if (!budget.soak.empty()) json.member("soak", budget.soak);
    json.member("jobs", budget.jobs).end_object();
    const auto put = send({.method = "PUT", .target = path_of_budget(name), .body = body});
    if (!put) return fail(put.error());
    return {};
}

Result<> ServiceClient::hold_jobs(std::string_view budget, std::string_view jobs) {
    std::string body;
    JsonWriter(body).begin_object().member("max", 0).member("jobs", jobs).end_object();
    const auto held = send({.method = "PUT", .target = path_of_budget(budget), .body = body});
    if (!held) return fail(held.error());
    return {};
}

Result<> ServiceClient::release_jobs(std::string_view budget) {
    const auto gone = send({.method = "DELETE", .target = path_of_budget(budget), .body = {}});
    if (!gone) return fail(gone.error());
    return {};
}

Result<std::string> ServiceClient::put_template(std::string_view name, std::string_view json) {
    return send({.method = "PUT", .target = path_of_template(name), .body = std::string(json)});
}

Result<std::string> ServiceClient::find_template(std::string_view name) {
    return send({.method = "GET", .target = path_of_template(name), .body = {}});
}

Result<> ServiceClient::delete_template(std::string_view name) {
    const auto gone = send({.method = "DELETE", .target = path_of_template(name), .body = {}});
    if (!gone) return fail(gone.error());
    return {};
}

Result<std::string> ServiceClient::run_template(std::string_view name, std::string_view job,
                                                std::string_view parameters_json) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", job);
    if (!parameters_json.empty()) json.member_raw("parameters", parameters_json);
    json.end_object();
    return send({.method = "POST", .target = path_of_template(name) + "/jobs", .body = body});
}

Result<std::string> ServiceClient::apply_plan(std::string_view job, std::string_view plan,
                                              std::string_view hash, std::string_view drift) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", job).key("rollout").begin_object().key("plan").begin_object();
    json.member("id", plan).member("hash", hash);
    if (!drift.empty()) json.member("drift", drift);
    json.end_object().end_object().end_object();
    return create_job(job, body);
}

Result<std::string> ServiceClient::approve_job(std::string_view job, std::string_view hash,
                                               std::string_view why) {
    return send({.method = "POST", .target = path_of_job(job, "approve"), .body = decision_json(hash, why)});
}

Result<std::string> ServiceClient::deny_job(std::string_view job, std::string_view hash,
                                            std::string_view why) {
    return send({.method = "POST", .target = path_of_job(job, "deny"), .body = decision_json(hash, why)});
}

}  // namespace carillon
