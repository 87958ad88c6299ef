#include "store/rocks_store.hpp"

#include "base/log.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <array>
#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace carillon {
namespace {

using Families = std::array<rocksdb::ColumnFamilyHandle*, table_count>;

/// Names of the families on disk, by `Table`; they stay.
constexpr std::array<const char*, table_count> family_names = {
    "meta", "identities", "sessions", "twin_log", "jobs", "job_events", "events", "configurations",
};

rocksdb::Slice slice(std::string_view text) {
    return {text.data(), text.size()};
}

Error store_error(const rocksdb::Status& status, std::string_view doing) {
    return {Errc::store_failed, std::string(doing) + ": " + status.ToString()};
}

/// Says in the log, once, when RocksDB stops taking writes, and why.
class Listener final : public rocksdb::EventListener {
public:
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
        if (!stopped_.exchange(true)) log.error("store stopped reason={:?}", error->ToString());
    }
    void resumed() {
        if (stopped_.exchange(false)) log.info("store resumed");
    }
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* automatic) override {
        // RocksDB would look every five seconds whether a full disk has room, and answer `Busy` to
        // our asking meanwhile; the next commit is prompter.
        *automatic = false;
    }

private:
    std::atomic<bool> stopped_ = false;
};

rocksdb::DBOptions db_options(const RocksOptions& wanted) {
    rocksdb::DBOptions db;
    db.create_if_missing = true;
    db.create_missing_column_families = true;
    db.paranoid_checks = true;
    db.max_open_files = wanted.open_files_max;
    db.max_background_jobs = wanted.background_jobs_max;
    db.db_write_buffer_size = wanted.write_buffers_bytes_max;
    db.max_total_wal_size = wanted.wal_bytes_max;
    // A log cut short at its end is what a crash leaves, and that record was never acknowledged.
    // Damage before the end is not: RocksDB's default would open without all that follows it.
    db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    // The next batch goes to the log while the last one is still entering memory; unlike unordered
    // writes this keeps batches whole for every reader.
    db.enable_pipelined_write = true;
    db.bytes_per_sync = 1024 * 1024;
    db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    db.max_log_file_size = 4 * 1024 * 1024;
    db.keep_log_file_num = 4;
    db.stats_dump_period_sec = 0;
    db.stats_persist_period_sec = 0;
    return db;
}

rocksdb::ColumnFamilyOptions family_options(Table table, const RocksOptions& wanted,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::ColumnFamilyOptions family;
    rocksdb::BlockBasedTableOptions blocks;
    blocks.block_cache = cache;
    blocks.cache_index_and_filter_blocks = true;  // so that the cache bounds them
    blocks.pin_l0_filter_and_index_blocks_in_cache = true;
    blocks.format_version = 5;
    const bool is_small = table == Table::meta || table == Table::sessions || table == Table::jobs ||
                          table == Table::configurations;
    family.write_buffer_size = is_small ? wanted.write_buffer_bytes / 8 : wanted.write_buffer_bytes;
    family.max_write_buffer_number = 3;
    family.compression = rocksdb::kLZ4Compression;
    family.level_compaction_dynamic_level_bytes = true;
    switch (table) {
        case Table::meta:
            family.compression = rocksdb::kNoCompression;
            break;
        case Table::identities:
        case Table::sessions:
        case Table::jobs:
        case Table::configurations:
            blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
            break;
        case Table::twin_log:
        case Table::job_events:
        case Table::events:
            // Written in key order, read by scans, removed from the front in ranges.
            blocks.block_size = 32 * 1024;
            family.target_file_size_base = 32 * 1024 * 1024;
            break;
    }
    family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
    return family;
}

}  // namespace

struct RocksStore::Impl {
    std::shared_ptr<Listener> listener;
    std::unique_ptr<rocksdb::DB> db;
    rocksdb::ColumnFamilyHandle* unused = nullptr;  ///< RocksDB insists on a family "default".
    Families families{};
    rocksdb::WriteOptions write;
    std::atomic<bool> failed = false;  ///< The last write was refused; recover before the next.
    std::mutex recovering;             ///< Held by the one commit that asks RocksDB to recover.

    rocksdb::ColumnFamilyHandle* family(Table table) const {
        return families[static_cast<std::size_t>(table)];
    }

    ~Impl() {
        if (!db) return;
        for (rocksdb::ColumnFamilyHandle* handle : families) {
            if (handle) db->DestroyColumnFamilyHandle(handle);
        }
        if (unused) db->DestroyColumnFamilyHandle(unused);
        const rocksdb::Status closed = db->Close();
        if (!closed.ok()) log.warn("store closed badly reason={:?}", closed.ToString());
    }

