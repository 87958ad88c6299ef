#pragma once

#include "base/json.hpp"
#include "model/rollouts/rollout.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon {

class RolloutReader;

/// The plan that a job carries out: `plan` of a rollout. Source: docs/rollout-reference.md.
struct RolloutPlanRef {
    std::string id;
    std::string hash;         ///< As the plan shows it, in lower case.
    RolloutShare drift{100};  ///< Devices that may have left or come since, of those planned.
    bool operator==(const RolloutPlanRef&) const = default;

    /// That of a rollout, which is checked; nothing if it has none.
    static std::optional<RolloutPlanRef> of(const Rollout& rollout);
};

std::optional<RolloutPlanRef> read_plan_ref(RolloutReader& in, JsonValue value);

/// The reference in a JobRequest, before anything else of it is read; nothing if it has none. Fails with
/// `argument_invalid` if it is not one, or if there is more beside it than `jobId`, `startTime`,
/// `rollout.note` and the plan itself: everything else comes from the plan.
Result<std::optional<RolloutPlanRef>> find_plan_ref(JsonValue request);
/// The document of the plan with what `request` adds to it, for the job `id`.
std::string planned_request(JsonValue document, JsonValue request, std::string_view id);

}  // namespace carillon
