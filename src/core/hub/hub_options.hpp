#pragma once

#include "core/shard/caller_limits.hpp"
#include "model/tier.hpp"
#include "query/query.hpp"

#include <optional>

namespace carillon {

/// How a hub is set up, beside its jobs: from the configuration.
struct HubOptions {
    query::QueryOptions queries;      ///< Of statements and of jobs' conditions.
    std::optional<TierProfile> tier;  ///< Whose throttles it keeps; nothing for none.
    CallerRates callers;              ///< What single devices and policies may do.
};

}  // namespace carillon