    /// Lifts RocksDB's write stop if its cause is gone. Recovery writes the buffers out and turns
    /// to a new log, so what the failed write left in the old log is gone with it.
    Result<> recover() {
        const std::lock_guard lock(recovering);
        if (!failed) return {};
        const rocksdb::Status resumed = db->Resume();
        if (!resumed.ok()) return fail(store_error(resumed, "the store is stopped"));
        failed = false;
        listener->resumed();
        return {};
    }
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::filesystem::path& path,
                                                     const RocksOptions& options) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        std::filesystem::create_directories(path, error);
        if (error) return fail(Errc::store_failed, path.string() + ": " + error.message());
        // Keys of devices lie inside.
        std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
        if (error) return fail(Errc::store_failed, path.string() + ": " + error.message());
    }

    const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
    std::vector<rocksdb::ColumnFamilyDescriptor> wanted;
    wanted.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
    for (std::size_t table = 0; table < table_count; ++table) {
        wanted.emplace_back(family_names[table], family_options(static_cast<Table>(table), options, cache));
    }
    // Compactions can wait; flushes make room for commits, and have a pool of their own.
    rocksdb::Env::Default()->LowerThreadPoolCPUPriority(rocksdb::Env::LOW);
    auto impl = std::make_unique<Impl>();
    impl->listener = std::make_shared<Listener>();
    rocksdb::Options all(db_options(options), {});
    all.listeners.push_back(impl->listener);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(all, path.string(), wanted, &handles, &db);
    if (opened.IsCorruption()) return fail(Errc::store_corrupt, path.string() + ": " + opened.ToString());
    if (!opened.ok()) return fail(store_error(opened, path.string()));

    impl->db.reset(db);
    impl->unused = handles.front();
    for (std::size_t table = 0; table < table_count; ++table) impl->families[table] = handles[table + 1];
    impl->write.sync = options.sync;
    return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Result<> RocksStore::commit(const Batch& batch) {
    if (batch.bytes() > commit_bytes_max) return fail(Errc::store_failed, "the batch is too large");
    if (impl_->failed) {
        auto recovered = impl_->recover();
        if (!recovered) return recovered;
    }
    constexpr std::size_t overhead_per_op = 16;
    rocksdb::WriteBatch write(batch.bytes() + batch.ops().size() * overhead_per_op);
    for (const Batch::Op& op : batch.ops()) {
        rocksdb::ColumnFamilyHandle* const family = impl_->family(op.table);
        rocksdb::Status added;
        switch (op.kind) {
            case Batch::Op::Kind::put:
                added = write.Put(family, op.key, op.value);
                break;
            case Batch::Op::Kind::erase:
                added = write.Delete(family, op.key);
                break;
            case Batch::Op::Kind::erase_range:
                if (op.key < op.value) added = write.DeleteRange(family, op.key, op.value);
                break;
        }
        if (!added.ok()) return fail(store_error(added, "the batch cannot be written"));
    }
    const rocksdb::Status written = impl_->db->Write(impl_->write, &write);
    if (!written.ok()) {
        impl_->failed = true;
        return fail(store_error(written, "the disk refused a write"));
    }
    return {};
}

Result<std::optional<std::string>> RocksStore::get(Table table, std::string_view key) const {
    std::string value;
    const rocksdb::Status found =
        impl_->db->Get(rocksdb::ReadOptions(), impl_->family(table), slice(key), &value);
    if (found.IsNotFound()) return std::optional<std::string>();
    if (!found.ok()) return fail(store_error(found, "the disk refused a read"));
    return std::optional<std::string>(std::move(value));
}

Result<> RocksStore::scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const {
    const rocksdb::Slice end = slice(to);
    rocksdb::ReadOptions read;
    if (!to.empty()) read.iterate_upper_bound = &end;
    read.fill_cache = false;
    // An iterator sees the table as it was when it was made.
    const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator(read, impl_->family(table)));
    for (at->Seek(slice(from)); at->Valid(); at->Next()) {
        if (!visit(at->key().ToStringView(), at->value().ToStringView())) return {};
    }
    if (!at->status().ok()) return fail(store_error(at->status(), "the disk refused a read"));
    return {};
}

Result<> RocksStore::flush() {
    const std::vector<rocksdb::ColumnFamilyHandle*> all(impl_->families.begin(), impl_->families.end());
    const rocksdb::Status flushed = impl_->db->Flush(rocksdb::FlushOptions(), all);
    if (!flushed.ok()) return fail(store_error(flushed, "write buffers cannot be written out"));
    return {};
}

Result<> RocksStore::compact(Table table) {
    const rocksdb::Status done =
        impl_->db->CompactRange(rocksdb::CompactRangeOptions(), impl_->family(table), nullptr, nullptr);
    if (!done.ok()) return fail(store_error(done, "files cannot be merged"));
    return {};
}

}  // namespace carillon
