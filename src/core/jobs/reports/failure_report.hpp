#pragma once

#include "core/jobs/jobs.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/jobs/reports/failure_factors.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace carillon {

class ShardPort;

/// Devices of a job that failed for one cause.
struct FailureGroup {
    static constexpr std::size_t samples_max = 5;

    FailureKind kind = FailureKind::other;
    std::string code;
    std::string description;  ///< With `#` for numbers.
    int status = 0;           ///< Of their answers; 0 if there are none.
    std::uint64_t count = 0;
    std::vector<std::string> samples;                ///< Ids.  Bound: samples_max
    std::map<std::uint32_t, std::uint64_t> by_wave;  ///< Bound: waves_expanded_max
    std::vector<FailureFactor> factors;              ///< Bound: factors_max
};

struct FailureReport {
    static constexpr std::size_t groups_max = 100;  ///< Ours: further failures are counted alone.

    std::uint64_t failed = 0;
    std::uint64_t unnamed = 0;         ///< Failed devices of further groups.
    std::vector<FailureGroup> groups;  ///< The largest first.  Bound: groups_max
};

/// Reads the failures of a job, those of one cause together, and says of the largest groups what their
/// devices have in common: tags and reported properties as they are now, and the wave. Any thread. Fails as
/// `Jobs::report`, `DeviceReports::next` and `ShardPort::ask`.
Task<Result<FailureReport>> report_failures(ShardPort& port, Jobs& jobs, std::string id,
                                            DeviceReportFilter filter);

}  // namespace carillon
