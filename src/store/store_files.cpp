#include "store/store_files.hpp"

#include "base/text.hpp"
#include "store/crc32c.hpp"
#include "store/log_end.hpp"

#include <fmt/core.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <algorithm>
#include <optional>
#include <utility>

namespace carillon {
namespace {

using rocksdb::FileOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
namespace fs = std::filesystem;

constexpr std::size_t read_bytes = 256 * 1024;
/// A CURRENT is a line of some 20 bytes.
constexpr std::uint64_t current_bytes_max = 1024;

struct Prefix {
    std::uint64_t bytes = 0;  ///< Fewer than wanted if the file is shorter.
    std::uint32_t checksum = 0;
    std::string rest;  ///< What is behind them, if asked for.
};

enum class Rest : std::uint8_t { left, taken };

/// Looks at one store; each step adds what it finds wrong.
class Examination {
public:
    Examination(const std::shared_ptr<rocksdb::FileSystem>& files, const fs::path& store,
                const ExamineLimits& limits)
        : files_(files), store_(store), limits_(limits) {}

    Result<StoreFiles> run() {
        if (auto done = read_ledger(); !done) return fail(std::move(done).error());
        if (auto done = list(); !done) return fail(std::move(done).error());
        if (found_.count == 0) return std::move(found_);
        for (const auto step : {&Examination::check_manifest, &Examination::check_logs}) {
            if (auto done = (this->*step)(); !done) return fail(std::move(done).error());
        }
        // What a damaged manifest says of tables is worth nothing.
        if (is_manifest_right_) {
            if (auto done = check_tables(); !done) return fail(std::move(done).error());
        }
        if (!found_.damages.empty()) name_the_stranger();
        return std::move(found_);
    }

private:
    void damage(const fs::path& file, std::string_view what) {
        found_.damages.push_back(file.string() + ' ' + std::string(what));
    }

    static tl::unexpected<Error> refused(const fs::path& file, const IOStatus& status) {
        return fail(Errc::store_failed, file.string() + " cannot be read: " + status.ToString());
    }

    Result<> read_ledger() {
        const fs::path path = ledger_path(store_);
        std::string bytes;
        const IOStatus read = rocksdb::ReadFileToString(files_.get(), path.string(), &bytes);
        if (read.IsPathNotFound() || read.IsNotFound()) return {};
        if (!read.ok()) return refused(path, read);
        found_.has_ledger = true;
        auto decoded = decode_ledger(bytes);
        if (!decoded) {
            damage(path,
                   "is not readable. If `carillon store check` finds nothing else, remove it: the next "
                   "start makes a new one");
            return {};
        }
        found_.entries = std::move(decoded->entries);
        found_.edition = decoded->edition;
        return {};
    }

    Result<> list() {
        const IOOptions io;
        std::vector<rocksdb::FileAttributes> names;
        const IOStatus listed = files_->GetChildrenFileAttributes(store_.string(), io, &names, nullptr);
        if (!listed.ok() && !listed.IsPathNotFound() && !listed.IsNotFound()) return refused(store_, listed);
        const bool is_there = listed.ok();
        for (const auto& file : names) {
            // The last is what an empty disk of its own begins with.
            if (file.name == "." || file.name == ".." || file.name == "lost+found") continue;
            ++found_.count;
            found_.bytes += file.size_bytes;
            const StoreFileName name = parse_store_file_name(file.name);
            if (name.kind != StoreFileName::Kind::wal) continue;
            logs_.emplace(name.number, store_ / file.name);
            found_.log_bytes += file.size_bytes;
        }
        found_.is_new = found_.count == 0 && !found_.has_ledger;
        if (found_.count == 0 && found_.has_ledger) {
            damage(store_, std::string(is_there ? "is empty" : "is missing") + ", although " +
                               ledger_path(store_).string() +
                               " says that there was a store. If it is on a disk of its own, mount that");
        }
        return {};
    }

