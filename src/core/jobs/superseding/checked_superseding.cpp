// How many jobs take part in superseding.

#include "core/jobs/job_coordinator.hpp"
#include "model/rollouts/supersede.hpp"

#include <fmt/core.h>

namespace carillon {

Result<> JobCoordinator::check_superseding(const Rollout& rollout) const {
    if (superseding_ < superseding_max || !RolloutSupersede::of(rollout)) return {};
    return fail(Errc::throttling_max_active_job_count_exceeded,
                fmt::format("At most {} active jobs may have rollout.supersede.", superseding_max));
}

}  // namespace carillon
