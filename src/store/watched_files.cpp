#include "store/crc32c.hpp"
#include "store/file_layers.hpp"
#include "store/file_ledger.hpp"

#include <rocksdb/file_system.h>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

namespace carillon {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// What the files of one store share.
struct Watch {
    FileLedger& ledger;
    LogState& log_state;
    OnLostSync on_lost_sync;

    /// An error of input or output stops RocksDB until it is opened again, unless it is told that trying
    /// again may help: it then writes to files of a new name whatever the failed ones should have held.
    IOStatus judged(IOStatus status) const {
        if (status.IsIOError() && !status.IsPathNotFound() && !status.GetDataLoss())
            status.SetRetryable(true);
        return status;
    }
    /// RocksDB takes the want of room for a new file for fatal, unlike that for more of one it has.
    IOStatus judged_creation(IOStatus status, const std::string& path) const {
        if (status.IsNoSpace()) status = IOStatus::IOError("cannot make " + path, std::strerror(ENOSPC));
        return judged(std::move(status));
    }
    IOStatus judged_sync(IOStatus status, const std::string& path) const {
        if (!status.ok() && status.IsIOError() && !is_passing(status))
            on_lost_sync(path + ": " + status.ToString());
        return judged(std::move(status));
    }
};

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    WatchedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
                std::shared_ptr<const Watch> watch)
        : FSWritableFileOwnerWrapper(std::move(file)),
          path_(std::move(path)),
          name_(parse_store_file_name(path_)),
          watch_(std::move(watch)),
          is_claimed_(name_.kind == StoreFileName::Kind::wal || name_.kind == StoreFileName::Kind::manifest) {
        claim_.number = name_.number;
    }

    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* debug) override {
        return appended(FSWritableFileOwnerWrapper::Append(data, options, debug), data);
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo& verification, IODebugContext* debug) override {
        return appended(FSWritableFileOwnerWrapper::Append(data, options, verification, debug), data);
    }
    IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
        return watch_->judged(FSWritableFileOwnerWrapper::Truncate(size, options, debug));
    }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        return watch_->judged(FSWritableFileOwnerWrapper::Close(options, debug));
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
        return watch_->judged(FSWritableFileOwnerWrapper::Flush(options, debug));
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        const FileClaim claim = claimed();
        return synced(FSWritableFileOwnerWrapper::Sync(options, debug), claim);
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        const FileClaim claim = claimed();
        return synced(FSWritableFileOwnerWrapper::Fsync(options, debug), claim);
    }
    IOStatus RangeSync(std::uint64_t offset, std::uint64_t size, const IOOptions& options,
                       IODebugContext* debug) override {
        return watch_->judged_sync(FSWritableFileOwnerWrapper::RangeSync(offset, size, options, debug),
                                   path_);
    }

private:
    IOStatus appended(IOStatus done, const rocksdb::Slice& data) {
        note_broken(done);
        if (is_claimed_) {
            const std::lock_guard lock(mutex_);
            if (!done.ok()) {
                // Part of it may be in the file; RocksDB gives this file up.
                is_broken_ = true;
            } else if (!is_broken_) {
                claim_.bytes += data.size();
                claim_.checksum = crc32c(claim_.checksum, {data.data(), data.size()});
            }
        }
        return watch_->judged(std::move(done));
    }
    FileClaim claimed() const {
        const std::lock_guard lock(mutex_);
        return claim_;
    }
    void note_broken(const IOStatus& done) {
        if (!done.ok() && name_.kind == StoreFileName::Kind::wal) watch_->log_state.is_broken = true;
    }
    IOStatus synced(IOStatus done, const FileClaim& claim) {
        note_broken(done);
        if (done.ok() && claim.bytes > 0) {
            if (name_.kind == StoreFileName::Kind::wal) watch_->ledger.log_synced(claim);
            if (name_.kind == StoreFileName::Kind::manifest) watch_->ledger.manifest_synced(claim);
        }
        return watch_->judged_sync(std::move(done), path_);
    }

    const std::string path_;
    const StoreFileName name_;
    const std::shared_ptr<const Watch> watch_;
    const bool is_claimed_;
    mutable std::mutex mutex_;  ///< Guards the two below: a log may be synced while it is appended to.
    FileClaim claim_;
    bool is_broken_ = false;
};

/// RocksDB's messages of itself, on the disk of the data. It asserts that nobody writes to a file again to
/// which a write failed, and goes on writing to this one; so a message that finds no room is lost without a
/// word.
class MessagesFile final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* debug) override {
        FSWritableFileOwnerWrapper::Append(data, options, debug).PermitUncheckedError();
        return IOStatus::OK();
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
        return Append(data, options, debug);
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
        FSWritableFileOwnerWrapper::Flush(options, debug).PermitUncheckedError();
        return IOStatus::OK();
    }
};