    /// The first `bytes` of a file.
    Result<Prefix> read_prefix(const fs::path& path, std::uint64_t bytes, Rest rest = Rest::left) {
        std::unique_ptr<rocksdb::FSSequentialFile> file;
        IOStatus done = files_->NewSequentialFile(path.string(), FileOptions(), &file, nullptr);
        if (!done.ok()) return refused(path, done);
        Prefix prefix;
        std::string buffer(read_bytes, '\0');
        for (;;) {
            rocksdb::Slice got;
            done = file->Read(buffer.size(), IOOptions(), &got, buffer.data(), nullptr);
            if (!done.ok()) return refused(path, done);
            if (got.empty()) return prefix;
            const std::string_view text(got.data(), got.size());
            const auto within =
                static_cast<std::size_t>(std::min<std::uint64_t>(text.size(), bytes - prefix.bytes));
            prefix.checksum = crc32c(prefix.checksum, text.substr(0, within));
            prefix.bytes += within;
            if (rest == Rest::taken) prefix.rest += text.substr(within);
            if (rest == Rest::left && prefix.bytes == bytes) return prefix;
        }
    }

    /// Whether the file holds what was once written to it; what it holds behind that goes to `rest`.
    Result<bool> holds(const fs::path& path, const FileClaim& claim, std::string* rest) {
        auto prefix = read_prefix(path, claim.bytes, rest != nullptr ? Rest::taken : Rest::left);
        if (!prefix) return fail(std::move(prefix).error());
        if (rest != nullptr) *rest = std::move(prefix->rest);
        if (prefix->bytes < claim.bytes) {
            damage(path, fmt::format("is cut short: it holds {} bytes of {} that were written", prefix->bytes,
                                     claim.bytes));
            return false;
        }
        if (prefix->checksum != claim.checksum) {
            damage(path,
                   fmt::format("does not hold what was written: its first {} bytes have the checksum "
                               "{:08x} instead of {:08x}. It was damaged, or is of another store or time",
                               claim.bytes, prefix->checksum, claim.checksum));
            return false;
        }
        return true;
    }

    /// Of all that is wrong in a store which took another's place, that comes first.
    void name_the_stranger() {
        const fs::path path = store_ / "IDENTITY";
        std::string identity;
        const IOStatus read = rocksdb::ReadFileToString(files_.get(), path.string(), &identity);
        if (!read.ok() || found_.entries.identity.empty() || identity == found_.entries.identity) return;
        found_.damages.insert(
            found_.damages.begin(),
            fmt::format("{} is another store: {} says {:?}, {} says {:?}", store_.string(), path.string(),
                        identity, ledger_path(store_).string(), found_.entries.identity));
    }

    /// CURRENT names the manifest, which names all tables.
    Result<> check_manifest() {
        const fs::path current = store_ / "CURRENT";
        if (!files_->FileExists(current.string(), IOOptions(), nullptr).ok()) {
            damage(current, "is missing, beside other files of a store");
            return {};
        }
        auto text = read_prefix(current, 0, Rest::taken);
        if (!text) return fail(std::move(text).error());
        std::string& line = text->rest;
        const bool is_line = line.ends_with('\n') && line.size() < current_bytes_max;
        if (is_line) line.pop_back();
        const StoreFileName name = parse_store_file_name(line);
        if (!is_line || name.kind != StoreFileName::Kind::manifest) {
            damage(current, "does not name a manifest");
            return {};
        }
        auto& [identity, sequence, manifest, next, logs] = found_.entries;
        if (next && next->number == name.number) {
            manifest = std::exchange(next, std::nullopt);
        } else {
            next.reset();
        }
        if (manifest && manifest->number != name.number) {
            damage(current,
                   fmt::format("names {}, but the last in use was MANIFEST-{:06}", line, manifest->number));
            return {};
        }
        const fs::path path = store_ / line;
        if (!files_->FileExists(path.string(), IOOptions(), nullptr).ok()) {
            damage(path, "is missing");
            return {};
        }
        if (manifest) {
            auto held = holds(path, *manifest, nullptr);
            if (!held) return fail(std::move(held).error());
            is_manifest_right_ = *held;
        } else {
            is_manifest_right_ = true;
        }
        return {};
    }

