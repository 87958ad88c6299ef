#pragma once

#include "base/result.hpp"
#include "store/store.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace carillon {

/// What a store holds, read to the last byte without changing any.
struct StoreReport {
    struct Rows {
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;  ///< Keys and values.
        std::uint32_t checksum =
            0;  ///< CRC-32C of them in key order: two stores with the same hold the same.
    };
    std::size_t files = 0;
    std::uint64_t bytes = 0;  ///< Of the files.
    bool has_ledger = false;
    std::array<Rows, table_count> tables;  ///< By `Table`; of no use if something is damaged.
    /// A sentence each, that begins with the file or table it is about. Empty if the store is sound.
    std::vector<std::string> damages;
};

/// Reads the store in the folder `path`, which no process may have open. Fails with `not_found_locally` if
/// there is no trace of a store, `store_failed` if the disk refuses to be read.
Result<StoreReport> check_store(const std::filesystem::path& path);

}  // namespace carillon
