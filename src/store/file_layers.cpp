#include "store/file_layers.hpp"

#include "base/text.hpp"

#include <rocksdb/file_system.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace carillon {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class CutFile final : public rocksdb::FSSequentialFileOwnerWrapper {
public:
    CutFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::uint64_t bytes)
        : FSSequentialFileOwnerWrapper(std::move(file)), left_(bytes) {}

    IOStatus Read(std::size_t n, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                  IODebugContext* debug) override {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
        IOStatus done = FSSequentialFileOwnerWrapper::Read(wanted, options, result, scratch, debug);
        if (done.ok()) left_ -= result->size();
        return done;
    }
    IOStatus Skip(std::uint64_t n) override {
        n = std::min(n, left_);
        left_ -= n;
        return FSSequentialFileOwnerWrapper::Skip(n);
    }

private:
    std::uint64_t left_;
};

class CutLogs final : public rocksdb::FileSystemWrapper {
public:
    CutLogs(const std::shared_ptr<rocksdb::FileSystem>& below, LogEnds ends)
        : FileSystemWrapper(below), ends_(std::move(ends)) {}

    const char* Name() const override { return "CarillonCutLogs"; }
    IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSSequentialFile>* file,
                               IODebugContext* debug) override {
        IOStatus done = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
        if (!done.ok()) return done;
        const StoreFileName name = parse_store_file_name(path);
        if (name.kind != StoreFileName::Kind::wal) return done;
        const auto end = ends_.find(name.number);
        if (end != ends_.end()) *file = std::make_unique<CutFile>(std::move(*file), end->second);
        return done;
    }

private:
    LogEnds ends_;
};

class ReadOnlyFiles final : public rocksdb::FileSystemWrapper {
public:
    ReadOnlyFiles(const std::shared_ptr<rocksdb::FileSystem>& below, Logs logs,
                  std::shared_ptr<std::string> last_table)
        : FileSystemWrapper(below), logs_(logs), last_table_(std::move(last_table)) {}

    const char* Name() const override { return "CarillonReadOnlyFiles"; }
    IOStatus GetChildren(const std::string& folder, const IOOptions& options, std::vector<std::string>* names,
                         IODebugContext* debug) override {
        IOStatus done = FileSystemWrapper::GetChildren(folder, options, names, debug);
        const auto is_log = [](const std::string& name) {
            return parse_store_file_name(name).kind == StoreFileName::Kind::wal;
        };
        if (done.ok() && logs_ == Logs::hidden) std::erase_if(*names, is_log);
        return done;
    }
    /// RocksDB asks for a missing table by its name of long ago too; the error is to name the real one.
    IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                 IODebugContext* debug) override {
        if (path.ends_with(".ldb")) {
            return IOStatus::PathNotFound(path.substr(0, path.size() - 4) + ".sst", "there is no such file");
        }
        if (path.ends_with(".sst")) *last_table_ = path;
        return FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    }
    IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
        return refused(path);
    }
    IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                                std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
        return refused(path);
    }
    IOStatus ReuseWritableFile(const std::string& path, const std::string&, const FileOptions&,
                               std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
        return refused(path);
    }
    IOStatus NewRandomRWFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) override {
        return refused(path);
    }
    IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
        return refused(path);
    }
    IOStatus Truncate(const std::string& path, std::size_t, const IOOptions&, IODebugContext*) override {
        return refused(path);
    }
    IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
        return refused(path);
    }
    IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
        return refused(path);
    }
    IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
        return refused(path);
    }
    IOStatus RenameFile(const std::string& path, const std::string&, const IOOptions&,
                        IODebugContext*) override {
        return refused(path);
    }
    IOStatus LinkFile(const std::string& path, const std::string&, const IOOptions&,
                      IODebugContext*) override {
        return refused(path);
    }
    IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                       IODebugContext*) override {
        return refused(path);
    }

private:
    static IOStatus refused(const std::string& path) {
        return IOStatus::IOError(path, "opened for reading only");
    }
    const Logs logs_;
    const std::shared_ptr<std::string> last_table_;
};

}  // namespace

StoreFileName parse_store_file_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    constexpr std::string_view manifest = "MANIFEST-";
    const auto numbered = [](StoreFileName::Kind kind, std::string_view digits) {
        const auto number = parse_u64(digits);
        return number ? StoreFileName{kind, *number} : StoreFileName{};
    };
    if (name.starts_with(manifest)) {
        return numbered(StoreFileName::Kind::manifest, name.substr(manifest.size()));
    }
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return {};
    const std::string_view extension = name.substr(dot);
    if (extension == ".log") return numbered(StoreFileName::Kind::wal, name.substr(0, dot));
    if (extension == ".sst") return numbered(StoreFileName::Kind::table, name.substr(0, dot));
    if (extension == ".dbtmp") return numbered(StoreFileName::Kind::temporary, name.substr(0, dot));
    return {};
}

std::shared_ptr<rocksdb::FileSystem> cut_logs(std::shared_ptr<rocksdb::FileSystem> below, LogEnds ends) {
    if (ends.empty()) return below;
    return std::make_shared<CutLogs>(below, std::move(ends));
}

std::shared_ptr<rocksdb::FileSystem> read_only_files(std::shared_ptr<rocksdb::FileSystem> below, Logs logs,
                                                     std::shared_ptr<std::string> last_table) {
    return std::make_shared<ReadOnlyFiles>(below, logs, std::move(last_table));
}

bool is_passing(const IOStatus& status) {
    if (!status.IsIOError() || status.GetDataLoss()) return false;
    if (status.IsNoSpace()) return true;
    // RocksDB keeps the system's number as its text only.
    const char* const text = status.getState();
    if (text == nullptr) return false;
    const std::string_view reason = text;
    for (const int number : {EMFILE, ENFILE, ENOMEM, EDQUOT, EAGAIN, EINTR}) {
        if (reason.ends_with(std::strerror(number))) return true;
    }
    return false;
}

}  // namespace carillon
