#pragma once

#include "core/jobs/job_events.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon {

/// Where a job's log says how the write to a device is taken back.
struct ReversalPlace {
    std::uint64_t sequence = 0;  ///< Of a `WrittenEvent` or `ReversalsEvent`.
    std::uint32_t index = 0;     ///< The device's in the former; in the latter how many are before it.
};

/// The parts of the logs that `read_reversals` looks into, of one shard.
struct ReversalLog {
    std::uint64_t job = 0;
    std::uint32_t shard = 0;
    std::string wrote;  ///< What the job wrote to all its devices, as `Reversal::wrote`.
};

/// What it takes in memory.
std::size_t bytes_of(const Reversal& reversal);

/// Calls `take` with the number of each place and what stands there, event by event. Of places where nothing
/// stands it is not called. Blocks. Fails with `store_failed` and `store_corrupt`.
Result<> read_reversals(const Store& store, const ReversalLog& from, const std::vector<ReversalPlace>& places,
                        const std::function<void(std::size_t place, Reversal reversal)>& take);

/// Writes the events that say how writes are taken back, small enough for one device to be read without many
/// others.
class ReversalsWriter {
public:
    /// Ours: an event ends with so much text.
    static constexpr std::size_t event_bytes_max = 32 * 1024;

    bool is_empty() const { return event_.devices.empty(); }
    bool is_full() const {
        return bytes_ >= event_bytes_max || event_.devices.size() == ReversalsEvent::devices_max;
    }
    /// Equal ones have the same `number`, until `forget_numbers`.
    void add(std::uint32_t number, const Reversal& reversal);
    void forget_numbers() { numbers_.clear(); }
    ReversalsEvent take(WallTime time);

private:
    ReversalsEvent event_;
    std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  ///< In the event.  Bound: its devices
    std::size_t bytes_ = 0;
};

}  // namespace carillon