    Result<> check_logs() {
        for (const FileClaim& claim : found_.entries.logs) {
            if (logs_.find(claim.number) != logs_.end()) continue;
            damage(store_ / fmt::format("{:06}.log", claim.number),
                   fmt::format("is missing, with {} bytes of acknowledged changes", claim.bytes));
        }
        for (const auto& [number, path] : logs_) {
            const auto claimed = std::find_if(found_.entries.logs.begin(), found_.entries.logs.end(),
                                              [n = number](const FileClaim& log) { return log.number == n; });
            const FileClaim claim =
                claimed != found_.entries.logs.end() ? *claimed : FileClaim{.number = number};
            std::string rest;
            auto held = holds(path, claim, &rest);
            if (!held) return fail(std::move(held).error());
            if (*held) check_log_end(path, claim, rest);
        }
        return {};
    }

    void check_log_end(const fs::path& path, const FileClaim& claim, const std::string& rest) {
        const LogReading reading = read_log_end(rest, claim.bytes);
        if (reading.end == LogEnd::damaged) {
            damage(path, fmt::format("is damaged behind its byte {}, before records that are whole",
                                     reading.bytes));
        } else if (reading.end == LogEnd::torn && found_.has_ledger) {
            // Unfinished when the process or the machine stopped.
            found_.log_ends[claim.number] = reading.bytes;
        }
    }

    Result<> check_tables() {
        auto opened = StoreReader::open(files_, store_, Logs::hidden);
        if (!opened) {
            found_.damages.push_back(opened.error().detail);
            return {};
        }
        std::vector<rocksdb::LiveFileMetaData> tables;
        (*opened)->db().GetLiveFilesMetaData(&tables);
        // The newest messages first.
        std::sort(tables.begin(), tables.end(),
                  [](const auto& a, const auto& b) { return a.file_number > b.file_number; });
        std::uint64_t message_bytes = 0;
        for (const auto& table : tables) {
            const fs::path path = store_ / fmt::format("{:06}.sst", table.file_number);
            const bool is_of_messages = table.column_family_name == "events";
            if (is_of_messages) message_bytes += table.size;
            if (is_of_messages && message_bytes > limits_.message_bytes_max) continue;
            if (auto done = check_table(path, table); !done) return done;
        }
        return {};
    }

    Result<> check_table(const fs::path& path, const rocksdb::LiveFileMetaData& table) {
        std::uint64_t size = 0;
        const IOStatus sized = files_->GetFileSize(path.string(), IOOptions(), &size, nullptr);
        if (sized.IsPathNotFound() || sized.IsNotFound()) {
            damage(path, "is missing");
            return {};
        }
        if (!sized.ok()) return refused(path, sized);
        if (size != table.size) {
            damage(path, fmt::format("has {} bytes instead of {}", size, table.size));
            return {};
        }
        // Stores of earlier versions have tables without a checksum of the whole.
        if (table.file_checksum_func_name != "FileChecksumCrc32c") return {};
        auto read = read_prefix(path, table.size);
        if (!read) return fail(std::move(read).error());
        if (big_endian(read->checksum) != table.file_checksum) {
            damage(path, "does not hold what was written. It was damaged, or is of another store");
        }
        return {};
    }

    /// As RocksDB writes it: rocksdb: util/file_checksum_helper.h.
    static std::string big_endian(std::uint32_t number) {
        std::string bytes(4, '\0');
        for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(number >> (24 - 8 * i));
        return bytes;
    }

