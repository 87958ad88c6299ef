#pragma once

#include "model/reversal/twin_reversal.hpp"

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace carillon {

/// How the writes of a job to the devices of one shard are taken back, equal ones once.
class ReversalTable {
public:
    /// Ours: of the texts, with what a table takes for each.
    static constexpr std::size_t bytes_max = 16 * 1024 * 1024;
    static constexpr std::size_t overhead_bytes = 96;

    explicit ReversalTable(std::size_t most = bytes_max) : most_(most) {}

    /// The number of `reversal`, from 1; 0 if there is no room for it.
    std::uint32_t add(Reversal reversal);
    const Reversal& at(std::uint32_t number) const { return all_[number - 1]; }
    std::size_t size() const { return all_.size(); }

private:
    std::deque<Reversal> all_;                                       ///< Bound: bytes_max
    std::unordered_multimap<std::size_t, std::uint32_t> by_digest_;  ///< Bound: bytes_max
    std::size_t most_;
    std::size_t bytes_ = 0;
};

}  // namespace carillon
