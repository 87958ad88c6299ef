#pragma once

#include <rocksdb/file_system.h>
#include <unistd.h>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// What a machine that loses its power would keep of the files below a folder: contents that were synced, and
/// entries of folders that were synced with their folder or with the file itself. The rest lies in the real
/// files meanwhile, and is dropped, torn or reordered by `cut`. All calls go one after another, so that none
/// is halfway when the power goes.
class PowerState {
public:
    /// `aside` is a folder beside that of the store, for what was removed and may come back. `cuts_at` is the
    /// number of the call that is not carried out any more.
    PowerState(std::filesystem::path aside, std::uint64_t seed, std::uint64_t cuts_at,
               std::function<void()> gone)
        : aside_(std::move(aside)), chance_(seed), cuts_at_(cuts_at), gone_(std::move(gone)) {
        std::filesystem::create_directories(aside_);
    }

    std::recursive_mutex& mutex() { return mutex_; }
    /// Before each call that changes something; with the mutex held. Does not return from the last one.
    void step() {
        if (++calls_ < cuts_at_) return;
        cut();
        gone_();
    }

    void appended(const std::string& path) { files_.try_emplace(path, 0); }
    void created(const std::string& path) {
        files_[path] = 0;
        changes_.push_back({Change::created, path, {}, {}});
    }
    /// All of the file that is there now is on disk, and so is its name.
    void synced(const std::string& path) {
        std::error_code error;
        files_[path] = std::filesystem::file_size(path, error);
        std::erase_if(changes_, [&](const Change& change) {
            return change.kind == Change::created && change.path == path;
        });
    }
    void folder_synced(const std::string& folder) {
        std::erase_if(changes_, [&](const Change& change) {
            if (std::filesystem::path(change.path).parent_path() != std::filesystem::path(folder))
                return false;
            std::error_code ignored;
            if (!change.kept.empty()) std::filesystem::remove(change.kept, ignored);
            return true;
        });
    }
    /// Takes the file away; it is kept aside until the folder is synced.
    bool remove(const std::string& path) {
        std::error_code error;
        const std::string kept = place_aside();
        std::filesystem::rename(path, kept, error);
        if (error) return false;
        changes_.push_back({Change::removed, path, {}, kept});
        return true;
    }
    bool rename(const std::string& from, const std::string& to) {
        std::error_code error;
        std::string kept;
        if (std::filesystem::exists(to)) {
            kept = place_aside();
            std::filesystem::rename(to, kept, error);
        }
        std::filesystem::rename(from, to, error);
        if (error) return false;
        if (const auto file = files_.extract(from)) files_[to] = file.mapped();
        // Its creation under the old name is no longer a matter of its own.
        std::erase_if(changes_, [&](const Change& change) {
            return change.kind == Change::created && change.path == from;
        });
        changes_.push_back({Change::renamed, to, from, kept});
        return true;
    }

private:
    struct Change {
        enum Kind : std::uint8_t { created, removed, renamed } kind;
        std::string path;
        std::string from;  ///< Of `renamed`.
        std::string kept;  ///< Where that lies which was there before.
    };
    static constexpr std::uint64_t sector_bytes = 512;

