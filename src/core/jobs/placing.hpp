#pragma once

#include "core/jobs/job_coordinator.hpp"

namespace carillon {

/// A start of a job with a rollout: what its parts have found so far.
struct JobCoordinator::Placing {
    std::shared_ptr<JobEntry> entry;
    std::uint64_t attempt = 0;
    std::vector<std::uint64_t> sizes;
    std::vector<PartKeys> keys;
    std::vector<Sha256Digest> digests;
    std::uint64_t planned = 0;   ///< Devices that the job's plan has found too.
    std::vector<bool> has_told;  ///< By part: what it has found.
    std::size_t parts_left = 0;  ///< So many have not.
    bool has_order = false;
    bool is_placing = false;       ///< The parts were told their places.
    std::optional<Error> refused;  ///< What hindered a part.
    std::vector<PartPlaces> places;
};

}  // namespace carillon
