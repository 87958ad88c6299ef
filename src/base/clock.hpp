#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace carillon {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// An instant of civil time: 100 ns ticks since 0001-01-01T00:00:00Z, the resolution and epoch
/// of the service's own timestamps. The default value is the service's "never".
struct WallTime {
    std::int64_t ticks = 0;

    static constexpr std::int64_t ticks_per_second = 10'000'000;
    static constexpr std::int64_t ticks_per_ms = ticks_per_second / 1000;
    static constexpr std::int64_t unix_epoch_s = 62'135'596'800;

    static constexpr WallTime from_unix_s(std::int64_t s) { return {(s + unix_epoch_s) * ticks_per_second}; }
    static constexpr WallTime from_unix_ms(std::int64_t ms) {
        return {unix_epoch_s * ticks_per_second + ms * ticks_per_ms};
    }
    constexpr std::int64_t unix_s() const { return ticks / ticks_per_second - unix_epoch_s; }
    constexpr std::int64_t unix_ms() const {
        return (ticks - unix_epoch_s * ticks_per_second) / ticks_per_ms;
    }
    constexpr WallTime plus_s(std::int64_t s) const { return {ticks + s * ticks_per_second}; }

    auto operator<=>(const WallTime&) const = default;
};

/// The time, injected so that tests and simulation can replace it. Safe from any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// Monotonic; for timeouts and intervals.
    virtual TimePoint now() const = 0;
    /// What people call the time; for timestamps, tokens and schedules. May jump.
    virtual WallTime wall_now() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
public:
    TimePoint now() const override;
    WallTime wall_now() const override;
};

/// A clock that stands still until it is told; for tests, from one thread.
class ManualClock final : public Clock {
public:
    explicit ManualClock(WallTime start) : wall_(start) {}
    TimePoint now() const override { return now_; }
    WallTime wall_now() const override { return wall_; }
    void advance(std::chrono::nanoseconds by) {
        now_ += std::chrono::duration_cast<Duration>(by);
        wall_.ticks += by.count() / 100;
    }
    /// What people call the time jumps; time itself goes on as it did.
    void set_wall(WallTime wall) { wall_ = wall; }

private:
    TimePoint now_{};
    WallTime wall_;
};

}  // namespace carillon
