#pragma once

#include "model/jobs/job.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Which jobs a list shows.
struct JobFilter {
    std::optional<JobType> type;
    std::optional<JobStatus> status;
    bool nothing = false;  ///< The filter names a type or status no job here can have.
};

struct JobListPage {
    std::vector<JobSnapshot> jobs;
    std::string position;  ///< Where the next page begins; empty when nothing follows.
};

/// Ours: a page of a list ends, short, behind the job whose text reaches this.
inline constexpr std::size_t job_list_bytes_max = 512 * 1024;

/// A page of rows of `devices.jobs`.
struct DeviceJobPage {
    std::vector<DeviceJob> rows;
    std::string position;  ///< As of `JobListPage`.
};

/// Ours: rows that one call for such a page looks at.
inline constexpr std::size_t device_job_scan_max = 20'000;
/// Ours: steps of the evaluator that one such call takes.
inline constexpr std::uint64_t device_job_scan_steps_max = 16 * 1024 * 1024;
/// Decides about a row of `devices.jobs`; its work is counted.
using DeviceJobKeep = std::function<bool(const DeviceJob&, query::Meter&)>;

}  // namespace carillon
