#pragma once

#include "base/result.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace carillon {

/// The first `count` rows in the order of their `key` of what each shard found, which is in that order
/// already. No two rows have the same key. Fails if a shard failed.
template <class Row>
Result<std::vector<Row>> merge_by_key(std::vector<Result<std::vector<Row>>> found, std::size_t count) {
    std::vector<Row> rows;
    for (Result<std::vector<Row>>& result : found) {
        if (!result) return fail(std::move(result).error());
        std::vector<Row>& of_shard = *result;
        const auto middle = static_cast<std::ptrdiff_t>(rows.size());
        rows.insert(rows.end(), std::make_move_iterator(of_shard.begin()),
                    std::make_move_iterator(of_shard.end()));
        std::inplace_merge(rows.begin(), rows.begin() + middle, rows.end(),
                           [](const Row& a, const Row& b) { return a.key < b.key; });
        if (rows.size() > count) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end());
    }
    return rows;
}

}  // namespace carillon
