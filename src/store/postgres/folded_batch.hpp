#pragma once

#include "store/store.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// What a batch makes of one table, so that each key is written once: one statement of PostgreSQL may not
/// touch a row twice. To be applied in the order of the members. Views into the batch.
struct FoldedTable {
    using Pair = std::pair<std::string_view, std::string_view>;
    std::vector<Pair> ranges;              ///< To be emptied: first key, and the end, exclusive.
    std::vector<std::string_view> erased;  ///< Ascending.
    std::vector<Pair> put;                 ///< Keys, ascending, and values.

    bool is_empty() const { return ranges.empty() && erased.empty() && put.empty(); }
};

/// The same as the batch, whose last word on a key counts. Keys ascend, so that two batches that write the
/// same rows lock them in one order.
std::array<FoldedTable, table_count> fold(const Batch& batch);

}  // namespace carillon
