#include "job_request.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"

namespace carillon {

namespace {

constexpr std::string_view method_type = "scheduleDeviceMethod";
constexpr std::string_view twin_type = "scheduleUpdateTwin";

Result<std::string_view> type_of(const JobOrder& order) {
    const bool has_method = !order.method_name.empty();
    const bool has_patch = !order.twin_patch.empty();
    if (has_method && has_patch) {
        return fail_usage(
            "a job either calls a method or updates twins: --method-name and --twin-patch exclude "
            "each other");
    }
    if (order.type.empty()) {
        if (has_method) return method_type;
        if (has_patch) return twin_type;
        return fail_usage("the job has no operation: give --method-name or --twin-patch");
    }
    if (equals_ignoring_case(order.type, method_type)) {
        if (!has_method) return fail_usage("a scheduleDeviceMethod job needs --method-name");
        return method_type;
    }
    if (equals_ignoring_case(order.type, twin_type)) {
        if (!has_patch) return fail_usage("a scheduleUpdateTwin job needs --twin-patch");
        return twin_type;
    }
    return fail_usage("--job-type is scheduleDeviceMethod or scheduleUpdateTwin, not `" + order.type + "`");
}

Result<std::string> condition_of(const JobOrder& order) {
    if (!order.condition.empty() && !order.devices.empty()) {
        return fail_usage("--query-condition and --device-ids exclude each other");
    }
    if (!order.devices.empty()) return condition_for(order.devices);
    if (!order.condition.empty()) return order.condition;
    if (order.has_other_job) return std::string();
    return fail_usage("which devices? Give --query-condition (\"*\" for all of them) or --device-ids");
}

Result<> write_method(JsonWriter& json, const JobOrder& order) {
    constexpr int response_timeout_default_s = 30;
    const int response_s = order.response_timeout_s.value_or(response_timeout_default_s);
    if (order.connect_timeout_s.value_or(0) > response_s) {
        return fail_usage("--method-connect-timeout, " + std::to_string(*order.connect_timeout_s) +
                          " s, cannot be longer than --method-response-timeout, " +
                          std::to_string(response_s) + " s");
    }
    json.key("cloudToDeviceMethod").begin_object().member("methodName", order.method_name);
    json.member_raw("payload",
                    order.method_payload.empty() ? "null" : std::string_view(order.method_payload));
    if (order.response_timeout_s) json.member("responseTimeoutInSeconds", *order.response_timeout_s);
    if (order.connect_timeout_s) json.member("connectTimeoutInSeconds", *order.connect_timeout_s);
    json.end_object();
    return {};
}

/// A job's twin update is unconditional, and the hub wants that said.
Result<> write_patch(JsonWriter& json, const JobOrder& order) {
    const auto document = JsonDocument::parse(order.twin_patch);
    if (!document || !document->root().is_object()) {
        return fail_usage("--twin-patch must be an object such as {\"properties\":{\"desired\":{…}}}");
    }
    json.key("updateTwin").begin_object().member("etag", "*");
    for (auto member = document->root().first(); member.exists(); member = member.next()) {
        if (member.key() != "etag") json.member_raw(member.key(), member.raw());
    }
    json.end_object();
    return {};
}

}  // namespace

std::string query_literal(std::string_view text) {
    std::string literal = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') literal += '\\';
        literal += c;
    }
    return literal + '\'';
}

std::string condition_for(const std::vector<std::string>& devices) {
    std::string condition = "deviceId IN [";
    for (const auto& device : devices) {
        if (condition.back() != '[') condition += ',';
        condition += query_literal(device);
    }
    return condition + ']';
}

Result<std::string> start_time_text(std::string_view start, WallTime now) {
    if (!start.empty() && start.front() == '+') {
        static constexpr std::string_view units = "smhd";
        static constexpr std::int64_t unit_s[] = {1, 60, 3600, 86400};
        constexpr std::int64_t amount_max = 1'000'000;
        const auto unit = units.find(start.back());
        const auto amount = parse_u64(start.substr(1, start.size() < 3 ? 0 : start.size() - 2));
        if (unit == units.npos || !amount || *amount > amount_max) {
            return fail_usage("--start-time: `" + std::string(start) +
                              "` is not like +90s, +15m, +2h or +1d");
        }
        return to_iso8601(now.plus_s(static_cast<std::int64_t>(*amount) * unit_s[unit]));
    }
    const auto time = parse_iso8601(start);
    if (!time)
        return fail_usage("--start-time: `" + std::string(start) + "` is not an ISO 8601 time nor like +15m");
    return to_iso8601(*time);
}

Result<std::string> job_type_of(const JobOrder& order) {
    const auto type = type_of(order);
    if (!type) return fail(type.error());
    return std::string(*type);
}

Result<JobOrder> order_again(std::string_view job_json) {
    const auto document = JsonDocument::parse(job_json);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    const JsonValue job = document->root();
    JobOrder order;
    const JsonValue call = job.find("cloudToDeviceMethod");
    if (call.is_object()) {
        order.method_name = call.find("methodName").string();
        if (const JsonValue payload = call.find("payload"); payload.exists())
            order.method_payload = payload.raw();
        const auto seconds = [&call](std::string_view name) -> std::optional<int> {
            const auto number = call.find(name).integer();
            return number && *number > 0 && *number <= 300 ? std::optional(static_cast<int>(*number))
                                                           : std::nullopt;
        };
        order.response_timeout_s = seconds("responseTimeoutInSeconds");
        order.connect_timeout_s = seconds("connectTimeoutInSeconds");
    } else if (const JsonValue update = job.find("updateTwin"); update.is_object()) {
        JsonWriter patch(order.twin_patch);
        patch.begin_object();
        for (JsonValue v = update.first(); v.exists(); v = v.next()) {
            if (v.key() == "tags" || v.key() == "properties") patch.member_raw(v.key(), v.raw());
        }
        patch.end_object();
    } else {
        return fail(Errc::malformed_packet, "the hub's answer is not a job over devices");
    }
    if (const JsonValue rollout = job.find("rollout"); rollout.is_object()) order.rollout = rollout.raw();
    return order;
}

Result<std::string> job_request_json(const JobOrder& order, WallTime now) {
    const auto type = type_of(order);
    if (!type) return fail(type.error());
    const auto condition = condition_of(order);
    if (!condition) return fail(condition.error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", order.id).member("type", *type);
    auto written = *type == method_type ? write_method(json, order) : write_patch(json, order);
    if (!written) return fail(std::move(written).error());
    if (!condition->empty()) json.member("queryCondition", *condition);
    if (!order.start.empty()) {
        const auto start = start_time_text(order.start, now);
        if (!start) return fail(start.error());
        json.member("startTime", *start);
    }
    if (order.execution_time_max_s) json.member("maxExecutionTimeInSeconds", *order.execution_time_max_s);
    if (!order.rollout.empty()) json.member_raw("rollout", order.rollout);
    json.end_object();
    return body;
}

}  // namespace carillon
