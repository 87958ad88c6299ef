#include "device/retry_schedule.hpp"

#include <algorithm>

namespace carillon::client {

std::optional<std::chrono::milliseconds> next_delay(const RetryPolicy& policy, std::uint32_t failures,
                                                    std::uint64_t chance) {
    using std::chrono::milliseconds;
    if (failures > policy.attempts_max) return std::nullopt;
    if (policy.is_first_at_once && failures == 1) return milliseconds(0);
    const std::uint32_t round = failures - (policy.is_first_at_once ? 1 : 0);
    // Beyond this the longest delay is long reached, for any step worth the name.
    constexpr std::uint32_t doublings_max = 20;
    const std::int64_t factor = (std::int64_t{1} << std::min(round, doublings_max)) - 1;
    const auto longest = std::min(policy.delay_max, policy.delay_min + policy.step * factor);
    const auto quarter = longest.count() / 4;
    if (quarter <= 0) return longest;
    return longest -
           milliseconds(static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(quarter + 1)));
}

}  // namespace carillon::client
