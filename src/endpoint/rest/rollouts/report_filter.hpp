#pragma once

#include "base/result.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

/// Reads `status` (as of `devices.jobs`), `kind` and `wave` of the URL. Fails with `argument_invalid`.
Result<DeviceReportFilter> read_report_filter(const Request& request);

}  // namespace carillon::rest
