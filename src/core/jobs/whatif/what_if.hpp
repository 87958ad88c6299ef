#pragma once

#include "core/jobs/reports/device_reports.hpp"
#include "core/jobs/whatif/recorded_job.hpp"
#include "core/jobs/whatif/what_if_answer.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// What would have become of the job that `reports` are of with `changes`, a merge patch of its rollout of
/// pace, stop, success, retry and waves. `policy` asks. Any thread; `reports` outlives it. Fails with
/// `argument_invalid`, `operation_not_allowed_in_current_state` for a job that has not begun or has no
/// rollout, `throttling_exception`, `service_unavailable` and `store_corrupt`.
Task<Result<WhatIfAnswer>> what_if(DeviceReports& reports, std::string changes, std::string policy,
                                   RecordedJobLimits limits = {});

/// As the REST answer has it.
std::string what_if_json(const std::string& id, std::uint64_t number, const WhatIfAnswer& answer);

}  // namespace carillon
