#include "core/messages/files/file_store.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/messages/files/file_name.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

namespace carillon {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t copied_bytes = 256 * 1024;

Error refused(const std::string& what) {
    return {Errc::io_failed, what + ": " + std::strerror(errno)};
}

Result<> sync_directory(const std::string& path) {
    const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return fail(refused(path));
    const bool is_synced = ::fsync(directory) == 0;
    ::close(directory);
    if (!is_synced) return fail(refused(path));
    return {};
}

std::string parent_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

/// Files of an upload with other names are being written.
constexpr std::string_view block_prefix = "block-";

std::string block_name(std::string_view id) {
    return std::string(block_prefix) + hex_encode(id);
}

bool is_block(const fs::path& path) {
    return path.filename().string().starts_with(block_prefix);
}

/// Bytes of the files below `path` that `counts` is true of, with what each counts besides.
template <class Counts>
std::uint64_t bytes_below(const fs::path& path, Counts counts) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
        std::error_code ignored;
        if (!at->is_regular_file(ignored) || !counts(at->path())) continue;
        bytes += at->file_size(ignored) + FileLimits::file_overhead_bytes;
    }
    return bytes;
}

bool is_any(const fs::path&) {
    return true;
}

/// Removes what was being written when the hub died.
void remove_unfinished(const fs::path& staging) {
    std::error_code ignored;
    std::vector<fs::path> unfinished;
    for (fs::directory_iterator at(staging, ignored), end; at != end; at.increment(ignored)) {
        if (!is_block(at->path())) unfinished.push_back(at->path());
    }
    for (const fs::path& path : unfinished) fs::remove(path, ignored);
}

std::optional<std::uint64_t> size_of(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(facts.st_size);
}

/// Appends the file at `path` to `to`.
Result<> append_file(const std::string& path, FilePart& to) {
    const int from = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0) return fail(refused(path));
    std::string piece(copied_bytes, '\0');
    Result<> outcome;
    while (outcome) {
        const ssize_t got = ::read(from, piece.data(), piece.size());
        if (got < 0) outcome = fail(refused(path));
        if (got <= 0) break;
        outcome = to.write(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    }
    ::close(from);
    return outcome;
}

}  // namespace

// --- a part ------------------------------------------------------------------------------------------

FilePart::FilePart(std::shared_ptr<FileStore> store, DeviceId device, int file, std::string path,
                   std::string final_path)
    : store_(std::move(store)),
      device_(std::move(device)),
      file_(file),
      path_(std::move(path)),
      final_path_(std::move(final_path)) {}

FilePart::~FilePart() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(path_.c_str());
    store_->give_back(device_, bytes_ + FileLimits::file_overhead_bytes);
}

