#include "store/rocks_store.hpp"

#include "base/log.hpp"
#include "store/file_layers.hpp"
#include "store/file_ledger.hpp"
#include "store/reclaimer.hpp"
#include "store/rocks_reading.hpp"
#include "store/store_files.hpp"

#include <fmt/core.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace carillon {
namespace {

using Families = std::array<rocksdb::ColumnFamilyHandle*, table_count>;

// Parts of `RocksOptions::event_bytes`; with the 4 GiB of a hub's defaults all come to their maxima.
constexpr std::uint64_t event_buffer_parts = 32;
constexpr std::uint64_t event_file_parts = 64;
constexpr std::uint64_t event_log_parts = 8;
constexpr std::uint64_t event_buffer_bytes_min = 1024 * 1024;
constexpr std::uint64_t event_file_bytes_max = 32 * 1024 * 1024;
constexpr std::uint64_t log_bytes_min = 2 * 1024 * 1024;
constexpr std::uint64_t event_unmerged_parts = 4;  ///< Beyond it, commits wait for merges.
constexpr std::uint64_t event_level_parts = 8;
constexpr std::uint64_t urgent_unmerged_bytes = 256 * 1024 * 1024;
constexpr std::uint64_t unmerged_files_min = 4;
constexpr std::uint64_t unmerged_files_max = 36;  ///< RocksDB's own bound, and so of a usual hub's.

/// Between two moments at which the ledger is surely on disk.
constexpr std::chrono::seconds between_settlings{1};
/// Room that a start needs beside that for the logs, which it writes out as tables.
constexpr std::uint64_t start_bytes = 8ULL * 1024 * 1024;

Error store_error(const rocksdb::Status& status, std::string_view doing) {
    return {Errc::store_failed, std::string(doing) + ": " + status.ToString()};
}

/// Says in the log, once, when RocksDB stops taking writes, and why.
class Listener final : public rocksdb::EventListener {
public:
    bool is_stopped() const { return stopped_; }
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
        // RocksDB resumes from no error of this severity, although a read that failed may succeed later.
        if (error->IsIOError() && error->severity() == rocksdb::Status::Severity::kFatalError) {
            *error = rocksdb::Status(*error, rocksdb::Status::Severity::kHardError);
        }
        {
            const std::lock_guard lock(mutex_);
            reason_ = error->ToString();
        }
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        if (stopped_.exchange(true)) return;
        stopped_at_ = now;
        if (now - last_said_.load() < between_words) return;  // It comes and goes.
        last_said_ = now;
        was_said_ = true;
        log.error("store stopped reason={:?}", error->ToString());
    }
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error, bool* automatic) override {
        // On a full disk RocksDB tries itself whether it can go on. If only the next commit asked for it,
        // a flush that comes up meanwhile would fail without a try, yet stay queued and never be begun, so that
        // the recovery, which waits for it, would wait for ever (rocksdb 7.8: DBImpl::BackgroundFlush).
        *automatic = error.severity() >= rocksdb::Status::Severity::kHardError;
    }
    /// RocksDB tries at once whether it can go on, and from then on every five seconds.
    bool has_just_stopped() const {
        return std::chrono::steady_clock::now().time_since_epoch() - stopped_at_.load() < first_try;
    }
    /// Why it stopped.
    std::string reason() const {
        const std::lock_guard lock(mutex_);
        return reason_;
    }
    void resumed() {
        if (stopped_.exchange(false) && was_said_.exchange(false)) log.info("store resumed");
    }

private:
    static constexpr std::chrono::seconds between_words{10};
    static constexpr std::chrono::seconds first_try{1};
    std::atomic<bool> stopped_ = false;
    std::atomic<bool> was_said_ = false;
    std::atomic<std::chrono::steady_clock::duration> last_said_{-between_words};
    std::atomic<std::chrono::steady_clock::duration> stopped_at_{};
    mutable std::mutex mutex_;
    std::string reason_;  ///< Of the last error. Guarded by `mutex_`.
};

