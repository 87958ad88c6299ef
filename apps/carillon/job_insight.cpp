#include "job_insight.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <fmt/core.h>
#include <iostream>
#include <utility>
#include <vector>

namespace carillon {

namespace {

/// What only Carillon says of a job, by the devices that are meant.
std::string job_path(const std::string& job, std::string_view what, const JobDeviceFilter& filter) {
    std::string path = "/carillon/jobs/" + percent_encode(job) + '/' + std::string(what);
    char mark = '?';
    const auto add = [&](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        path.append(1, std::exchange(mark, '&')).append(name).append("=").append(percent_encode(value));
    };
    add("status", filter.status);
    add("kind", filter.kind);
    if (filter.wave) add("wave", std::to_string(*filter.wave));
    return path;
}

/// `tags.fw = '1.4.2': 24 of 25, and of 90 devices in all`.
std::string factor_text(JsonValue factor, std::int64_t failed) {
    const JsonValue condition = factor.find("queryCondition");
    const std::string what = condition.is_string() ? std::string(condition.string())
                                                   : fmt::format("{} {}", factor.find("path").string(),
                                                                 factor.find("value").raw());
    return fmt::format("{}: {} of {} failed, {} devices in all", what,
                       factor.find("failedCount").integer().value_or(0), failed,
                       factor.find("deviceCount").integer().value_or(0));
}

std::string failure_row(JsonValue group) {
    std::string in_common;
    const auto count = group.find("count").integer().value_or(0);
    for (JsonValue v = group.find("factors").first(); v.exists(); v = v.next()) {
        if (!in_common.empty()) in_common += "; ";
        in_common += factor_text(v, count);
    }
    std::string row;
    JsonWriter json(row);
    json.begin_object();
    for (JsonValue v = group.first(); v.exists(); v = v.next()) json.member_raw(v.key(), v.raw());
    json.member("inCommon", in_common).end_object();
    return row;
}

}  // namespace

Result<std::vector<std::string>> failure_rows(std::string_view failures) {
    const auto document = JsonDocument::parse(failures);
    if (!document || !document->root().find("groups").is_array())
        return fail(Errc::malformed_packet, "the hub's answer has no groups");
    std::vector<std::string> rows;
    for (JsonValue v = document->root().find("groups").first(); v.exists(); v = v.next())
        rows.push_back(failure_row(v));
    return rows;
}

Result<Exit> show_job_failures(ServiceClient& client, const HubFlags& flags, const std::string& job,
                               const JobDeviceFilter& filter) {
    const auto failures =
        client.send({.method = "GET", .target = job_path(job, "failures", filter), .body = {}});
    if (!failures) return fail(failures.error());
    auto groups = failure_rows(*failures);
    if (!groups) return fail(std::move(groups).error());
    RowsOut rows(flags, {{"KIND", "kind"},
                         {"COUNT", "count"},
                         {"STATUS", "status", 3},
                         {"DESCRIPTION", "description", 1},
                         {"IN COMMON", "inCommon", 2}});
    rows.print(*std::move(groups), 0);
    rows.finish();
    return Exit::ok;
}

Result<Exit> show_job_outcomes(ServiceClient& client, const HubFlags& flags, const std::string& job,
                               const JobDeviceFilter& filter, std::size_t top) {
    RowsOut rows(flags, {{"DEVICE", "deviceId"},
                         {"MODULE", "moduleId", 5},
                         {"STATE", "state"},
                         {"REASON", "reason"},
                         {"STATUS", "status", 4},
                         {"ATTEMPTS", "attempts", 3},
                         {"WAVE", "wave", 2},
                         {"BEGUN", "begun", 6},
                         {"ENDED", "ended", 1}});
    const auto lines = client.send({.method = "GET", .target = job_path(job, "devices", filter), .body = {}});
    if (!lines) return fail(lines.error());
    std::vector<std::string> items;
    for (const std::string_view line : split(*lines, '\n')) {
        if (!line.empty()) items.emplace_back(line);
    }
    rows.print(std::move(items), top);
    rows.finish();
    return Exit::ok;
}

Result<Exit> show_job_verification(ServiceClient& client, const HubFlags& flags, const std::string& job,
                                   const std::string& seal) {
    const std::string query = seal.empty() ? "" : "?seal=" + percent_encode(seal);
    const auto found =
        client.send({.method = "GET", .target = job_path(job, "verify", {}) + query, .body = {}});
    if (!found) return fail(found.error());
    show_document(flags, *found);
    const auto document = JsonDocument::parse(*found);
    const std::string verdict(document ? document->root().find("verdict").string() : "");
    if (verdict == "intact") {
        std::cerr
            << "Each event fits the one before. Keep the seal elsewhere, and pass it by --seal some day.\n";
        return Exit::ok;
    }
    if (verdict == "notChained") {
        std::cerr << "This log has no hashes: the job has no rollout, or an older version began it.\n";
        return Exit::ok;
    }
    std::cerr << "The log is not as it was written.\n";
    return Exit::damaged;
}

}  // namespace carillon
