#pragma once

#include <cstddef>

namespace carillon {

/// Bounds of a shard's columns, see core/shard/twin_index.hpp. Ours.
struct TwinIndexLimits {
    std::size_t rows_min = 4096;   ///< A smaller shard is scanned; that takes it a millisecond.
    std::size_t probe_rows = 512;  ///< A query walks so many rows in key order before it asks for columns.
    std::size_t columns_max = 32;
    /// Memory for each identity of the shard, of all columns and of one; a shard may always have 1 MiB.
    std::size_t bytes_per_row_max = 128;
    std::size_t column_bytes_per_row_max = 96;
    std::size_t bytes_min = 1024 * 1024;
};

}  // namespace carillon