std::size_t event_buffer_bytes(const RocksOptions& wanted) {
    const std::uint64_t part = std::max(wanted.event_bytes / event_buffer_parts, event_buffer_bytes_min);
    return std::min<std::uint64_t>(part, wanted.write_buffer_bytes);
}

/// True where so little may be unmerged that commits soon wait for merges.
bool merges_are_urgent(const RocksOptions& wanted) {
    return wanted.event_bytes / event_unmerged_parts < urgent_unmerged_bytes;
}

/// Holds what messages take beside what is kept to as much again, also while they come as fast as the disk
/// takes them: what is written and not merged yet, which may hold removed messages, is a part of the bound.
void bound_unmerged(rocksdb::ColumnFamilyOptions& family, const RocksOptions& wanted) {
    const std::uint64_t files =
        std::clamp(wanted.event_bytes / event_unmerged_parts / family.write_buffer_size, unmerged_files_min,
                   unmerged_files_max);
    family.max_bytes_for_level_base =
        std::min<std::uint64_t>(family.write_buffer_size * 4, wanted.event_bytes / event_level_parts);
    if (files == unmerged_files_max) return;
    family.level0_stop_writes_trigger = static_cast<int>(files);
    family.level0_slowdown_writes_trigger = static_cast<int>(files / 2);
    family.level0_file_num_compaction_trigger = static_cast<int>(files / 4);
    // Else each merge is with all that is kept, as long as that is little, and takes its room twice.
    family.level_compaction_dynamic_level_bytes = false;
}

rocksdb::DBOptions db_options(const RocksOptions& wanted) {
    rocksdb::DBOptions db;
    db.create_missing_column_families = true;
    db.paranoid_checks = true;
    db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
    db.max_bgerror_resume_count = 0;  // The next commit asks for it, see `Listener`.
    db.max_open_files = wanted.open_files_max;
    db.max_background_jobs = wanted.background_jobs_max;
    db.db_write_buffer_size = wanted.write_buffers_bytes_max;
    db.max_total_wal_size =
        std::min(wanted.wal_bytes_max, std::max(wanted.event_bytes / event_log_parts, log_bytes_min));
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
        case Table::cloud_messages:
        case Table::provisioning:
            blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
            break;
        case Table::twin_log:
        case Table::job_events:
            // Written in key order, read by scans, removed from the front in ranges.
            blocks.block_size = 32 * 1024;
            family.target_file_size_base = 32 * 1024 * 1024;
            break;
        case Table::events:
            // As these. What a flush writes spans all partitions and is merged with a level that holds only
            // as much again. From there files of one partition move on, as nothing below overlaps them, and
            // go whole when they are removed.
            blocks.block_size = 32 * 1024;
            family.write_buffer_size = event_buffer_bytes(wanted);
            bound_unmerged(family, wanted);
            family.target_file_size_base = std::clamp(wanted.event_bytes / event_file_parts,
                                                      event_buffer_bytes_min, event_file_bytes_max);
            family.sst_partitioner_factory = rocksdb::NewSstPartitionerFixedPrefixFactory(4);
            break;
    }
    family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
    return family;
}

}  // namespace

struct RocksStore::Impl {
    std::unique_ptr<FileLedger> ledger;
    LogState log_state;
    std::unique_ptr<rocksdb::Env> env;
    std::shared_ptr<Listener> listener;
    std::unique_ptr<rocksdb::DB> db;
    rocksdb::ColumnFamilyHandle* unused = nullptr;  ///< RocksDB insists on a family "default".
    Families families{};
    rocksdb::WriteOptions write;
    std::atomic<bool> failed = false;  ///< The last write was refused; recover before the next.
    std::mutex recovering;             ///< Held by the one commit that asks RocksDB to recover.
    OnLostSync on_lost_sync;
    std::mutex ending;
    std::condition_variable ends_changed;
    bool ends = false;  ///< Guarded by `ending`.
    std::thread settler;
    std::unique_ptr<Reclaimer> reclaimer;
    CommitMetrics commits;

