#pragma once

#include "base/task.hpp"
#include "core/port/shard_requests.hpp"

#include <vector>

namespace carillon {

/// Applies entries of an import, as `ApplyEntries` says. On the shard's thread.
Task<Result<std::vector<Result<>>>> import_entries(ShardSeat* seat, ApplyEntries request);

}  // namespace carillon