Result<> FilePart::write(std::string_view bytes) {
    if (bytes_ + bytes.size() > store_->limits_.file_bytes_max) {
        return fail(Errc::iot_hub_quota_exceeded,
                    "The file is larger than the hub takes (files.file_bytes_max).");
    }
    if (auto taken = store_->take(device_, bytes.size()); !taken) return taken;
    bytes_ += bytes.size();
    while (!bytes.empty()) {
        const ssize_t put = ::write(file_, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(refused(path_));
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<> FilePart::finish() {
    if (::fsync(file_) != 0) return fail(refused(path_));
    if (auto placed = store_->place(device_, path_, final_path_); !placed) return placed;
    ::close(std::exchange(file_, -1));
    return {};
}

// --- the store ---------------------------------------------------------------------------------------

FileStore::FileStore(std::string root, FileLimits limits, Clock& clock, Layout layout)
    : root_(std::move(root)), limits_(limits), clock_(clock), layout_(layout) {}

std::string FileStore::staging_of(const std::string& upload) const {
    return root_ + "/staging/" + upload;
}

std::string FileStore::path_of(const DeviceId& device, std::string_view name) const {
    return fmt::format("{}/files/{}/{}", root_, file_directory(device), name);
}

std::string FileStore::path_of(const std::string& upload, const DeviceId& device,
                               std::string_view name) const {
    return layout_ == Layout::by_upload ? root_ + "/whole/" + upload : path_of(device, name);
}

Result<> FileStore::make_directories(const std::string& path) const {
    std::error_code error;
    if (fs::create_directories(path, error); error) {
        return fail(
            Errc::argument_invalid,
            "A part of the name is that of another file, or cannot be made: " + error.message() + ".");
    }
    return {};
}

Result<> FileStore::open(const Owners& uploads) {
    std::error_code error;
    for (const char* part : {"", "/files", "/staging"}) {
        fs::create_directories(root_ + part, error);
        if (error) return fail(Errc::io_failed, root_ + part + ": " + error.message());
    }
    ::chmod(root_.c_str(), 0700);
    std::vector<fs::path> unknown;
    for (const auto& entry : fs::directory_iterator(root_ + "/staging", error)) {
        const auto owner = uploads.find(entry.path().filename().string());
        if (owner == uploads.end()) {
            unknown.push_back(entry.path());
        } else {
            owners_.insert(*owner);
            remove_unfinished(entry.path());
        }
    }
    if (layout_ == Layout::by_upload) {
        fs::create_directories(root_ + "/whole", error);
        for (const auto& entry : fs::directory_iterator(root_ + "/whole", error)) {
            const auto owner = uploads.find(entry.path().filename().string());
            if (owner == uploads.end()) {
                unknown.push_back(entry.path());
            } else {
                owners_.insert(*owner);
            }
        }
    }
    if (error) return fail(Errc::io_failed, root_ + ": " + error.message());
    for (const fs::path& path : unknown) fs::remove_all(path, error);
    return count();
}

Result<> FileStore::count() {
    counted_ = clock_.now();
    bytes_ = 0;
    of_devices_.clear();
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_ + "/files", error)) {
        const auto name = percent_decode(entry.path().filename().string());
        const auto device = name ? DeviceId::parse(*name) : fail(Errc::argument_invalid);
        const std::uint64_t bytes = bytes_below(entry.path(), is_any);
        bytes_ += bytes;
        if (device) of_devices_[*device] += bytes;
    }
    if (error) return fail(Errc::io_failed, root_ + "/files: " + error.message());
    for (const auto& [upload, device] : owners_) {
        std::uint64_t bytes = bytes_below(staging_of(upload), is_any);
        const auto whole = layout_ == Layout::by_upload ? size_of(path_of(upload, device, {})) : std::nullopt;
        if (whole) bytes += *whole + FileLimits::file_overhead_bytes;
        bytes_ += bytes;
        if (bytes > 0) of_devices_[device] += bytes;
    }
    return {};
}

Result<> FileStore::check_room(const DeviceId& device, std::uint64_t bytes) const {
    const auto held = of_devices_.find(device);
    if ((held != of_devices_.end() ? held->second : 0) + bytes > limits_.device_bytes_max) {
        return fail(Errc::iot_hub_quota_exceeded,
                    "The device's files take more than the hub keeps for one (files.device_bytes_max).");
    }
    if (bytes_ + bytes > limits_.hub_bytes_max) {
        return fail(Errc::iot_hub_quota_exceeded,
                    "The hub's files take all room there is (files.hub_bytes_max).");
    }
    return {};
}

Result<> FileStore::take(const DeviceId& device, std::uint64_t bytes) {
    auto has_room = check_room(device, bytes);
    if (!has_room && clock_.now() >= counted_ + between_counts) {
        if (auto counted = count(); !counted) return counted;
        has_room = check_room(device, bytes);
    }
    if (!has_room) return has_room;
    of_devices_[device] += bytes;
    bytes_ += bytes;
    return {};
}

void FileStore::give_back(const DeviceId& device, std::uint64_t bytes) {
    const auto held = of_devices_.find(device);
    if (held == of_devices_.end()) return;
    bytes_ -= std::min(bytes_, bytes);
    held->second -= std::min(held->second, bytes);
    if (held->second == 0) of_devices_.erase(held);
}

Result<std::shared_ptr<FilePart>> FileStore::begin(const std::string& upload, const DeviceId& device,
                                                   const std::string& name, std::string final_path) {
    const std::string staging = staging_of(upload);
    if (auto made = make_directories(staging); !made) return fail(std::move(made).error());
    owners_.try_emplace(upload, device);
    if (auto taken = take(device, FileLimits::file_overhead_bytes); !taken)
        return fail(std::move(taken).error());
    // Two requests may send the same part at once; each writes a file of its own.
    std::string path = staging + "/" + name + ".XXXXXX";
    const int file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file < 0) {
        give_back(device, FileLimits::file_overhead_bytes);
        return fail(refused(path));
    }
    return std::shared_ptr<FilePart>(
        new FilePart(shared_from_this(), device, file, std::move(path), std::move(final_path)));
}

