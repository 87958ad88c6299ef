#pragma once

#include "base/metrics.hpp"
#include "model/jobs/job.hpp"

#include <array>
#include <cstddef>

namespace carillon {

inline constexpr std::array job_types{JobType::device_method, JobType::update_twin};
/// The place in an array of one for each type.
constexpr std::size_t place_of(JobType type) {
    return static_cast<std::size_t>(type) - static_cast<std::size_t>(job_types.front());
}
/// One of each type.
template <class T>
using ByJobType = std::array<T, job_types.size()>;

/// Devices of jobs of one type that ended. Written by a shard's thread, read by any.
struct JobDeviceMetrics {
    Counter succeeded;
    Counter failed;
    Counter canceled;

    /// What the counters of a part of a job became.
    void count(const JobCounts& before, const JobCounts& after) {
        succeeded += after.succeeded - before.succeeded;
        failed += after.failed - before.failed;
        canceled += after.canceled - before.canceled;
    }
    JobDeviceMetrics& operator+=(const JobDeviceMetrics& other) {
        succeeded += other.succeeded;
        failed += other.failed;
        canceled += other.canceled;
        return *this;
    }
};

/// What became of jobs. Written by the first shard's thread, read by any.
struct JobMetrics {
    ByJobType<Counter> accepted;
    ByJobType<Counter> refused;
    Counter completed;
    Counter failed;
    Counter cancelled;
    TimeHistogram start_lag;  ///< From when a job was due until its devices were known and it ran.

    // Of jobs with a rollout.
    Counter waves_passed;
    Counter waves_failed;
    Counter rules_tripped;
    Counter paused_by_hand;
    Counter paused_by_itself;
    Counter resumed;
    Counter promoted;
};

}  // namespace carillon
