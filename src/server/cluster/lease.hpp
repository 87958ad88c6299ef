#pragma once

#include "base/clock.hpp"
#include "store/postgres/cluster_tables.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace carillon {

/// Time since the machine started, also while it slept: what a lease is measured by. The usual steady clock
/// stands still in a machine that sleeps.
std::chrono::nanoseconds boot_time();

/// How long a node may act without a beat that PostgreSQL confirmed. Safe from any thread.
class Lease {
public:
    /// By which it ends before others may think so.
    static constexpr std::chrono::milliseconds margin{500};

    explicit Lease(std::chrono::milliseconds length) : length_(length) {}

    /// A beat that was sent at `sent` has been confirmed: others who saw it wait for a whole lease from then
    /// on.
    void confirm(std::chrono::nanoseconds sent);
    bool is_open() const { return is_open_at(boot_time()); }
    bool is_open_at(std::chrono::nanoseconds now) const;
    /// When it ends, or ended.
    std::chrono::nanoseconds end() const { return confirmed() + length_ - margin; }

    std::chrono::milliseconds length() const { return length_; }
    /// When the last confirmed beat was sent; zero if none was.
    std::chrono::nanoseconds confirmed() const { return std::chrono::nanoseconds(confirmed_.load()); }

private:
    const std::chrono::milliseconds length_;
    std::atomic<std::int64_t> confirmed_{0};
};

/// The time of a hub in a cluster. While the process may not act, time stands still, and who asks for it
/// waits. An event loop asks in each turn before anything of that turn leaves (`IoThread::turn`), so it sends
/// nothing, reads nothing and times nothing out until the lease is confirmed again; and whoever was silent
/// meanwhile was not silent by this clock. Safe from any thread.
class LeasedClock final : public Clock {
public:
    static constexpr std::chrono::milliseconds wait_step{5};

    /// `lease` outlives it.
    explicit LeasedClock(const Lease& lease) : lease_(lease) {}
    TimePoint now() const override;
    /// Nobody acts by this clock any more: it goes on, with or without a lease.
    void release() { is_released_ = true; }
    /// Goes on: it only says what time people call it.
    WallTime wall_now() const override { return system_.wall_now(); }

private:
    const Lease& lease_;
    const SystemClock system_;
    mutable std::mutex mutex_;  ///< Held by one who waits, so that a pause counts once.
    mutable std::atomic<std::int64_t> paused_{0};
    std::atomic<bool> is_released_{false};
};

/// Judges by what was seen of another node's beat, on this node's clock alone, whether it has stood still for
/// a lease. No two clocks are compared, so neither a skewed clock nor another PostgreSQL shortens a lease.
class BeatWatch {
public:
    /// Between two looks; more counts as a gap.
    static constexpr std::chrono::milliseconds look_gap_max{2'000};
    /// Leases to wait for after a gap: after an outage of PostgreSQL everybody who comes back keeps what he
    /// had.
    static constexpr int leases_after_gap = 3;

    explicit BeatWatch(std::chrono::milliseconds lease) : lease_(lease) {}

    /// What PostgreSQL says at `now`.
    void saw(const Incarnation& owner, std::int64_t beat, std::chrono::nanoseconds now);
    /// A look failed, or this node's own beat is not confirmed.
    void missed();
    /// True if whom `saw` named last may be killed: its beat stood still for long enough.
    bool may_kill(std::chrono::nanoseconds now) const;

private:
    const std::chrono::milliseconds lease_;
    std::optional<Incarnation> owner_;
    std::int64_t beat_ = 0;
    std::chrono::nanoseconds since_{0};
    std::chrono::nanoseconds looked_{0};
    bool had_gap_ = false;
};

}  // namespace carillon
