#include "server/backup/backup_restore.hpp"

#include "server/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace carillon {
namespace {

/// RocksDB's is a line of some 20 bytes.
constexpr std::size_t current_bytes_max = 1024;

tl::unexpected<Error> refused(const std::filesystem::path& path) {
    return fail(Errc::io_failed, path.string() + ": " + std::strerror(errno));
}

}  // namespace

BackupRestore::File::~File() {
    if (descriptor >= 0) ::close(descriptor);
}

BackupRestore::BackupRestore(DataDir data_dir) : data_dir_(std::move(data_dir)) {}

Result<BackupRestore> BackupRestore::into(const std::filesystem::path& data_dir) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(data_dir, error)) {
        if (entry.path().filename() == "lost+found") continue;  // What an empty disk begins with.
        return fail(Errc::argument_invalid, data_dir.string() + " is not empty: it holds " +
                                                entry.path().filename().string() +
                                                ".\nA backup is restored into an empty directory only. Move "
                                                "what is there away, or name another.");
    }
    auto taken = DataDir::take(data_dir);
    if (!taken) return fail(std::move(taken).error());
    return BackupRestore(*std::move(taken));
}

BackupRestore::~BackupRestore() {
    if (!data_dir_) return;  // Moved from, or finished.
    std::error_code ignored;
    for (const auto& path : made_) std::filesystem::remove(path, ignored);
    std::filesystem::remove(data_dir_->store(), ignored);
}

Result<> BackupRestore::make_folder() {
    if (::mkdir(data_dir_->store().c_str(), 0700) != 0 && errno != EEXIST) return refused(data_dir_->store());
    return {};
}

Result<> BackupRestore::begin(const std::string& name, std::uint64_t bytes) {
    is_current_ = name == backup_current_name;
    if (is_current_) {
        if (bytes > current_bytes_max) return fail(Errc::store_corrupt, "store/CURRENT is too large");
        return {};
    }
    if (name.starts_with(backup_store_prefix)) {
        if (auto made = make_folder(); !made) return made;
    }
    const auto path = data_dir_->path() / name;
    file_.descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file_.descriptor < 0) return refused(path);
    made_.push_back(path);
    return {};
}

Result<> BackupRestore::write(std::string_view bytes) {
    if (is_current_) {
        current_ += bytes;
        return {};
    }
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) return refused(made_.back());
        if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<> BackupRestore::end() {
    const int descriptor = std::exchange(file_.descriptor, -1);
    if (descriptor >= 0 && ::close(descriptor) != 0) return refused(made_.back());
    return {};
}

Result<> BackupRestore::finish() {
    const auto folder = data_dir_->path();
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = descriptor >= 0 && ::syncfs(descriptor) == 0;
    if (!is_synced) {
        auto why = refused(folder);
        if (descriptor >= 0) ::close(descriptor);
        return why;
    }
    ::close(descriptor);
    auto whole = write_file(data_dir_->store() / "CURRENT", current_, Readable::by_owner);
    if (!whole) return whole;
    data_dir_->keep();
    data_dir_.reset();
    return {};
}

}  // namespace carillon
