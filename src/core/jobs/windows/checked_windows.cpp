// What the hub has to know of the windows that a job names.

#include "core/jobs/job_coordinator.hpp"
#include "model/rollouts/windows.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {

/// Whether the hub knows the time zones that are named, and something can begin in each window.
Result<> JobCoordinator::check_windows(const JobDefinition& definition, const Rollout& rollout) const {
    const auto& method = definition.method;
    const auto windows = RolloutWindows::of(rollout, method ? method->response_timeout_s : 0);
    if (!windows) return {};
    if (std::any_of(windows->open.begin(), windows->open.end(),
                    [&](const auto& open) { return open.for_s <= windows->closing_s; })) {
        return fail(
            Errc::argument_invalid,
            fmt::format("rollout.windows.closing: is needed with windows that are not longer than the "
                        "response timeout of the method, {} s",
                        windows->closing_s));
    }
    const bool names_zone = !windows->has_path();
    const auto& zone = names_zone ? windows->zone : windows->fallback;
    if (zone.empty() || zones_.find(zone)) return {};
    return fail(Errc::argument_invalid, fmt::format("rollout.windows.{}: this hub knows no time zone '{}'",
                                                    names_zone ? "zone" : "fallback", zone));
}

}  // namespace carillon
