#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/jobs/chain/log_check.hpp"
#include "core/jobs/reports/device_reports.hpp"

#include <cstdint>
#include <optional>

namespace carillon {

/// Whether a job's log is as it was written.
struct JobVerification {
    LogReport log;
    /// Of the job that ended before, which the final seal names.
    enum class Previous : std::uint8_t {
        none,
        intact,
        changed,
        gone,     ///< As its time was over.
        missing,  ///< Before that: removed, or pushed out as the history took too much.
    };
    Previous previous = Previous::none;
    bool is_intact() const {
        return log.is_intact() && previous != Previous::changed && previous != Previous::missing;
    }
};

/// Reads the whole log of the job that `reports` are of, in pieces, and compares it with its chain and seals,
/// and with `seal`, if that is given. Any thread; `reports` outlives it, and its place among those that are
/// read. Fails with `service_unavailable`.
Task<Result<JobVerification>> verify_job(DeviceReports& reports, std::optional<Sha256Digest> seal);

}  // namespace carillon
