#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/shard/caller_limits.hpp"
#include "model/token_bucket.hpp"

#include <array>
#include <mutex>
#include <optional>
#include <string>

namespace carillon {

class Shards;

/// What a strict hub lets through, as the service would: what comes too fast is made to wait a little,
/// and refused if it would have to wait long. Without a profile nothing is throttled. Any thread.
/// Source: IoT Hub docs, "IoT Hub quotas and throttling", traffic shaping.
class Throttles {
public:
    /// Ours: how long a request may be made to wait; what would wait longer is refused at once. It
    /// bounds what waits, too: ten seconds' worth of each class.
    static constexpr std::chrono::seconds wait_max{10};

    explicit Throttles(const std::optional<TierProfile>& profile, const CallerRates& rates = {});

    bool is_on() const { return is_on_; }
    /// How long the operation has to wait; fails with `throttling_exception` beyond `wait_max`.
    Result<Duration> take(ThrottleClass what, double cost, TimePoint now);
    /// For what nobody can let wait: fails with `throttling_exception` unless it may go on now.
    Result<> take_now(ThrottleClass what, TimePoint now);
    /// Up to `most` operations that may go on now, for whoever asks again later; all without a profile.
    std::size_t take_some(ThrottleClass what, std::size_t most, TimePoint now);
    /// What single devices and policies may do.
    CallerLimits& callers() { return callers_; }

    /// Operations taken and not carried out.
    void give_back(ThrottleClass what, std::size_t count);

private:
    TokenBucket& bucket(ThrottleClass what) { return buckets_[static_cast<std::size_t>(what)]; }

    const bool is_on_;
    std::mutex mutex_;  ///< Guards `buckets_`.
    std::array<TokenBucket, throttle_classes> buckets_;
    CallerLimits callers_;
};

/// Takes an operation from the hub's throttles and waits as long as they say. Fails likewise.
Task<Result<>> pass_throttle(Shards& shards, Throttles& throttles, ThrottleClass what, double cost);
/// The same of a policy's own limit.
Task<Result<>> pass_policy_limit(Shards& shards, Throttles& throttles, std::string policy);

}  // namespace carillon
