#pragma once

#include "model/tier.hpp"
#include "query/query.hpp"

#include <optional>

namespace carillon {

/// How a hub is set up, beside its jobs: from the configuration.
struct HubOptions {
    query::QueryOptions queries;      ///< Of statements and of jobs' conditions.
    std::optional<TierProfile> tier;  ///< Whose throttles it keeps; nothing for none.
};

}  // namespace carillon
