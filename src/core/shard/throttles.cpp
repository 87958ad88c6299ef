#include "core/shard/throttles.hpp"

#include "base/await.hpp"
#include "core/shard/shards.hpp"

#include <fmt/format.h>

namespace carillon {

namespace {

tl::unexpected<Error> throttled(ThrottleClass what) {
    return fail(
        Errc::throttling_exception,
        fmt::format("The request has been throttled. Wait {} seconds and try again. Operation type: {}",
                    Throttles::wait_max.count(), throttle_name(what)));
}

Task<bool> sleep_there(Shard* shard, Duration wait) {
    auto start = [shard, wait](UniqueFunction<void(bool)> done) {
        shard->timers().at(shard->clock().now() + wait, [held = std::move(done)]() mutable { held(true); });
    };
    co_return co_await from_callback<bool>(start);
}

}  // namespace

Throttles::Throttles(const std::optional<TierProfile>& profile, const CallerRates& rates)
    : is_on_(profile.has_value()), callers_(rates) {
    if (!profile) return;
    for (std::size_t i = 0; i < throttle_classes; ++i) {
        buckets_[i] = TokenBucket(throttle_rate(*profile, static_cast<ThrottleClass>(i)));
    }
}

Result<Duration> Throttles::take(ThrottleClass what, double cost, TimePoint now) {
    if (!is_on_ || what == ThrottleClass::none) return Duration::zero();
    const std::lock_guard lock(mutex_);
    const auto wait = bucket(what).take(cost, now, wait_max);
    if (!wait) return throttled(what);
    return *wait;
}

Result<> Throttles::take_now(ThrottleClass what, TimePoint now) {
    if (take_some(what, 1, now) == 1) return {};
    return throttled(what);
}

std::size_t Throttles::take_some(ThrottleClass what, std::size_t most, TimePoint now) {
    if (!is_on_) return most;
    const std::lock_guard lock(mutex_);
    return bucket(what).take_some(most, now);
}

void Throttles::give_back(ThrottleClass what, std::size_t count) {
    if (!is_on_ || count == 0) return;
    const std::lock_guard lock(mutex_);
    bucket(what).give_back(count);
}

Task<Result<>> pass_throttle(Shards& shards, Throttles& throttles, ThrottleClass what, double cost) {
    Shard& shard = shards.first();
    const auto wait = throttles.take(what, cost, shard.clock().now());
    if (!wait) co_return fail(wait.error());
    if (*wait > Duration::zero()) {
        auto sleeping = sleep_there(&shard, *wait);
        co_await shards.on(shard, std::move(sleeping));
    }
    co_return Result<>{};
}

Task<Result<>> pass_policy_limit(Shards& shards, Throttles& throttles, std::string policy) {
    Shard& shard = shards.first();
    const auto wait = throttles.callers().take_call(policy, shard.clock().now());
    if (!wait) co_return fail(wait.error());
    if (*wait > Duration::zero()) {
        auto sleeping = sleep_there(&shard, *wait);
        co_await shards.on(shard, std::move(sleeping));
    }
    co_return Result<>{};
}

}  // namespace carillon
