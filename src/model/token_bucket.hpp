#pragma once

#include "base/clock.hpp"
#include "model/tier.hpp"

#include <algorithm>
#include <optional>

namespace carillon {

/// A limit of so many a second that lets some through at once and makes others wait: tokens come at a
/// steady rate up to the burst, and may be taken before they are there, against a wait. A pure rule: no
/// clock inside. One thread at a time.
class TokenBucket {
public:
    TokenBucket() = default;
    explicit TokenBucket(const ThrottleRate& rate) : rate_(rate), tokens_(rate.burst) {}

    /// Takes `cost` tokens; how long whoever takes them has to wait. Takes none, and gives nothing, if
    /// that is longer than `wait_max`. What costs more than the burst may go once the bucket is full.
    std::optional<Duration> take(double cost, TimePoint now, Duration wait_max) {
        refill(now);
        const double missing = std::min(cost, rate_.burst) - tokens_;
        const Duration wait = missing <= 0 ? Duration::zero() : time_for(missing);
        if (wait > wait_max) return std::nullopt;
        tokens_ -= cost;
        return wait;
    }
    /// As many whole tokens as are there, up to `most`.
    std::size_t take_some(std::size_t most, TimePoint now) {
        refill(now);
        const auto there = static_cast<std::size_t>(std::max(tokens_, 0.0));
        const std::size_t taken = std::min(most, there);
        tokens_ -= static_cast<double>(taken);
        return taken;
    }
    void give_back(std::size_t count) { tokens_ += static_cast<double>(count); }

private:
    void refill(TimePoint now) {
        if (now <= last_) return;
        const std::chrono::duration<double> since = now - last_;
        tokens_ = std::min(rate_.burst, tokens_ + rate_.per_s * since.count());
        last_ = now;
    }
    Duration time_for(double tokens) const {
        return std::chrono::ceil<std::chrono::milliseconds>(
            std::chrono::duration<double>(tokens / rate_.per_s));
    }

    ThrottleRate rate_;
    double tokens_ = 0;  ///< Below zero while some wait.
    TimePoint last_{};
};

}  // namespace carillon
