#pragma once

#include "base/metrics.hpp"

namespace carillon {

/// What the commits of a store came to. Written by whoever commits (`add_shared`), read by any thread.
struct CommitMetrics {
    TimeHistogram seconds;   ///< From the call until the batch was on disk, or refused.
    CountHistogram records;  ///< Changes in a batch.
    Counter bytes;           ///< Of their keys and values.
    Counter failures;
};

}  // namespace carillon
