#pragma once

#include "store/store.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace carillon {

// How a table of RocksDB is read, whoever opened it. Both fail with `store_failed`.

Result<std::optional<std::string>> read_row(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                                            std::string_view key);
/// As `Store::scan`.
Result<> scan_rows(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view from,
                   std::string_view to, const Store::Visit& visit);

}  // namespace carillon
