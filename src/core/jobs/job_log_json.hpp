#pragma once

#include "core/jobs/job_log.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// One event of a job's own log as a line of its history, without a newline: `id` (job number and sequence),
/// `time`, `event`, who and why, the numbers that it was decided by, and its hash if the log is chained.
/// Page: docs/rollouts.md.
std::string job_log_event_json(std::uint64_t job, std::uint64_t sequence, const JobLogEvent& event,
                               const std::optional<Sha256Digest>& hash = {});

}  // namespace carillon
