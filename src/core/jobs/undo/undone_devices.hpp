#pragma once

#include "core/jobs/undo/reversal_log.hpp"
#include "core/rollouts/reversal_table.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

/// Of an undo on one shard: how what was written to each of its devices is taken back. Holds so many of them
/// as have room, and knows where in the undo's own log the others stand; those are fetched shortly before
/// their devices' turn.
class UndoneDevices {
public:
    /// Ours: devices that are fetched at once, and that may be there at a time.
    static constexpr std::size_t fetched_devices_max = 2048;

    /// `bytes_max` is for those that are held, and half as much again for those that are fetched.
    explicit UndoneDevices(std::size_t bytes_max = ReversalTable::bytes_max)
        : table_(bytes_max), fetched_bytes_max_(bytes_max / 2) {}

    /// The next devices, as event `sequence` of the undo's log says.
    void take(ReversalsEvent event, std::uint64_t sequence);
    std::size_t size() const { return of_.size(); }
    /// False if nothing is ever to be fetched.
    bool has_far() const { return !events_.empty(); }

    /// False for a device of an undo that an older version began, which had no room for it.
    bool is_kept(std::uint32_t index) const { return index < of_.size() && of_[index] != 0; }
    /// True if it need not be fetched, or is fetched.
    bool is_there(std::uint32_t index) const { return !is_far(index) || fetched_.contains(index); }
    /// The number by which `table` has it; 0 if it does not.
    std::uint32_t number(std::uint32_t index) const { return is_far(index) ? 0 : of_[index]; }
    const ReversalTable& table() const { return table_; }

    // Those that are fetched:
    /// The first of `next`, which may hold any device, that are to be fetched and for which there is room.
    std::vector<std::pair<std::uint32_t, ReversalPlace>> to_fetch(const std::vector<std::uint32_t>& next) const;
    /// True if so few are there that more should be fetched.
    bool is_low() const {
        return fetched_.size() < fetched_devices_max / 2 && fetched_bytes_ < fetched_bytes_max_ / 2;
    }
    void put(std::uint32_t index, Reversal reversal);
    /// Gives a fetched one away.
    Reversal take_fetched(std::uint32_t index);
    /// Forgets all that are fetched.
    void clear_fetched();

private:
    /// Of what stands in the log only; the other bits are its bytes.
    static constexpr std::uint32_t far_mark = std::uint32_t{1} << 31;
    bool is_far(std::uint32_t index) const { return index < of_.size() && (of_[index] & far_mark) != 0; }
    ReversalPlace place_of(std::uint32_t index) const;

    ReversalTable table_;
    std::size_t fetched_bytes_max_;
    /// By index: a number of `table_`, 0 or `far_mark`.  Bound: the part's devices
    std::vector<std::uint32_t> of_;
    /// The first index and the sequence of each event with one that is far.  Bound: the part's devices
    std::vector<std::pair<std::uint32_t, std::uint64_t>> events_;
    std::unordered_map<std::uint32_t, Reversal> fetched_;  ///< Bound: fetched_devices_max
    std::size_t fetched_bytes_ = 0;
};

}  // namespace carillon
