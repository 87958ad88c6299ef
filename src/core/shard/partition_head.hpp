#pragma once

#include "base/clock.hpp"
#include "base/unique_function.hpp"

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace carillon {

/// How far an event partition reaches.
struct PartitionExtent {
    std::uint64_t first = 0;  ///< Sequence number of the oldest event kept; `next` if there is none.
    std::uint64_t next = 0;   ///< Of the next event: all below it is durable.
    WallTime last_enqueued;   ///< Of the event before `next`; never, if there was none.

    bool is_empty() const { return first == next; }
};

/// What any thread may know of one event partition. Its shard says how far it reaches, and wakes those who
/// wait for more.
class PartitionHead {
public:
    PartitionExtent extent() const;
    /// Calls `wake` once, on any thread, when the partition reaches beyond `next`; gives a number for
    /// `forget`. 0, and nothing is called, if it does already. `wake` must be quick.
    std::uint64_t wake_beyond(std::uint64_t next, UniqueFunction<void()> wake);
    void forget(std::uint64_t waiter);

    /// Of the partition's shard only.
    void publish(const PartitionExtent& extent);

private:
    using Waiter = std::pair<std::uint64_t, UniqueFunction<void()>>;

    mutable std::mutex mutex_;  ///< Guards all below; held for a look at it, and while waiters are woken.
    PartitionExtent extent_;
    std::vector<Waiter> waiters_;
    std::uint64_t last_waiter_ = 0;
};

}  // namespace carillon
