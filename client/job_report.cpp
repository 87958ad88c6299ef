#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/service_job.hpp"

namespace carillon {

namespace {

std::int64_t count(JsonValue counts, std::string_view name) {
    const auto number = counts.find(name).integer();
    return number && *number > 0 ? *number : 0;
}

void read_times(JsonValue job, JobReport& report) {
    const auto start = parse_iso8601(job.find("startTime").string());
    if (!start) return;
    report.start = std::chrono::system_clock::time_point(std::chrono::seconds(start->unix_s()));
    const auto time_max_s = job.find("maxExecutionTimeInSeconds").integer();
    // A month is more than any hub allows, and keeps the sum in range.
    constexpr std::int64_t time_max_s_max = 31LL * 24 * 3600;
    if (!time_max_s || *time_max_s < 0 || *time_max_s > time_max_s_max) return;
    report.deadline = *report.start + std::chrono::seconds(*time_max_s);
}

void read_failures(JsonValue job, JobReport& report) {
    const auto failures = job.find("failures");
    if (!failures.is_array()) return;
    auto& read = report.failures.emplace();
    for (auto each = failures.first(); each.exists(); each = each.next()) {
        read.push_back({std::string(each.find("code").string()),
                        std::string(each.find("description").string()), count(each, "count")});
    }
    report.other_failures = count(job, "otherFailures");
    for (auto each = job.find("answers").first(); each.exists(); each = each.next()) {
        const auto status = each.find("status").integer();
        if (status) report.answers.push_back({static_cast<int>(*status), count(each, "count")});
    }
}

/// What stands beside the object itself, which the answer to a plain GET has too.
void read_rollout(JsonValue job, JobReport& report) {
    const auto revision = job.find("revision").integer();
    if (!revision || !job.find("rollout").is_object()) return;
    auto& rollout = report.rollout.emplace();
    rollout.revision = *revision;
    const auto paused = job.find("paused");
    rollout.paused_by = paused.find("by").string();
    rollout.paused_why = paused.find("why").string();
    for (auto each = job.find("waves").first(); each.exists(); each = each.next()) {
        rollout.waves.push_back({std::string(each.find("state").string()), count(each, "size"),
                                 count(each, "succeeded"), count(each, "failed")});
    }
    const auto held = job.find("held");
    for (auto each = held.first(); each.exists(); each = each.next()) {
        if (each.integer().value_or(0) > 0) rollout.held.emplace_back(each.key(), *each.integer());
    }
    rollout.verdict = job.find("verdict").string();
}

}  // namespace

Result<JobReport> read_job_report(std::string_view job_json) {
    const auto document = JsonDocument::parse(job_json);
    if (!document || !document->root().find("status").is_string()) {
        return fail(Errc::malformed_packet, "the hub's answer is not a job");
    }
    const auto job = document->root();
    JobReport report;
    report.id = job.find("jobId").string();
    report.type = job.find("type").string();
    report.status = job.find("status").string();
    report.condition = job.find("queryCondition").string();
    report.failure_reason = job.find("failureReason").string();
    const auto counts = job.find("deviceJobStatistics");
    report.devices = count(counts, "deviceCount");
    report.pending = count(counts, "pendingCount");
    report.running = count(counts, "runningCount");
    report.succeeded = count(counts, "succeededCount");
    report.failed = count(counts, "failedCount");
    report.canceled = count(counts, "canceledCount");
    read_times(job, report);
    if (job.find("devicesPerSecond").is_number()) {
        report.devices_per_second = job.find("devicesPerSecond").number();
    }
    if (const auto left = job.find("secondsLeft").integer()) report.left = std::chrono::seconds(*left);
    read_failures(job, report);
    read_rollout(job, report);
    report.json = job_json;
    return report;
}

}  // namespace carillon
