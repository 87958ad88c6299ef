#pragma once

#include "store/commit_metrics.hpp"
#include "store/store.hpp"
#include "store/store_copy.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace rocksdb {
class FileSystem;
}

namespace carillon {

/// Bounds on what RocksDB takes for itself. The defaults suit a hub of a million devices.
struct RocksOptions {
    /// Of one family's write buffer; larger ones mean fewer, larger files, and more memory that a job fills:
    /// a twin job over a million devices added 39 B each with 64 MiB and 15 B with this, medians of seven
    /// runs, at 1.00 of the rate. Small families take less.
    std::size_t write_buffer_bytes = 24 * 1024 * 1024;
    /// Of all write buffers together; beyond it the fullest is written out.
    std::size_t write_buffers_bytes_max = 256 * 1024 * 1024;
    /// Uncompressed blocks, indexes and filters kept in memory.
    std::size_t block_cache_bytes = 64 * 1024 * 1024;
    /// Of the write-ahead logs; bounds what a restart reads back.
    std::uint64_t wal_bytes_max = 192 * 1024 * 1024;
    /// About how many bytes of messages (`Table::events`) are kept. Buffers, logs and files are small beside
    /// it, so that the disk holds at most twice as much.
    std::uint64_t event_bytes = 4ULL * 1024 * 1024 * 1024;
    /// Descriptors of table files, out of the process's 20,000 at the least hospitable hosts.
    int open_files_max = 512;
    int background_jobs_max = 2;  ///< Flushes and compactions at once.
    /// Whether `commit` waits for the disk. Without, a killed process loses nothing but a machine
    /// that loses power does; for measurements.
    bool sync = true;
    /// What the store lies on; the machine's own file system if null. Tests inject faults by it.
    std::shared_ptr<rocksdb::FileSystem> files;
    /// Told when a sync failed for good, on the thread that asked for it. It must not return: nothing after
    /// it may be acknowledged. By default the reason is logged and the process ends with exit code 1.
    std::function<void(const std::string& reason)> on_lost_sync;
};

/// What the store takes, in bytes, and what it has to do. See `RocksStore::usage`.
struct StoreUsage {
    std::array<std::uint64_t, table_count> table_bytes{};  ///< Files on disk, by `Table`.
    std::uint64_t log_bytes = 0;                           ///< Write-ahead logs on disk.
    std::uint64_t buffer_bytes = 0;                        ///< Write buffers in memory.
    std::uint64_t cache_bytes = 0;                         ///< Blocks in memory.
    std::uint64_t reader_bytes = 0;              ///< Indexes in memory that the cache does not hold.
    std::uint64_t pending_compaction_bytes = 0;  ///< That compaction is behind by.
    std::uint64_t flushes_running = 0;
    std::uint64_t compactions_running = 0;
    std::uint64_t delayed_bytes_per_second = 0;  ///< To what writes are slowed; 0 for not.
    std::uint64_t disk_free_bytes = 0;           ///< Of the file system, for whoever runs the hub.
    std::uint64_t disk_bytes = 0;
    bool is_stopped = false;  ///< The disk refused a write, and the store takes none until it works again.
};

/// The embedded store: RocksDB, with a column family for each table. Every commit is one write
/// batch and one sync of the log, shared by commits that wait at the same time.
///
/// When the machine refuses (no room, no descriptors, no memory), the commit fails with `store_failed`
/// and the reason, and so do later ones until it works again: each first asks RocksDB to recover, so the
/// next commit notices that the cause is gone. A batch refused meanwhile stays refused: its log is
/// abandoned before another batch is taken. Only a crash between the refusal and that moment leaves the
/// outcome open, as with every store that can lose its disk. A sync that fails for another reason ends the
/// process: see `RocksOptions::on_lost_sync`.
class RocksStore final : public Store {
public:
    /// A batch larger than this is refused; RocksDB's own limit is 4 GiB.
    static constexpr std::size_t commit_bytes_max = 1024 * 1024 * 1024;

    /// Opens the database in the folder `path`, which is made (mode 0700) if there is no trace of one.
    /// Fails with `store_failed` (another process has it open, no permission, no room) or with
    /// `store_corrupt` (files damaged or missing), names the file and the remedy, and has then changed
    /// nothing. What was acknowledged is never dropped silently: `path`.ledger says what must be there.
    static Result<std::unique_ptr<RocksStore>> open(const std::filesystem::path& path,
                                                    const RocksOptions& options = {});
    ~RocksStore() override;
    RocksStore(const RocksStore&) = delete;
    RocksStore& operator=(const RocksStore&) = delete;

    Result<> commit(const Batch& batch) override;
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override;
    /// A scan holds the files it looks at, so a slow `visit` keeps space from being freed.
    Result<> scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const override;

    /// The files as they are at this moment; commits go on. Blocks for a few files' worth of looking, and
    /// fails with `store_failed`.
    Result<std::unique_ptr<StoreCopy>> copy();

    /// What its commits came to since it was opened.
    const CommitMetrics& commits() const;
    /// What it takes now; some hundred microseconds, and files are looked at.
    StoreUsage usage() const;
    /// Whether it refuses writes at the moment.
    bool is_stopped() const;

    /// Writes buffers out to table files and waits; for tests and measurements.
    Result<> flush();
    /// Merges the table's files into sorted runs and waits; for tests and measurements.
    Result<> compact(Table table);

private:
    struct Impl;
    explicit RocksStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
