#pragma once

#include <rocksdb/file_system.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace carillon {

/// Kinds of call to the system that a test can have fail.
enum class Call : std::uint8_t {
    create,
    append,
    sync,
    sync_folder,
    open,
    read,
    remove,
    rename,
    allocate,
    resize
};
inline constexpr const char* call_names[] = {"create", "append", "sync",   "sync_folder", "open",
                                             "read",   "remove", "rename", "allocate",    "resize"};

/// Which calls fail, and how, for all files; switched while the store runs.
struct Faults {
    std::atomic<int> error = 0;  ///< The system's number; 0 fails none.
    std::atomic<Call> call{Call::create};
    std::atomic<bool> holds = false;        ///< Calls that fail wait until this is over.
    std::atomic<std::uint64_t> failed = 0;  ///< Calls so far.

    /// What RocksDB's own file system makes of the number.
    rocksdb::IOStatus status(Call made, const std::string& path) {
        const int number = error;
        if (number == 0 || call != made) return rocksdb::IOStatus::OK();
        ++failed;
        holds.wait(true);
        if (number != ENOSPC)
            return rocksdb::IOStatus::IOError("While calling: " + path, std::strerror(number));
        auto full = rocksdb::IOStatus::NoSpace("While calling: " + path, std::strerror(number));
        full.SetRetryable(true);
        return full;
    }
};

/// A file that is written, with faults.
class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
               std::shared_ptr<Faults> faults)
        : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), faults_(std::move(faults)) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::append, path_);
        if (status.ok()) return FSWritableFileOwnerWrapper::Append(data, options, debug);
        // A disk that fills up takes a part.
        const rocksdb::Slice part(data.data(), data.size() / 2);
        FSWritableFileOwnerWrapper::Append(part, options, debug).PermitUncheckedError();
        return status;
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::sync, path_);
        return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : status;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::sync, path_);
        return status.ok() ? FSWritableFileOwnerWrapper::Fsync(options, debug) : status;
    }
    rocksdb::IOStatus Allocate(std::uint64_t offset, std::uint64_t size, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::allocate, path_);
        return status.ok() ? FSWritableFileOwnerWrapper::Allocate(offset, size, options, debug) : status;
    }
    rocksdb::IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::resize, path_);
        return status.ok() ? FSWritableFileOwnerWrapper::Truncate(size, options, debug) : status;
    }

private:
    const std::string path_;
    const std::shared_ptr<Faults> faults_;
};

/// A file that is read at any place, with faults.
class FaultyTable final : public rocksdb::FSRandomAccessFileOwnerWrapper {
public:
    FaultyTable(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string path,
                std::shared_ptr<Faults> faults)
        : FSRandomAccessFileOwnerWrapper(std::move(file)),
          path_(std::move(path)),
          faults_(std::move(faults)) {}

    rocksdb::IOStatus Read(std::uint64_t offset, std::size_t n, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) const override {
        auto status = faults_->status(Call::read, path_);
        if (!status.ok()) return status;
        return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    }
    rocksdb::IOStatus Prefetch(std::uint64_t, std::size_t, const rocksdb::IOOptions&,
                               rocksdb::IODebugContext*) override {
        return rocksdb::IOStatus::NotSupported("so that all is read by Read");
    }

private:
    const std::string path_;
    const std::shared_ptr<Faults> faults_;
};

/// A folder that is synced, with faults.
class FaultyFolder final : public rocksdb::FSDirectoryWrapper {
public:
    FaultyFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string path,
                 std::shared_ptr<Faults> faults)
        : FSDirectoryWrapper(std::move(folder)), path_(std::move(path)), faults_(std::move(faults)) {}

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::sync_folder, path_);
        return status.ok() ? FSDirectoryWrapper::Fsync(options, debug) : status;
    }
    rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug,
                                          const rocksdb::DirFsyncOptions& what) override {
        auto status = faults_->status(Call::sync_folder, path_);
        return status.ok() ? FSDirectoryWrapper::FsyncWithDirOptions(options, debug, what) : status;
    }

private:
    const std::string path_;
    const std::shared_ptr<Faults> faults_;
};

/// The machine's file system with faults.
class FaultyFiles final : public rocksdb::FileSystemWrapper {
public:
    explicit FaultyFiles(std::shared_ptr<Faults> faults)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), faults_(std::move(faults)) {}

    const char* Name() const override { return "FaultyFiles"; }
    rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::create, path);
        if (status.ok()) status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
        if (status.ok()) *file = std::make_unique<FaultyFile>(std::move(*file), path, faults_);
        return status;
    }
    rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                   std::unique_ptr<rocksdb::FSDirectory>* folder,
                                   rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::open, path);
        if (status.ok()) status = FileSystemWrapper::NewDirectory(path, options, folder, debug);
        if (status.ok()) *folder = std::make_unique<FaultyFolder>(std::move(*folder), path, faults_);
        return status;
    }
    rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                          rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::open, path);
        if (status.ok()) status = FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
        if (status.ok()) *file = std::make_unique<FaultyTable>(std::move(*file), path, faults_);
        return status;
    }
    rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                        rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::open, path);
        return status.ok() ? FileSystemWrapper::NewSequentialFile(path, options, file, debug) : status;
    }
    rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::remove, path);
        return status.ok() ? FileSystemWrapper::DeleteFile(path, options, debug) : status;
    }
    rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                 const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        auto status = faults_->status(Call::rename, from);
        return status.ok() ? FileSystemWrapper::RenameFile(from, to, options, debug) : status;
    }

private:
    const std::shared_ptr<Faults> faults_;
};

}  // namespace carillon
