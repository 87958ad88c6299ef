#pragma once

#include "base/result.hpp"

#include <rocksdb/io_status.h>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocksdb {
class FileSystem;
class FSRandomRWFile;
}  // namespace rocksdb

namespace carillon {

/// What must be found of a file that RocksDB appends to: its first `bytes` bytes, with this CRC-32C.
struct FileClaim {
    std::uint64_t number = 0;  ///< In the file's name.
    std::uint64_t bytes = 0;
    std::uint32_t checksum = 0;
};

/// What must be found of a store: nothing that was acknowledged depends on more.
struct LedgerEntries {
    std::string identity;               ///< Of the store: RocksDB's random id.
    std::uint64_t sequence = 0;         ///< The highest of RocksDB's sequence numbers that was acknowledged.
    std::optional<FileClaim> manifest;  ///< Named by CURRENT.
    std::optional<FileClaim> next_manifest;  ///< May be named by CURRENT already.
    std::vector<FileClaim> logs;             ///< Write-ahead logs, in the order they were begun.
};

/// A ledger file is two slots of this size, written in turn, so that one of them is whole at any time.
inline constexpr std::size_t ledger_slot_bytes = 16 * 1024;
/// Beyond it the oldest logs are no longer vouched for; RocksDB has a handful.
inline constexpr std::size_t ledger_logs_max = 600;

/// One slot; `edition` tells the newer of two.
std::string encode_ledger(const LedgerEntries& entries, std::uint64_t edition);
/// The newer slot of a file that is whole, with its edition. Fails with `store_corrupt` if neither is.
struct DecodedLedger {
    LedgerEntries entries;
    std::uint64_t edition = 0;
};
Result<DecodedLedger> decode_ledger(std::string_view file);

/// A durable record beside a store of what its files hold, so that what is missing is noticed before
/// RocksDB opens without it; docs/storage.md. Safe from any thread.
///
/// An entry never says more than is on disk. It says all that was acknowledged before a killed process
/// ended, as each commit writes it to the kernel's page (some microseconds); and all but the last second
/// before a power cut, as `settle` runs each second. Before a file is removed the ledger is settled,
/// so after a power cut it names no file that went rightly.
class FileLedger {
public:
    /// Opens the file at `path`, or makes one; either way it holds `entries` when this returns.
    static Result<std::unique_ptr<FileLedger>> open(rocksdb::FileSystem& files, const std::string& path,
                                                    LedgerEntries entries, std::uint64_t edition);
    ~FileLedger();
    FileLedger(const FileLedger&) = delete;
    FileLedger& operator=(const FileLedger&) = delete;

    LedgerEntries entries() const;
    void identify(std::string identity);
    /// A sync of this file succeeded. Written with the next acknowledgement.
    void log_synced(const FileClaim& claim);
    void manifest_synced(const FileClaim& claim);
    /// Writes what was synced, without waiting for the disk. A failure leaves the entries behind, which
    /// weakens what a start can notice and is logged once.
    void acknowledge(std::uint64_t sequence);
    /// Everything noted is on disk when it returns. Does nothing if it is already.
    rocksdb::IOStatus settle();

    /// CURRENT is about to name this manifest.
    rocksdb::IOStatus before_switch_to(std::uint64_t manifest);
    void after_switch();  ///< CURRENT names it.
    /// These files are about to be removed, and whatever else has become superfluous by syncs.
    rocksdb::IOStatus before_log_removal(std::uint64_t number);
    rocksdb::IOStatus before_manifest_removal(std::uint64_t manifest);
    rocksdb::IOStatus before_table_removal();

private:
    explicit FileLedger(std::unique_ptr<rocksdb::FSRandomRWFile> file);
    void promote_next();
    rocksdb::IOStatus write_slot();
    rocksdb::IOStatus settle_both();

    std::unique_ptr<rocksdb::FSRandomRWFile> file_;
    mutable std::mutex mutex_;  ///< Guards the members below and writes, not syncs.
    LedgerEntries entries_;
    std::uint64_t edition_ = 0;
    bool is_unwritten_ = false;           ///< Entries were noted that no slot holds.
    bool is_unsettled_ = false;           ///< Slots were written that may not be on disk.
    bool has_new_manifest_part_ = false;  ///< Since the last settling.
    bool is_switched_ = false;            ///< CURRENT names `next_manifest`.
    std::atomic<bool> said_failure_ = false;
};

}  // namespace carillon
