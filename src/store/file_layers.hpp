#pragma once

#include <rocksdb/io_status.h>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rocksdb {
class FileSystem;
}

namespace carillon {

class FileLedger;

// File systems for RocksDB, each on top of another.

/// A file of RocksDB's by its name, as far as it matters here.
struct StoreFileName {
    enum class Kind : std::uint8_t { wal, manifest, table, temporary, other } kind = Kind::other;
    std::uint64_t number = 0;
};
/// Takes a name with or without folders. Source: RocksDB: file/filename.h.
StoreFileName parse_store_file_name(std::string_view path);

/// Where the readable part of some logs ends, by their number.
using LogEnds = std::map<std::uint64_t, std::uint64_t>;

/// Shows logs as if they ended there: what a crash left behind the last whole record was never
/// acknowledged, and RocksDB would take it for damage.
std::shared_ptr<rocksdb::FileSystem> cut_logs(std::shared_ptr<rocksdb::FileSystem> below, LogEnds ends);

enum class Logs : std::uint8_t { shown, hidden };
/// Refuses everything that would change something. Each table that is opened goes to `last_table`, as
/// RocksDB's errors do not always name the file; with one thread that opens files, so it needs no lock.
std::shared_ptr<rocksdb::FileSystem> read_only_files(std::shared_ptr<rocksdb::FileSystem> below, Logs logs,
                                                     std::shared_ptr<std::string> last_table);

/// Told that a sync failed for good: what the kernel took may or may not be on disk, and asking again
/// proves nothing, so the process must end.
using OnLostSync = std::function<void(const std::string& reason)>;

/// Of the write-ahead log that is written to.
struct LogState {
    /// A write to it failed. RocksDB asserts that nobody writes to such a file again, and turns to another
    /// when it resumes, but only if it has something to write out.
    std::atomic<bool> is_broken = false;
    /// The next log is not made, once: that stops RocksDB in a way from which it resumes.
    std::atomic<bool> refuses_next = false;
};

/// Keeps the ledger, and has RocksDB see passing errors (no descriptors, no room, no memory) as such:
/// it then recovers when it is asked to.
std::shared_ptr<rocksdb::FileSystem> watch_files(std::shared_ptr<rocksdb::FileSystem> below,
                                                 FileLedger& ledger, LogState& log_state,
                                                 OnLostSync on_lost_sync);

/// Whether what failed may succeed when the machine has descriptors, room or memory again.
bool is_passing(const rocksdb::IOStatus& status);

}  // namespace carillon