    std::string place_aside() { return (aside_ / std::to_string(++kept_)).string(); }
    std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : chance_() % below; }

    /// A journaling file system keeps the order of changes of folders: the last ones are lost.
    void take_back_changes() {
        const std::uint64_t lost = draw(changes_.size() + 1);
        for (std::uint64_t i = 0; i < lost; ++i) {
            const Change change = changes_.back();
            changes_.pop_back();
            std::error_code ignored;
            switch (change.kind) {
                case Change::created:
                    std::filesystem::remove(change.path, ignored);
                    files_.erase(change.path);
                    break;
                case Change::renamed:
                    std::filesystem::rename(change.path, change.from, ignored);
                    if (const auto file = files_.extract(change.path)) files_[change.from] = file.mapped();
                    if (!change.kept.empty()) std::filesystem::rename(change.kept, change.path, ignored);
                    break;
                case Change::removed:
                    std::filesystem::rename(change.kept, change.path, ignored);
                    break;
            }
        }
    }

    /// What was not synced of a file: nothing of it is there, or a part of it, or some sectors of it.
    void lose(const std::string& path, std::uint64_t synced) {
        std::error_code error;
        const std::uint64_t size = std::filesystem::file_size(path, error);
        if (error || size <= synced) return;
        const std::uint64_t kind = draw(4);
        if (kind == 0) return;  // The disk had it all.
        const std::uint64_t end = kind == 1 ? synced : synced + draw(size - synced + 1);
        std::filesystem::resize_file(path, end, error);
        if (kind != 3) return;
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        for (std::uint64_t at = synced; at < end; at += sector_bytes - at % sector_bytes) {
            if (draw(2) == 0) continue;
            const std::uint64_t length = std::min(end - at, sector_bytes - at % sector_bytes);
            file.seekp(static_cast<std::streamoff>(at));
            file.write(std::string(length, draw(2) == 0 ? '\0' : '\x5A').data(),
                       static_cast<std::streamsize>(length));
        }
    }

    void cut() {
        take_back_changes();
        for (const auto& [path, synced] : files_) lose(path, synced);
    }

    std::recursive_mutex mutex_;
    const std::filesystem::path aside_;
    std::mt19937_64 chance_;
    const std::uint64_t cuts_at_;
    const std::function<void()> gone_;
    std::uint64_t calls_ = 0;
    std::uint64_t kept_ = 0;
    std::map<std::string, std::uint64_t> files_;  ///< Of those written to: how many bytes are synced.
    std::vector<Change> changes_;                 ///< Of folders, oldest first, that are not synced.
};

/// A file whose bytes are safe once they are synced.
class PoweredFile final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    PoweredFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
                std::shared_ptr<PowerState> power)
        : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), power_(std::move(power)) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        power_->appended(path_);
        return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
        return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        auto status = FSWritableFileOwnerWrapper::Flush(options, debug);
        if (status.ok()) power_->synced(path_);
        return status;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        return Sync(options, debug);
    }

private:
    const std::string path_;
    const std::shared_ptr<PowerState> power_;
};

/// A folder whose entries are safe once it is synced.
class PoweredFolder final : public rocksdb::FSDirectoryWrapper {
public:
    PoweredFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string path,
                  std::shared_ptr<PowerState> power)
        : FSDirectoryWrapper(std::move(folder)), path_(std::move(path)), power_(std::move(power)) {}

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        power_->folder_synced(path_);
        return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug,
                                          const rocksdb::DirFsyncOptions&) override {
        return Fsync(options, debug);
    }

private:
    const std::string path_;
    const std::shared_ptr<PowerState> power_;
};

/// The machine's file system, whose power can go.
class PoweredFiles final : public rocksdb::FileSystemWrapper {
public:
    explicit PoweredFiles(std::shared_ptr<PowerState> power)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), power_(std::move(power)) {}

    const char* Name() const override { return "PoweredFiles"; }
    rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        const auto status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
        if (!status.ok()) return status;
        power_->created(path);
        *file = std::make_unique<PoweredFile>(std::move(*file), path, power_);
        return status;
    }
    rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                   std::unique_ptr<rocksdb::FSDirectory>* folder,
                                   rocksdb::IODebugContext* debug) override {
        const auto status = FileSystemWrapper::NewDirectory(path, options, folder, debug);
        if (status.ok()) *folder = std::make_unique<PoweredFolder>(std::move(*folder), path, power_);
        return status;
    }
    rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        if (power_->remove(path)) return rocksdb::IOStatus::OK();
        return FileSystemWrapper::DeleteFile(path, options, debug);
    }
    rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                 const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(power_->mutex());
        power_->step();
        if (power_->rename(from, to)) return rocksdb::IOStatus::OK();
        return FileSystemWrapper::RenameFile(from, to, options, debug);
    }

private:
    const std::shared_ptr<PowerState> power_;
};

}  // namespace carillon
