#pragma once

#include "failure.hpp"
#include "hub_flags.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Devices of a job; all that is given must hold.
struct JobDeviceFilter {
    std::string status;
    std::string kind;  ///< Of failure.
    std::optional<std::int64_t> wave;
};

/// Prints what became of each device of a job, as the job's log says.
Result<Exit> show_job_outcomes(ServiceClient& client, const HubFlags& flags, const std::string& job,
                               const JobDeviceFilter& filter, std::size_t top);
/// Prints a row for each cause of failure.
Result<Exit> show_job_failures(ServiceClient& client, const HubFlags& flags, const std::string& job,
                               const JobDeviceFilter& filter);
/// Prints whether a job's log is as it was written.
Result<Exit> show_job_verification(ServiceClient& client, const HubFlags& flags, const std::string& job,
                                   const std::string& seal);

/// The groups of a hub's answer as rows: each as it is, and `inCommon` besides, which says the factors in
/// words. Fails with `malformed_packet`.
Result<std::vector<std::string>> failure_rows(std::string_view failures);

}  // namespace carillon
