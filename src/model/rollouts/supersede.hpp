#pragma once

#include "model/jobs/job.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace carillon {

class RolloutReader;

/// That a job takes part in superseding: `supersede` of a rollout. A job that starts takes the devices over
/// that jobs which started before it have not begun, if both act upon the same. Source:
/// docs/rollout-reference.md.
struct RolloutSupersede {
    static constexpr std::size_t key_bytes_max = 64;
    std::string key;  ///< Jobs of one key act upon the same; empty: what they write or call decides.
    bool operator==(const RolloutSupersede&) const = default;

    /// That of a rollout, which is checked; nothing if it has none.
    static std::optional<RolloutSupersede> of(const Rollout& rollout);
};

std::optional<RolloutSupersede> read_supersede(RolloutReader& in, JsonValue value);

/// True if both take part and act upon the same.
bool supersede_each_other(const JobDefinition& one, const JobDefinition& other);

}  // namespace carillon