    Result<> commit(const Batch& batch);
    rocksdb::ColumnFamilyHandle* family(Table table) const {
        return families[static_cast<std::size_t>(table)];
    }

    ~Impl() {
        {
            const std::lock_guard lock(ending);
            ends = true;
        }
        ends_changed.notify_all();
        if (settler.joinable()) settler.join();
        reclaimer.reset();
        if (!db) return;
        for (rocksdb::ColumnFamilyHandle* handle : families) {
            if (handle) db->DestroyColumnFamilyHandle(handle);
        }
        if (unused) db->DestroyColumnFamilyHandle(unused);
        const rocksdb::Status closed = db->Close();
        if (!closed.ok()) log.warn("store closed badly reason={:?}", closed.ToString());
    }

    /// A thread's work: what commits noted in the ledger reaches the disk soon after.
    void settle_each_second() {
        std::unique_lock lock(ending);
        while (!ends_changed.wait_for(lock, between_settlings, [this] { return ends; })) {
            lock.unlock();
            const rocksdb::IOStatus settled = ledger->settle();
            if (!settled.ok() && !is_passing(settled))
                on_lost_sync("the store's ledger: " + settled.ToString());
            lock.lock();
        }
    }

    /// Lifts RocksDB's write stop if its cause is gone. Recovery writes the buffers out and turns
    /// to a new log, so what the failed write left in the old log is gone with it.
    Result<> recover() {
        const std::lock_guard lock(recovering);
        if (!failed && !listener->is_stopped()) return {};
        rocksdb::Status resumed = resume();
        // Work that had begun before the cause was gone may have failed meanwhile. By now it is over.
        if (!resumed.ok() && !resumed.IsBusy()) resumed = resume();
        while (resumed.IsBusy() && listener->has_just_stopped()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            resumed = resume();
        }
        if (resumed.IsBusy()) return fail(Errc::store_failed, "the store is stopped: " + listener->reason());
        if (!resumed.ok()) return fail(store_error(resumed, "the store is stopped"));
        failed = false;
        listener->resumed();
        return {};
    }

    rocksdb::Status resume() {
        const rocksdb::Status resumed = db->Resume();
        return resumed.ok() && log_state.is_broken ? turn_log() : resumed;
    }

    /// Resuming turns to a new log only if a buffer holds something. So one gets something, past the log,
    /// and RocksDB is stopped once more, to resume from that.
    rocksdb::Status turn_log() {
        rocksdb::WriteOptions past_log;
        past_log.disableWAL = true;
        const rocksdb::Status put = db->Put(past_log, unused, "", "");
        if (!put.ok()) return put;
        log_state.refuses_next = true;
        const rocksdb::Status stopped = db->Flush(rocksdb::FlushOptions(), unused);
        log_state.refuses_next = false;
        return stopped.ok() ? stopped : db->Resume();
    }
};

