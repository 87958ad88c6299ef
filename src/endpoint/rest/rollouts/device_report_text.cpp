#include "endpoint/rest/rollouts/device_report_text.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace carillon::rest {

namespace {

/// In quotes where it holds what would end it.
void append_cell(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

std::string time_text(WallTime time) {
    return time.ticks == 0 ? std::string() : to_iso8601(time);
}

}  // namespace

std::string_view report_state(const DeviceReport& report) {
    switch (report.state) {
        case TargetState::running:
            return "running";
        case TargetState::succeeded:
            return "succeeded";
        case TargetState::failed:
            return "failed";
        case TargetState::canceled:
            return "canceled";
        case TargetState::pending:
        case TargetState::attempted:
        case TargetState::again:
            break;
    }
    return "pending";
}

std::string_view report_reason(const DeviceReport& report) {
    if (report.kind) return failure_kind_text(*report.kind);
    if (!report.canceled) return "";
    switch (*report.canceled) {
        case CancelReason::cancelled:
            return "cancelled";
        case CancelReason::skipped:
            return "skipped";
        case CancelReason::superseded:
            return "superseded";
        case CancelReason::left:
            return "left";
        case CancelReason::other:
            break;
    }
    return "other";
}

void append_report_json(std::string& out, const DeviceReport& report) {
    JsonWriter json(out);
    json.begin_object().member("deviceId", report.device_id);
    if (!report.module_id.empty()) json.member("moduleId", report.module_id);
    json.member("state", report_state(report));
    if (const auto reason = report_reason(report); !reason.empty()) json.member("reason", reason);
    if (!report.taker.empty()) json.member("by", report.taker);
    if (report.status != 0) json.member("status", report.status);
    json.member("attempts", report.attempts);
    if (report.wave) json.member("wave", *report.wave);
    if (report.begun.ticks != 0) json.member("begun", to_iso8601(report.begun));
    if (report.ended.ticks != 0) json.member("ended", to_iso8601(report.ended));
    if (!report.error_code.empty()) {
        json.key("error").begin_object().member("code", report.error_code);
        json.member("description", report.error_description).end_object();
    }
    json.end_object();
}

void append_report_csv(std::string& out, const DeviceReport& report) {
    append_cell(out, report.device_id);
    out += ',';
    append_cell(out, report.module_id);
    for (const std::string& text :
         {std::string(report_state(report)), std::string(report_reason(report)),
          report.status == 0 ? std::string() : std::to_string(report.status), std::to_string(report.attempts),
          report.wave ? std::to_string(*report.wave) : std::string(), time_text(report.begun),
          time_text(report.ended)}) {
        out += ',';
        append_cell(out, text);
    }
    out += "\r\n";
}

}  // namespace carillon::rest
