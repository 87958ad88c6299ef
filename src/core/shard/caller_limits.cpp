#include "core/shard/caller_limits.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace carillon {
namespace {

TokenBucket bucket_of(std::uint32_t per_s) {
    const auto rate = static_cast<double>(per_s);
    return TokenBucket({.per_s = rate, .burst = rate});
}

/// A bucket whose tokens are all taken is full again after a second, and one that owes a message of the
/// largest size at a low rate after long; nobody is forgotten while it owes.
constexpr std::chrono::seconds refill_time{2};

}  // namespace

Result<> CallerLimits::take_message(std::uint32_t shard, Ordinal identity, std::size_t bytes, TimePoint now) {
    if (rates_.device_messages_per_s == 0 && rates_.device_bytes_per_s == 0) return {};
    ShardAccounts& of_shard = shards_[shard];
    const auto [found, is_new] = of_shard.accounts.try_emplace(identity);
    Account& account = found->second;
    if (is_new) {
        account.messages = bucket_of(rates_.device_messages_per_s);
        account.bytes = bucket_of(rates_.device_bytes_per_s);
    }
    const auto is_refused = [now](TokenBucket& bucket, std::uint32_t rate, double cost) {
        return rate != 0 && !bucket.take(cost, now, Duration::zero());
    };
    const auto size = static_cast<double>(bytes);
    if (is_refused(account.messages, rates_.device_messages_per_s, 1) ||
        is_refused(account.bytes, rates_.device_bytes_per_s, size)) {
        return fail(Errc::throttling_exception, "The device sends more than it may.");
    }
    Duration owed = refill_time;
    if (rates_.device_bytes_per_s != 0) {
        owed += std::chrono::ceil<std::chrono::milliseconds>(
            std::chrono::duration<double>(size / static_cast<double>(rates_.device_bytes_per_s)));
    }
    account.full_by = std::max(account.full_by, now + owed);
    if (is_new && of_shard.accounts.size() > of_shard.swept_at) sweep(of_shard, now);
    return {};
}

void CallerLimits::sweep(ShardAccounts& of_shard, TimePoint now) const {
    std::erase_if(of_shard.accounts, [now](const auto& one) { return one.second.full_by <= now; });
    constexpr std::size_t least = 1024;
    of_shard.swept_at = std::max(least, 2 * of_shard.accounts.size());
}

Result<Duration> CallerLimits::take_call(std::string_view policy, TimePoint now) {
    const std::lock_guard lock(mutex_);
    auto found = policies_.find(policy);
    if (found == policies_.end()) {
        found = policies_.emplace(std::string(policy), bucket_of(rates_.policy_calls_per_s)).first;
    }
    const auto wait = found->second.take(1, now, wait_max);
    if (!wait) {
        return fail(
            Errc::throttling_exception,
            fmt::format("The policy has been throttled. Wait {} seconds and try again.", wait_max.count()));
    }
    return *wait;
}

}  // namespace carillon
