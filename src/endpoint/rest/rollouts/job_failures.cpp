// The failures of a job, those of one cause together, and what they have in common. Page:
// docs/live-progress.md.

#include "base/json.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/reports/failure_report.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/report_filter.hpp"

#include <cmath>

namespace carillon::rest {

namespace {

/// The condition that selects devices with a factor's value; empty for the wave.
std::string condition_of(const FailureFactor& factor) {
    if (factor.path == "wave") return {};
    std::string condition = factor.path + " = ";
    if (factor.value.front() != '"') return condition + factor.value;
    const auto document = JsonDocument::parse(factor.value);
    condition += '\'';
    for (const char c : document ? std::string(document->root().string()) : std::string()) {
        if (c == '\'' || c == '"' || c == '\\') condition += '\\';
        condition += c;
    }
    return condition + '\'';
}

/// Two digits of a number that may be very small.
double two_digits(double value) {
    if (value <= 0) return 0;
    const double scale = std::pow(10, 1 - std::floor(std::log10(value)));
    return std::isfinite(scale) ? std::round(value * scale) / scale : value;
}

void append_factor(JsonWriter& json, const FailureFactor& factor) {
    json.begin_object().member("path", factor.path).member_raw("value", factor.value);
    json.member("failedCount", factor.failed).member("deviceCount", factor.devices);
    json.member("lift", two_digits(factor.lift)).member("p", two_digits(factor.p));
    if (const auto condition = condition_of(factor); !condition.empty())
        json.member("queryCondition", condition);
    json.end_object();
}

void append_group(JsonWriter& json, const FailureGroup& group) {
    json.begin_object().member("kind", failure_kind_text(group.kind)).member("code", group.code);
    json.member("description", group.description);
    if (group.status != 0) json.member("status", group.status);
    json.member("count", group.count).key("sample").begin_array();
    for (const auto& id : group.samples) json.value(id);
    json.end_array();
    if (!group.by_wave.empty()) {
        json.key("waves").begin_array();
        for (const auto& [wave, count] : group.by_wave)
            json.begin_object().member("wave", wave).member("count", count).end_object();
        json.end_array();
    }
    json.key("factors").begin_array();
    for (const auto& factor : group.factors) append_factor(json, factor);
    json.end_array().end_object();
}

}  // namespace

Task<Result<HttpResponse>> list_job_failures(Request& request) {
    const auto filter = read_report_filter(request);
    if (!filter) co_return fail(filter.error());
    auto reading =
        report_failures(request.hub.port(), request.hub.jobs(), std::string(request.ids[0]), *filter);
    const auto report = co_await std::move(reading);
    if (!report) co_return fail(report.error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", request.ids[0]).member("failedCount", report->failed);
    json.key("groups").begin_array();
    for (const auto& group : report->groups) append_group(json, group);
    json.end_array().member("unnamed", report->unnamed).end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
