#pragma once

#include "model/jobs/job.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace carillon {

/// What somebody wants of a job with a rollout.
struct JobWish {
    enum What : std::uint8_t { pause, resume, promote, change, close };
    What what = pause;
    JobActor by;
    std::string why;
    std::uint32_t wave = 0;                 ///< Of `promote`.
    std::string changes;                    ///< Of `change`: a merge patch of the rollout, an object.
    std::optional<std::uint64_t> revision;  ///< The one it is meant for, if that counts.
};

}  // namespace carillon
