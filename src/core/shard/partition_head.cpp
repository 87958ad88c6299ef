#include "core/shard/partition_head.hpp"

#include <algorithm>

namespace carillon {

PartitionExtent PartitionHead::extent() const {
    const std::lock_guard lock(mutex_);
    return extent_;
}

std::uint64_t PartitionHead::wake_beyond(std::uint64_t next, UniqueFunction<void()> wake) {
    const std::lock_guard lock(mutex_);
    if (extent_.next > next) return 0;
    waiters_.emplace_back(++last_waiter_, std::move(wake));
    return last_waiter_;
}

void PartitionHead::forget(std::uint64_t waiter) {
    UniqueFunction<void()> forgotten;  // Let go of outside the lock.
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                    [waiter](const Waiter& each) { return each.first == waiter; });
    if (found == waiters_.end()) return;
    forgotten = std::move(found->second);
    waiters_.erase(found);
}

void PartitionHead::publish(const PartitionExtent& extent) {
    std::vector<Waiter> woken;
    const std::lock_guard lock(mutex_);
    const bool has_grown = extent.next > extent_.next;
    extent_ = extent;
    if (!has_grown) return;
    woken.swap(waiters_);
    for (auto& [number, wake] : woken) wake();
}

}  // namespace carillon