Result<std::shared_ptr<FilePart>> FileStore::begin_block(const std::string& upload, const DeviceId& device,
                                                         std::string_view id) {
    return begin(upload, device, "part", staging_of(upload) + "/" + block_name(id));
}

Result<std::shared_ptr<FilePart>> FileStore::begin_file(const std::string& upload, const DeviceId& device,
                                                        std::string_view name) {
    return begin(upload, device, "file", path_of(upload, device, name));
}

/// Gives what is whole its name, in place of what had it.
Result<> FileStore::place(const DeviceId& device, const std::string& from, const std::string& to) {
    const std::string directory = parent_of(to);
    if (auto made = make_directories(directory); !made) return made;
    const auto replaced = size_of(to);
    if (::rename(from.c_str(), to.c_str()) != 0) {
        if (errno == EISDIR || errno == ENOTEMPTY) {
            return fail(Errc::argument_invalid, "The name is that of a directory of other files.");
        }
        return fail(refused(to));
    }
    if (replaced) give_back(device, *replaced + FileLimits::file_overhead_bytes);
    return sync_directory(directory);
}

Result<> FileStore::join(const std::string& upload, const DeviceId& device, std::string_view name,
                         const std::vector<std::string>& blocks) {
    const std::string staging = staging_of(upload);
    for (const std::string& id : blocks) {
        if (!size_of(staging + "/" + block_name(id))) {
            return fail(Errc::argument_invalid, "The specified block list is invalid.");
        }
    }
    const auto whole = begin_file(upload, device, name);
    if (!whole) return fail(whole.error());
    for (const std::string& id : blocks) {
        if (auto added = append_file(staging + "/" + block_name(id), **whole); !added) return added;
    }
    return (*whole)->finish();
}

void FileStore::discard(const std::string& upload, const DeviceId& device) {
    const std::string staging = staging_of(upload);
    const std::uint64_t bytes = bytes_below(staging, is_block);  // A part gives back what it has taken.
    std::error_code ignored;
    fs::remove_all(staging, ignored);
    if (layout_ == Layout::by_device || !size_of(path_of(upload, device, {}))) owners_.erase(upload);
    give_back(device, bytes);
}

void FileStore::drop(const std::string& upload, const DeviceId& device) {
    const std::string path = path_of(upload, device, {});
    const auto bytes = layout_ == Layout::by_upload ? size_of(path) : std::nullopt;
    if (bytes && ::unlink(path.c_str()) == 0) give_back(device, *bytes + FileLimits::file_overhead_bytes);
    discard(upload, device);
}

namespace {

FileStore::Info file_info_of(const struct stat& facts) {
    FileStore::Info info;
    info.bytes = static_cast<std::uint64_t>(facts.st_size);
    info.modified = WallTime::from_unix_s(facts.st_mtim.tv_sec);
    info.modified.ticks += facts.st_mtim.tv_nsec / 100;
    info.etag = fmt::format("\"0x{:016X}\"", static_cast<std::uint64_t>(info.modified.ticks));
    return info;
}

}  // namespace

std::optional<FileStore::Info> FileStore::find(const std::string& upload, const DeviceId& device,
                                               std::string_view name) const {
    struct stat facts {};
    if (::stat(path_of(upload, device, name).c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return std::nullopt;
    return file_info_of(facts);
}

FileStore::List FileStore::list(const DeviceId& device) const {
    const std::string root = path_of(device, "");
    List list;
    std::size_t walked = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
        if (++walked > walked_max) break;
        struct stat facts {};
        const std::string path = at->path().string();
        if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
        std::string name = path.substr(root.size());
        if (is_utf8(name)) list.files.push_back(Listed{std::move(name), file_info_of(facts)});
    }
    const auto is_newer = [](const Listed& a, const Listed& b) {
        return std::tie(b.info.modified, a.name) < std::tie(a.info.modified, b.name);
    };
    std::sort(list.files.begin(), list.files.end(), is_newer);
    list.is_whole = walked <= walked_max && list.files.size() <= listed_max;
    if (list.files.size() > listed_max) list.files.resize(listed_max);
    return list;
}

}  // namespace carillon
