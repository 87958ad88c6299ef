#pragma once

#include "carillon/retry_policy.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace carillon::client {

/// How long to wait after the `failures`-th failure in a row (1 is the first); nothing if that was enough.
/// `chance` is any random number.
std::optional<std::chrono::milliseconds> next_delay(const RetryPolicy& policy, std::uint32_t failures,
                                                    std::uint64_t chance);

}  // namespace carillon::client
