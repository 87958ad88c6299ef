#pragma once

#include "model/jobs/job.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace carillon {

/// What a job acts upon in each of its devices: `method:` and the name of its method, or each path of a twin
/// that it writes, `properties.desired.interval`; a whole section or object by its own path.
/// At most `touched_max`; a job that writes more acts upon `tags` and `properties.desired`.
/// Source: docs/rollout-reference.md, supersede.
inline constexpr std::size_t touched_max = 256;
std::vector<std::string> touched_by(const JobDefinition& definition);

/// The first of `ours` that is the same as, above or below one of `theirs`; empty if none is.
std::string find_shared(const std::vector<std::string>& ours, const std::vector<std::string>& theirs);

}  // namespace carillon