    const std::shared_ptr<rocksdb::FileSystem> files_;
    const fs::path store_;
    const ExamineLimits limits_;
    StoreFiles found_;
    std::map<std::uint64_t, fs::path> logs_;
    bool is_manifest_right_ = false;
};

/// Knows which table could not be opened, which RocksDB's errors do not always say.
class NamingTableFactory final : public rocksdb::TableFactory {
public:
    /// `opening` is the table that is being opened, if there is but one thread that does.
    explicit NamingTableFactory(std::shared_ptr<const std::string> opening)
        : inner_(rocksdb::NewBlockBasedTableFactory()), opening_(std::move(opening)) {}

    const std::string& failed() const { return failed_; }

    const char* Name() const override { return "CarillonNamingTable"; }
    const rocksdb::Customizable* Inner() const override { return inner_.get(); }
    rocksdb::Status NewTableReader(const rocksdb::ReadOptions& read,
                                   const rocksdb::TableReaderOptions& options,
                                   std::unique_ptr<rocksdb::RandomAccessFileReader>&& file,
                                   std::uint64_t size, std::unique_ptr<rocksdb::TableReader>* reader,
                                   bool prefetch) const override {
        auto done = inner_->NewTableReader(read, options, std::move(file), size, reader, prefetch);
        if (!done.ok() && failed_.empty()) failed_ = *opening_;
        return done;
    }
    rocksdb::TableBuilder* NewTableBuilder(const rocksdb::TableBuilderOptions& options,
                                           rocksdb::WritableFileWriter* file) const override {
        return inner_->NewTableBuilder(options, file);
    }
    bool IsDeleteRangeSupported() const override { return inner_->IsDeleteRangeSupported(); }

private:
    const std::unique_ptr<rocksdb::TableFactory> inner_;
    const std::shared_ptr<const std::string> opening_;
    mutable std::string failed_;
};

}  // namespace

fs::path ledger_path(const fs::path& store) {
    fs::path path = store;
    path += ".ledger";
    return path;
}

Result<StoreFiles> examine_store(const std::shared_ptr<rocksdb::FileSystem>& files, const fs::path& store,
                                 const ExamineLimits& limits) {
    return Examination(files, store, limits).run();
}

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::shared_ptr<rocksdb::FileSystem>& files,
                                                       const fs::path& store, Logs logs) {
    std::unique_ptr<StoreReader> reader(new StoreReader());
    const auto last_table = std::make_shared<std::string>();
    reader->env_ = rocksdb::NewCompositeEnv(read_only_files(files, logs, last_table));
    rocksdb::Options options;
    options.env = reader->env_.get();
    options.paranoid_checks = true;
    options.max_file_opening_threads = 1;
    options.skip_stats_update_on_db_open = true;  // It would open every table.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    const auto tables = std::make_shared<NamingTableFactory>(last_table);
    const auto refused = [&store, &tables](const rocksdb::Status& status) {
        std::string detail =
            (tables->failed().empty() ? store.string() : tables->failed()) + " cannot be opened: ";
        return fail(status.IsCorruption() ? Errc::store_corrupt : Errc::store_failed,
                    std::move(detail) + status.ToString());
    };
    std::vector<std::string> names;
    rocksdb::Status done = rocksdb::DB::ListColumnFamilies(options, store.string(), &names);
    if (!done.ok()) return refused(done);
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    rocksdb::ColumnFamilyOptions family;
    family.table_factory = tables;
    for (const std::string& name : names) families.emplace_back(name, family);
    rocksdb::DB* db = nullptr;
    done = rocksdb::DB::OpenForReadOnly(options, store.string(), families, &reader->families_, &db);
    if (!done.ok()) return refused(done);
    reader->db_.reset(db);
    return reader;
}

StoreReader::~StoreReader() {
    if (!db_) return;
    for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
}

rocksdb::ColumnFamilyHandle* StoreReader::find_family(const std::string& name) const {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
        if (family->GetName() == name) return family;
    }
    return nullptr;
}

}  // namespace carillon
