#include "core/rollouts/reversal_table.hpp"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

namespace carillon {

std::uint32_t ReversalTable::add(Reversal reversal) {
    const std::hash<std::string_view> hash;
    const auto digest = hash(reversal.before) * 31 + hash(reversal.wrote);
    const auto [from, to] = by_digest_.equal_range(digest);
    for (auto found = from; found != to; ++found) {
        if (at(found->second) == reversal) return found->second;
    }
    const auto bytes = reversal.wrote.size() + reversal.before.size() + overhead_bytes;
    if (bytes > most_ - std::min(most_, bytes_)) return 0;
    bytes_ += bytes;
    all_.push_back(std::move(reversal));
    const auto number = static_cast<std::uint32_t>(all_.size());
    by_digest_.emplace(digest, number);
    return number;
}

}  // namespace carillon
