#pragma once

#include "base/result.hpp"
#include "core/shard/placement.hpp"
#include "core/shard/record.hpp"
#include "model/token_bucket.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace carillon {

/// What one caller may do in a second; 0: as much as it likes.
struct CallerRates {
    std::uint32_t device_messages_per_s = 0;  ///< Device-to-cloud messages of a device, its modules apart.
    std::uint32_t device_bytes_per_s = 0;     ///< Of their bodies and properties.
    std::uint32_t policy_calls_per_s = 0;     ///< Requests over HTTPS by tokens and sessions of a policy.
};

/// Holds single devices and policies to rates of their own, so that one of them takes nothing from the
/// others. What a second brings may come at once. Ours; where it ends in refusals, these are those of the
/// service's throttles.
class CallerLimits {
public:
    /// How long a call of a policy may be made to wait; what would wait longer is refused.
    static constexpr std::chrono::seconds wait_max{10};

    explicit CallerLimits(const CallerRates& rates) : rates_(rates) {}

    /// Fails with `throttling_exception` unless the identity may send a message of `bytes` now. Its shard's
    /// thread.
    Result<> take_message(std::uint32_t shard, Ordinal identity, std::size_t bytes, TimePoint now);

    bool limits_policies() const { return rates_.policy_calls_per_s != 0; }
    /// How long a call of the policy has to wait. Fails with `throttling_exception`. Any thread.
    Result<Duration> take_call(std::string_view policy, TimePoint now);

private:
    struct Account {
        TokenBucket messages;
        TokenBucket bytes;
        TimePoint full_by{};  ///< From then on it is as good as new, and is forgotten.
    };
    struct ShardAccounts {
        /// Bound: those who sent something in the last two seconds.
        std::unordered_map<Ordinal, Account> accounts;
        std::size_t swept_at = 1024;  ///< How many there are when those that are full are looked for.
    };
    void sweep(ShardAccounts& of_shard, TimePoint now) const;

    const CallerRates rates_;
    std::array<ShardAccounts, shards_max> shards_;  ///< Each its shard's own.
    std::mutex mutex_;                              ///< Guards `policies_`.
    /// Bound: Policies::count_max, and those that were removed.
    std::map<std::string, TokenBucket, std::less<>> policies_;
};

}  // namespace carillon
