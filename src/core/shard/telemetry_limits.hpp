#pragma once

#include <cstdint>

namespace carillon {

/// Bounds of the event log; whichever is reached first removes the oldest messages.
struct TelemetryLimits {
    std::uint64_t bytes_max = 1024ULL * 1024 * 1024;  ///< Of one partition.
    std::int64_t age_max_s = 24 * 3600;               ///< The service's default retention, 1 day.
};

}  // namespace carillon
