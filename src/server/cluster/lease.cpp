#include "server/cluster/lease.hpp"

#include <ctime>
#include <thread>

namespace carillon {

std::chrono::nanoseconds boot_time() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void Lease::confirm(std::chrono::nanoseconds sent) {
    confirmed_.store(sent.count());
}

bool Lease::is_open_at(std::chrono::nanoseconds now) const {
    const std::int64_t sent = confirmed_.load(std::memory_order_relaxed);
    return sent != 0 && now < std::chrono::nanoseconds(sent) + length_ - margin;
}

TimePoint LeasedClock::now() const {
    const auto stands_still = [this] { return !is_released_ && !lease_.is_open(); };
    if (stands_still()) {
        const std::lock_guard lock(mutex_);
        const auto ended = lease_.end();
        if (stands_still()) {
            while (stands_still()) std::this_thread::sleep_for(wait_step);
            paused_ += (boot_time() - ended).count();
        }
    }
    return system_.now() - std::chrono::nanoseconds(paused_.load(std::memory_order_relaxed));
}

void BeatWatch::saw(const Incarnation& owner, std::int64_t beat, std::chrono::nanoseconds now) {
    const bool is_gap = owner_ && now - looked_ > look_gap_max;
    const bool is_news = !owner_ || *owner_ != owner || beat_ != beat;
    looked_ = now;
    if (is_news) {
        owner_ = owner;
        beat_ = beat;
        since_ = now;
        had_gap_ = false;  // It has come back, or is another one.
        return;
    }
    if (!is_gap && !had_gap_) return;
    if (is_gap || since_ == std::chrono::nanoseconds(0)) since_ = now;
    had_gap_ = true;
}

void BeatWatch::missed() {
    had_gap_ = true;
    since_ = std::chrono::nanoseconds(0);
}

bool BeatWatch::may_kill(std::chrono::nanoseconds now) const {
    if (!owner_ || since_ == std::chrono::nanoseconds(0)) return false;
    return now - since_ >= (had_gap_ ? lease_ * leases_after_gap : lease_);
}

}  // namespace carillon
