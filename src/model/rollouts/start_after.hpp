#pragma once

#include "model/rollouts/rollout.hpp"

#include <optional>
#include <string>

namespace carillon {

class RolloutReader;

/// The job whose success this one waits for: `startAfter` of a rollout. Source: docs/rollout-reference.md.
struct RolloutStartAfter {
    std::string job;
    RolloutPass pass;  ///< Of all devices of that job but the canceled ones.
    bool operator==(const RolloutStartAfter&) const = default;

    /// That of a rollout, which is checked; nothing if it has none.
    static std::optional<RolloutStartAfter> of(const Rollout& rollout);
};

std::optional<RolloutStartAfter> read_start_after(RolloutReader& in, JsonValue value);

}  // namespace carillon
