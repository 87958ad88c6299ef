#pragma once

#include "base/json.hpp"
#include "model/rollouts/rollout.hpp"

#include <optional>

namespace carillon {

class RolloutReader;

/// Which devices a job has: `members` of a rollout. A continuous job goes on taking devices that come to
/// match. Source: docs/rollout-reference.md.
struct RolloutMembers {
    bool is_continuous = false;
    bool cancels_on_leave = false;  ///< Who stops matching before its turn is canceled.
    bool operator==(const RolloutMembers&) const = default;

    /// That of a rollout, which is checked; of one without the member the default.
    static RolloutMembers of(const Rollout& rollout);
};

RolloutMembers read_members(RolloutReader& in, JsonValue value);
/// What excludes what, once all of the rollout is read.
void check_members(RolloutReader& in, const RolloutMembers& members, const Rollout& rollout);

}  // namespace carillon
