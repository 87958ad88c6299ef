#pragma once

#include "core/jobs/reports/part_report.hpp"

#include <string>
#include <string_view>

namespace carillon::rest {

/// What became of a device, in words: `pending`, `running`, `succeeded`, `failed`, `canceled`.
std::string_view report_state(const DeviceReport& report);
/// Why: the kind of a failure, or why it was canceled; else empty.
std::string_view report_reason(const DeviceReport& report);

/// Appends a report as a line of JSON, without its end.
void append_report_json(std::string& out, const DeviceReport& report);
/// The names of the columns, and a report in them (RFC 4180), each with its end.
inline constexpr std::string_view report_csv_head =
    "deviceId,moduleId,state,reason,status,attempts,wave,begun,ended\r\n";
void append_report_csv(std::string& out, const DeviceReport& report);

}  // namespace carillon::rest
