#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstdint>
#include <optional>

namespace carillon {

/// For lines about what a peer can cause at will: one in an interval, with how often it happened. Any
/// thread.
class LogRate {
public:
    explicit LogRate(Duration interval) : interval_(interval) {}

    /// Counts an event. How many there were since the last line, this one included, if a line may be
    /// written now; else nothing.
    std::optional<std::uint64_t> count(TimePoint now) {
        events_.fetch_add(1, std::memory_order_relaxed);
        const auto ticks = now.time_since_epoch().count();
        auto next = next_.load(std::memory_order_relaxed);
        if (ticks < next || !next_.compare_exchange_strong(next, ticks + interval_.count()))
            return std::nullopt;
        return events_.exchange(0, std::memory_order_relaxed);
    }

private:
    const Duration interval_;
    std::atomic<Duration::rep> next_{0};  ///< When the next line may be written.
    std::atomic<std::uint64_t> events_{0};
};

}  // namespace carillon