namespace {

void end_process(const std::string& reason) {
    log.error("store lost a sync, so the process ends; a start finds what was acknowledged reason={:?}",
              reason);
    log.flush();
    std::_Exit(EXIT_FAILURE);
}

std::vector<rocksdb::ColumnFamilyDescriptor> all_families(const RocksOptions& options) {
    const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
    for (std::size_t table = 0; table < table_count; ++table) {
        families.emplace_back(table_names[table], family_options(static_cast<Table>(table), options, cache));
    }
    return families;
}

/// The first damage, with the ways out. Nothing was changed so far.
Error damaged(const std::filesystem::path& path, const StoreFiles& found) {
    std::string detail = found.damages.front() + ".\n";
    if (found.damages.size() > 1) {
        detail += fmt::format("There is more ({} damages in all). ", found.damages.size());
    }
    detail += fmt::format(
        "Nothing was changed. `carillon store check --data-dir {}` lists what is wrong.\n"
        "Restore the whole data directory from a backup. If you replaced {} on purpose,\n"
        "remove {}, the record of what it must hold.",
        path.has_parent_path() ? path.parent_path().string() : ".", path.string(),
        ledger_path(path).string());
    return {Errc::store_corrupt, std::move(detail)};
}

/// Whether another process, or a store of this one, has the folder open.
Result<> check_lock(rocksdb::FileSystem& files, const std::filesystem::path& path) {
    const std::string file = (path / "LOCK").string();
    if (!files.FileExists(file, rocksdb::IOOptions(), nullptr).ok()) return {};
    rocksdb::FileLock* lock = nullptr;
    rocksdb::IOStatus done = files.LockFile(file, rocksdb::IOOptions(), &lock, nullptr);
    if (done.ok()) done = files.UnlockFile(lock, rocksdb::IOOptions(), nullptr);
    if (!done.ok()) return fail(store_error(done, path.string()));
    return {};
}

/// A start that runs out of room halfway fails in RocksDB's assertions; so it is asked for beforehand.
Result<> check_room(rocksdb::FileSystem& files, const std::filesystem::path& path, std::uint64_t bytes) {
    const rocksdb::IOOptions io;
    const std::string name = path.string() + ".room";
    std::unique_ptr<rocksdb::FSWritableFile> file;
    rocksdb::IOStatus done = files.NewWritableFile(name, rocksdb::FileOptions(), &file, nullptr);
    bool has_room = done.ok();
    if (done.ok()) {
        done = file->Allocate(0, bytes, io, nullptr);
        if (!done.ok() && !done.IsNoSpace()) {  // Not every file system can.
            std::uint64_t free = 0;
            done = files.GetFreeSpace(path.parent_path().string(), io, &free, nullptr);
            has_room = !done.ok() || free >= bytes;
        } else {
            has_room = done.ok();
        }
        file->Close(io, nullptr).PermitUncheckedError();
        files.DeleteFile(name, io, nullptr).PermitUncheckedError();
    }
    if (has_room) return {};
    if (!done.ok() && !done.IsNoSpace()) return fail(store_error(done, name));
    return fail(
        Errc::store_failed,
        fmt::format("the disk of {} is full: a start needs {} MiB. Nothing was changed. Free that much, "
                    "then start again",
                    path.string(), (bytes + 1024 * 1024 - 1) / (1024 * 1024)));
}

/// Makes a database elsewhere and moves it to its place, so that a folder of that name is never half made.
Result<> create(rocksdb::FileSystem& files, rocksdb::Env& env, const std::filesystem::path& path,
                const RocksOptions& options) {
    std::error_code error;
    const bool has_folder = std::filesystem::exists(path, error);  // A disk of its own, say.
    std::filesystem::path making = path;
    if (!has_folder) making += ".new";
    const auto refused = [&making](const std::error_code& why) {
        return fail(Errc::store_failed, making.string() + ": " + why.message());
    };
    if (!has_folder) std::filesystem::remove_all(making, error);
    if (error) return refused(error);
    std::filesystem::create_directories(making, error);
    if (error) return refused(error);
    // Keys of devices lie inside.
    std::filesystem::permissions(making, std::filesystem::perms::owner_all, error);
    if (error) return refused(error);
    rocksdb::Options all(db_options(options), {});
    all.create_if_missing = true;
    all.env = &env;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    rocksdb::Status done = rocksdb::DB::Open(all, making.string(), all_families(options), &handles, &opened);
    if (!done.ok()) return fail(store_error(done, making.string()));
    const std::unique_ptr<rocksdb::DB> db(opened);
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    done = db->Close();
    const rocksdb::IOOptions io;
    if (done.ok() && !has_folder) done = files.RenameFile(making.string(), path.string(), io, nullptr);
    std::unique_ptr<rocksdb::FSDirectory> folder;
    const auto parent = std::filesystem::absolute(path).parent_path();
    if (done.ok()) done = files.NewDirectory(parent.string(), io, &folder, nullptr);
    if (done.ok()) done = folder->Fsync(io, nullptr);
    if (!done.ok()) return fail(store_error(done, making.string()));
    return {};
}

}  // namespace

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::filesystem::path& path,
                                                     const RocksOptions& options) {
    const auto files = options.files ? options.files : rocksdb::FileSystem::Default();
    if (auto locked = check_lock(*files, path); !locked) return fail(std::move(locked).error());
    auto found = examine_store(files, path);
    if (!found) return fail(std::move(found).error());
    if (!found->damages.empty()) return fail(damaged(path, *found));
    if (found->is_new) {
        std::error_code error;
        std::filesystem::create_directories(std::filesystem::absolute(path).parent_path(), error);
        if (error) return fail(Errc::store_failed, path.string() + ": " + error.message());
    }
    if (auto room = check_room(*files, path, found->log_bytes + start_bytes); !room) {
        return fail(std::move(room).error());
    }
    if (found->is_new) {
        const auto env = rocksdb::NewCompositeEnv(files);
        if (auto made = create(*files, *env, path, options); !made) return fail(std::move(made).error());
    } else if (!found->has_ledger) {
        log.warn("store had no ledger and got one path={}", ledger_path(path).string());
    }
    for (const auto& [number, end] : found->log_ends) {
        log.warn("store log ended in an unfinished record, which was dropped log={} bytes={}", number, end);
    }

    auto impl = std::make_unique<Impl>();
    auto ledger = FileLedger::open(*files, ledger_path(path).string(), found->entries, found->edition);
    if (!ledger) return fail(std::move(ledger).error());
    impl->ledger = *std::move(ledger);
    impl->on_lost_sync = options.on_lost_sync ? options.on_lost_sync : end_process;
    impl->env = rocksdb::NewCompositeEnv(
        watch_files(cut_logs(files, found->log_ends), *impl->ledger, impl->log_state, impl->on_lost_sync));
    // Compactions can wait; flushes make room for commits, and have a pool of their own. Where commits wait
    // for compactions, a low priority on a busy machine would stop all commits, for ten seconds and more.
    if (!merges_are_urgent(options)) rocksdb::Env::Default()->LowerThreadPoolCPUPriority(rocksdb::Env::LOW);
    impl->listener = std::make_shared<Listener>();
    rocksdb::Options all(db_options(options), {});
    all.env = impl->env.get();
    all.listeners.push_back(impl->listener);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status opened =
        rocksdb::DB::Open(all, path.string(), all_families(options), &handles, &db);
    if (opened.IsCorruption()) return fail(Errc::store_corrupt, path.string() + ": " + opened.ToString());
    if (!opened.ok()) return fail(store_error(opened, path.string()));

    impl->db.reset(db);
    impl->unused = handles.front();
    for (std::size_t table = 0; table < table_count; ++table) impl->families[table] = handles[table + 1];
    impl->write.sync = options.sync;
    const std::uint64_t sequence = db->GetLatestSequenceNumber();
    if (sequence < found->entries.sequence) {
        return fail(Errc::store_corrupt, fmt::format("{} ends at the change {}, but {} was acknowledged",
                                                     path.string(), sequence, found->entries.sequence));
    }
    std::string identity;
    if (impl->db->GetDbIdentity(identity).ok()) impl->ledger->identify(std::move(identity));
    impl->settler = std::thread([raw = impl.get()] { raw->settle_each_second(); });
    impl->reclaimer =
        std::make_unique<Reclaimer>(*db, *impl->family(Table::events), event_buffer_bytes(options));
    return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Result<> RocksStore::commit(const Batch& batch) {
    const auto began = std::chrono::steady_clock::now();
    auto result = impl_->commit(batch);
    CommitMetrics& metrics = impl_->commits;
    metrics.seconds.add_shared(std::chrono::steady_clock::now() - began);
    metrics.records.add_shared(static_cast<std::int64_t>(batch.ops().size()));
    metrics.bytes.add_shared(batch.bytes());
    if (!result) metrics.failures.add_shared();
    return result;
}

const CommitMetrics& RocksStore::commits() const {
    return impl_->commits;
}

Result<> RocksStore::Impl::commit(const Batch& batch) {
    if (batch.bytes() > commit_bytes_max) return fail(Errc::store_failed, "the batch is too large");
    if (failed || listener->is_stopped()) {
        auto recovered = recover();
        if (!recovered) return recovered;
    }
    constexpr std::size_t overhead_per_op = 16;
    rocksdb::WriteBatch changes(batch.bytes() + batch.ops().size() * overhead_per_op);
    for (const Batch::Op& op : batch.ops()) {
        rocksdb::ColumnFamilyHandle* const into = family(op.table);
        rocksdb::Status added;
        switch (op.kind) {
            case Batch::Op::Kind::put:
                added = changes.Put(into, op.key, op.value);
                break;
            case Batch::Op::Kind::erase:
                added = changes.Delete(into, op.key);
                break;
            case Batch::Op::Kind::erase_range:
                if (op.key < op.value) added = changes.DeleteRange(into, op.key, op.value);
                break;
        }
        if (!added.ok()) return fail(store_error(added, "the batch cannot be written"));
    }
    rocksdb::Status written = db->Write(write, &changes);
    // A write may wait for merges that had begun while something was wanting, and gets their error when they
    // fail, before anything of it went to the log (rocksdb: DBImpl::DelayWrite). What was wanting may be
    // there again. A batch that is written twice has the outcome of one that is written once.
    if (!written.ok() && !log_state.is_broken) {
        failed = true;
        if (auto recovered = recover(); !recovered) return recovered;
        written = db->Write(write, &changes);
    }
    if (!written.ok()) {
        failed = true;
        return fail(store_error(written, "the disk refused a write"));
    }
    for (const Batch::Op& op : batch.ops()) {
        const bool is_range = op.kind == Batch::Op::Kind::erase_range && op.key < op.value;
        if (is_range && op.table == Table::events) reclaimer->removed(op.key, op.value);
    }
    if (write.sync) ledger->acknowledge(db->GetLatestSequenceNumber());
    return {};
}

Result<std::optional<std::string>> RocksStore::get(Table table, std::string_view key) const {
    return read_row(*impl_->db, impl_->family(table), key);
}

Result<> RocksStore::scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const {
    return scan_rows(*impl_->db, impl_->family(table), from, to, visit);
}

namespace {

/// RocksDB gives the CRC-32C of a table as four bytes, big-endian (rocksdb: util/file_checksum_helper.h).
std::optional<std::uint32_t> checksum_of(const rocksdb::LiveFileStorageInfo& file) {
    if (file.file_checksum_func_name != "FileChecksumCrc32c" || file.file_checksum.size() != 4) return {};
    std::uint32_t value = 0;
    for (const char byte : file.file_checksum) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

CopiedFile copied(const rocksdb::LiveFileStorageInfo& file) {
    CopiedFile copied;
    if (file.file_type == rocksdb::kWalFile) copied.kind = CopiedFile::Kind::wal;
    if (file.file_type == rocksdb::kDescriptorFile) copied.kind = CopiedFile::Kind::manifest;
    copied.name = file.relative_filename;
    copied.number = file.file_number;
    copied.bytes = file.size;
    copied.content = file.replacement_contents;
    copied.checksum = checksum_of(file);
    return copied;
}

}  // namespace

Result<std::unique_ptr<StoreCopy>> RocksStore::copy() {
    rocksdb::DB& db = *impl_->db;
    const rocksdb::Status held = db.DisableFileDeletions();
    if (!held.ok()) return fail(store_error(held, "the files cannot be held"));
    // Before the files are listed: what the ledger names of a log is then in it.
    LedgerEntries entries = impl_->ledger->entries();
    rocksdb::LiveFilesStorageInfoOptions options;
    options.include_checksum_info = true;
    options.wal_size_for_flush = std::numeric_limits<std::uint64_t>::max();  // Never; the logs are copied.
    std::vector<rocksdb::LiveFileStorageInfo> listed;
    const rocksdb::Status looked = db.GetLiveFilesStorageInfo(options, &listed);
    if (!looked.ok()) {
        db.EnableFileDeletions(false).PermitUncheckedError();
        return fail(store_error(looked, "the files cannot be listed"));
    }
    std::vector<CopiedFile> files;
    for (const rocksdb::LiveFileStorageInfo& file : listed) files.push_back(copied(file));
    std::stable_partition(files.begin(), files.end(), [](const CopiedFile& f) { return f.content.empty(); });
    const auto is_copied = [&files](const FileClaim& claim) {
        return std::any_of(files.begin(), files.end(), [&claim](const CopiedFile& file) {
            return file.kind == CopiedFile::Kind::wal && file.number == claim.number &&
                   file.bytes >= claim.bytes;
        });
    };
    std::erase_if(entries.logs, [&is_copied](const FileClaim& claim) { return !is_copied(claim); });
    entries.manifest.reset();
    entries.next_manifest.reset();
    return std::make_unique<StoreCopy>(
        listed.empty() ? std::filesystem::path() : std::filesystem::path(listed.front().directory),
        std::move(files), std::move(entries),
        [&db] { db.EnableFileDeletions(false).PermitUncheckedError(); });
}

bool RocksStore::is_stopped() const {
    return impl_->failed || impl_->listener->is_stopped();
}

StoreUsage RocksStore::usage() const {
    StoreUsage usage;
    const auto number = [&](rocksdb::ColumnFamilyHandle* family, const std::string& name) {
        std::uint64_t value = 0;
        return impl_->db->GetIntProperty(family, name, &value) ? value : 0;
    };
    for (std::size_t table = 0; table < table_count; ++table) {
        rocksdb::ColumnFamilyHandle* const family = impl_->families[table];
        usage.table_bytes[table] = number(family, rocksdb::DB::Properties::kTotalSstFilesSize);
        usage.buffer_bytes += number(family, rocksdb::DB::Properties::kCurSizeAllMemTables);
        usage.reader_bytes += number(family, rocksdb::DB::Properties::kEstimateTableReadersMem);
        usage.pending_compaction_bytes +=
            number(family, rocksdb::DB::Properties::kEstimatePendingCompactionBytes);
    }
    // These are of the whole database, or of the one cache, whichever family is asked.
    rocksdb::ColumnFamilyHandle* const any = impl_->families.front();
    usage.cache_bytes = number(any, rocksdb::DB::Properties::kBlockCacheUsage);
    usage.flushes_running = number(any, rocksdb::DB::Properties::kNumRunningFlushes);
    usage.compactions_running = number(any, rocksdb::DB::Properties::kNumRunningCompactions);
    usage.delayed_bytes_per_second = number(any, rocksdb::DB::Properties::kActualDelayedWriteRate);
    const std::filesystem::path folder = impl_->db->GetName();
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        if (at->path().extension() != ".log") continue;
        std::error_code gone;  // A log may go while it is looked at.
        const auto size = at->file_size(gone);
        if (!gone) usage.log_bytes += size;
    }
    const auto space = std::filesystem::space(folder, error);
    if (!error) {
        usage.disk_free_bytes = space.available;
        usage.disk_bytes = space.capacity;
    }
    usage.is_stopped = is_stopped();
    return usage;
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
