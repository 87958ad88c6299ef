#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/jobs/job_tally.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// What is stored of a job's state beside its definition. Format: docs/jobs.md.
struct JobRecord {
    JobStatus status = JobStatus::queued;  ///< `scheduled` is stored as queued; the start says it.
    bool is_cancelling = false;            ///< A cancel was accepted while running.
    WallTime started;                      ///< When the targets were found; 0 before.
    WallTime ended;
    std::string failure_reason;
    std::optional<JobCounts> counts;  ///< Terminal jobs that ran.
    std::optional<JobTally> tally;    ///< The same; absent where an older version stored the end.
};

std::string encode_job_record(const JobRecord& record);
/// Fails with `store_corrupt`.
Result<JobRecord> decode_job_record(Bytes bytes);

/// Keys of `Table::jobs`.
std::string job_definition_key(std::uint64_t job);
std::string job_record_key(std::uint64_t job);
inline constexpr std::string_view job_definitions_from = "d";
inline constexpr std::string_view job_definitions_to = "e";
std::uint64_t job_of_key(std::string_view key);

}  // namespace carillon
