#pragma once

#include <chrono>
#include <cstdint>

namespace carillon {

/// When to try again what failed: at once the first time, if so wished, then after
/// `delay_min + step * (2^n - 1)`, at most `delay_max`; of that a random share between three quarters and
/// all, so that a fleet does not come back in step.
/// Source: azure-iot-sdk-java: ExponentialBackoffWithJitter.java, whose values these are; the share at the
/// upper bound is ours.
struct RetryPolicy {
    std::chrono::milliseconds delay_min{100};
    std::chrono::milliseconds delay_max{10'000};
    std::chrono::milliseconds step{100};
    bool is_first_at_once = true;
    /// Failures in a row after which another attempt follows; one more is the end.
    std::uint32_t attempts_max = UINT32_MAX;
};

}  // namespace carillon
