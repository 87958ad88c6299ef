#pragma once

#include "base/result.hpp"
#include "store/file_layers.hpp"
#include "store/file_ledger.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace rocksdb {
class DB;
class Env;
class ColumnFamilyHandle;
}  // namespace rocksdb

namespace carillon {

/// What lies in a store's folder, and whether it is what was written there.
struct StoreFiles {
    bool is_new = true;       ///< There is neither a store nor a trace of one.
    bool has_ledger = false;  ///< Stores of version 1.2 and before have none.
    std::uint64_t edition = 0;
    LedgerEntries entries;
    LogEnds log_ends;  ///< Of logs that end in a record which was never acknowledged.
    /// A sentence each, that begins with the file it is about.
    std::vector<std::string> damages;
    std::size_t count = 0;        ///< Files.
    std::uint64_t bytes = 0;      ///< Of all files.
    std::uint64_t log_bytes = 0;  ///< Of the logs.
};

/// Where the ledger of the store in `store` is: beside its folder, so that it stays where a disk is not
/// mounted.
std::filesystem::path ledger_path(const std::filesystem::path& store);

/// How much of a store a start looks at.
struct ExamineLimits {
    /// Of tables of device-to-cloud messages, the newest first; a start reads all other tables anyway. Of
    /// those beyond it only the sizes are looked at: whoever reads a damaged block gets an error.
    std::uint64_t message_bytes_max = 256ULL * 1024 * 1024;
};

/// Looks at every file by name, size and checksum, and changes nothing. Fails with `store_failed` if the
/// disk refuses to be read.
Result<StoreFiles> examine_store(const std::shared_ptr<rocksdb::FileSystem>& files,
                                 const std::filesystem::path& store, const ExamineLimits& limits = {});

/// RocksDB on a folder that it cannot change.
class StoreReader {
public:
    /// Fails with `store_corrupt` or `store_failed`: the file, then RocksDB's words.
    static Result<std::unique_ptr<StoreReader>> open(const std::shared_ptr<rocksdb::FileSystem>& files,
                                                     const std::filesystem::path& store, Logs logs);
    ~StoreReader();
    StoreReader(const StoreReader&) = delete;
    StoreReader& operator=(const StoreReader&) = delete;

    rocksdb::DB& db() { return *db_; }
    /// None if the store has no such family.
    rocksdb::ColumnFamilyHandle* find_family(const std::string& name) const;

private:
    StoreReader() = default;
    std::unique_ptr<rocksdb::Env> env_;
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace carillon