class WatchedFolder final : public rocksdb::FSDirectoryWrapper {
public:
    WatchedFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string path,
                  std::shared_ptr<const Watch> watch)
        : FSDirectoryWrapper(std::move(folder)), path_(std::move(path)), watch_(std::move(watch)) {}

    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return watch_->judged_sync(FSDirectoryWrapper::Fsync(options, debug), path_);
    }
    IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                                 const rocksdb::DirFsyncOptions& what) override {
        return watch_->judged_sync(FSDirectoryWrapper::FsyncWithDirOptions(options, debug, what), path_);
    }

private:
    const std::string path_;
    const std::shared_ptr<const Watch> watch_;
};

class WatchedFiles final : public rocksdb::FileSystemWrapper {
public:
    WatchedFiles(const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<const Watch> watch)
        : FileSystemWrapper(below), watch_(std::move(watch)) {}

    const char* Name() const override { return "CarillonWatchedFiles"; }

    /// RocksDB asks before it tries to go on behind a full disk, and wants more room than that takes: the largest
    /// write buffer of all tables. Trying shows whether there is enough.
    IOStatus GetFreeSpace(const std::string&, const IOOptions&, std::uint64_t* bytes, IODebugContext*) override {
        *bytes = UINT64_MAX / 2;
        return IOStatus::OK();
    }

    IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSSequentialFile>* file,
                               IODebugContext* debug) override {
        return watch_->judged(FileSystemWrapper::NewSequentialFile(path, options, file, debug));
    }
    IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                 IODebugContext* debug) override {
        return watch_->judged(FileSystemWrapper::NewRandomAccessFile(path, options, file, debug));
    }
    IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
        const bool is_log = parse_store_file_name(path).kind == StoreFileName::Kind::wal;
        const bool is_refused = is_log && watch_->log_state.refuses_next.exchange(false);
        IOStatus done = is_refused ? IOStatus::IOError(path, "refused once")
                                   : FileSystemWrapper::NewWritableFile(path, options, file, debug);
        if (done.ok() && path.ends_with("/LOG")) {
            *file = std::make_unique<MessagesFile>(std::move(*file));
            return done;
        }
        if (done.ok()) *file = std::make_unique<WatchedFile>(std::move(*file), path, watch_);
        if (done.ok() && is_log) watch_->log_state.is_broken = false;
        return watch_->judged_creation(std::move(done), path);
    }
    /// Not that of the file system below: the file is to be one of these.
    IOStatus NewLogger(const std::string& path, const IOOptions& options,
                       std::shared_ptr<rocksdb::Logger>* logger, IODebugContext* debug) override {
        return FileSystem::NewLogger(path, options, logger, debug);
    }
    IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                          std::unique_ptr<rocksdb::FSDirectory>* folder, IODebugContext* debug) override {
        IOStatus done = FileSystemWrapper::NewDirectory(path, options, folder, debug);
        if (done.ok()) *folder = std::make_unique<WatchedFolder>(std::move(*folder), path, watch_);
        return watch_->judged(std::move(done));
    }
    IOStatus GetChildren(const std::string& path, const IOOptions& options, std::vector<std::string>* names,
                         IODebugContext* debug) override {
        return watch_->judged(FileSystemWrapper::GetChildren(path, options, names, debug));
    }
    IOStatus GetFileSize(const std::string& path, const IOOptions& options, std::uint64_t* size,
                         IODebugContext* debug) override {
        return watch_->judged(FileSystemWrapper::GetFileSize(path, options, size, debug));
    }
    /// What makes a file superfluous is in the ledger, on disk, before the file goes.
    IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
        const StoreFileName name = parse_store_file_name(path);
        IOStatus noted;
        if (name.kind == StoreFileName::Kind::wal) noted = watch_->ledger.before_log_removal(name.number);
        if (name.kind == StoreFileName::Kind::manifest)
            noted = watch_->ledger.before_manifest_removal(name.number);
        if (name.kind == StoreFileName::Kind::table) noted = watch_->ledger.before_table_removal();
        if (!noted.ok()) return watch_->judged_sync(std::move(noted), path);
        return watch_->judged(FileSystemWrapper::DeleteFile(path, options, debug));
    }
    /// RocksDB changes to a manifest by renaming a temporary file of the manifest's number to CURRENT.
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                        IODebugContext* debug) override {
        const bool is_switch = to.ends_with("/CURRENT");
        if (is_switch) {
            IOStatus noted = watch_->ledger.before_switch_to(parse_store_file_name(from).number);
            if (!noted.ok()) return watch_->judged_sync(std::move(noted), to);
        }
        IOStatus done = FileSystemWrapper::RenameFile(from, to, options, debug);
        if (is_switch && done.ok()) watch_->ledger.after_switch();
        return watch_->judged_creation(std::move(done), to);
    }

private:
    const std::shared_ptr<const Watch> watch_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> watch_files(std::shared_ptr<rocksdb::FileSystem> below,
                                                 FileLedger& ledger, LogState& log_state,
                                                 OnLostSync on_lost_sync) {
    return std::make_shared<WatchedFiles>(
        below, std::make_shared<Watch>(Watch{ledger, log_state, std::move(on_lost_sync)}));
}

}  // namespace carillon
