#pragma once

#include "model/rollouts/rollout.hpp"

#include <string>
#include <vector>

namespace carillon {

class RolloutReader;

/// The endpoints of routes that hear of a job beside those that hear of every job: `notify` of a rollout.
/// Source: docs/rollout-reference.md.
struct RolloutNotify {
    static constexpr std::size_t endpoints_max = 8;
    static constexpr std::size_t name_chars_max = 64;
    std::vector<std::string> endpoints;

    /// That of a rollout, which is checked; empty if it has none.
    static RolloutNotify of(const Rollout& rollout);
};

/// What is wrong is said by `in`.
RolloutNotify read_notify(RolloutReader& in, JsonValue value);

}  // namespace carillon
