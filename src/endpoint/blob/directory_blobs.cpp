#include "endpoint/blob/directory_blobs.hpp"

#include "base/text.hpp"
#include "endpoint/blob/container_uri.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace carillon {
namespace {

constexpr std::string_view part_suffix = ".part";

/// A file descriptor that is closed with its owner.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

Error unusable(const std::string& what) {
    const int reason = errno;
    if (reason == ELOOP)
        return {Errc::blob_container_validation_error, what + ": symbolic links are not followed"};
    return {Errc::blob_container_validation_error, what + ": " + std::strerror(reason)};
}

/// Opens the directory that holds the last part of `path`, walking from the root.
Result<Descriptor> open_parent(const std::string& root, const std::string& path, bool makes) {
    if (makes) {
        std::error_code ignored;  // The open below says what is wrong.
        if (std::filesystem::create_directories(root, ignored)) ::chmod(root.c_str(), 0700);
    }
    Descriptor directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return fail(unusable("the root for imports and exports"));
    const auto parts = split(path, '/');
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const std::string part(parts[i]);
        if (makes) ::mkdirat(directory.get(), part.c_str(), 0700);
        Descriptor next(
            ::openat(directory.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        // The kernel says ENOTDIR of a link that is not followed to a directory.
        if (!next) return fail(unusable("the directory " + part));
        directory = std::move(next);
    }
    return directory;
}

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

class FileReader final : public BlobReader {
public:
    FileReader(Descriptor file, std::uint64_t size, std::string version)
        : file_(std::move(file)), size_(size), version_(std::move(version)) {}

    std::uint64_t size() const override { return size_; }
    std::string version() const override { return version_; }
    Result<std::string> read(std::size_t bytes_max) override {
        std::string bytes(bytes_max, '\0');
        const ssize_t got = ::read(file_.get(), bytes.data(), bytes.size());
        if (got < 0) return fail(Errc::io_failed, std::string("the input: ") + std::strerror(errno));
        bytes.resize(static_cast<std::size_t>(got));
        return bytes;
    }

private:
    Descriptor file_;
    std::uint64_t size_;
    std::string version_;  ///< Bound: fixed.
};

class FileWriter final : public BlobWriter {
public:
    FileWriter(Descriptor parent, Descriptor file, std::string name)
        : parent_(std::move(parent)), file_(std::move(file)), name_(std::move(name)) {}
    ~FileWriter() override {
        if (!is_finished_) ::unlinkat(parent_.get(), part_name().c_str(), 0);
    }

    Result<> write(std::string_view bytes) override {
        while (!bytes.empty()) {
            const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
            if (put < 0) return refused();
            bytes.remove_prefix(static_cast<std::size_t>(put));
        }
        return {};
    }
    Result<> finish() override {
        if (::fsync(file_.get()) != 0) return refused();
        if (::renameat(parent_.get(), part_name().c_str(), parent_.get(), name_.c_str()) != 0)
            return refused();
        is_finished_ = true;
        if (::fsync(parent_.get()) != 0) return refused();
        return {};
    }

private:
    std::string part_name() const { return name_ + std::string(part_suffix); }
    Result<> refused() const { return fail(Errc::io_failed, name_ + ": " + std::strerror(errno)); }

    Descriptor parent_;
    Descriptor file_;
    std::string name_;  ///< Bound: fixed.
    bool is_finished_ = false;
};

}  // namespace

DirectoryBlobs::DirectoryBlobs(std::string root) : root_(std::move(root)) {
    while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

Result<std::string> DirectoryBlobs::below_root(std::string_view directory, std::string_view name) const {
    std::string_view path = directory;
    if (path.starts_with('/')) {
        const bool is_below =
            path.starts_with(root_) && (path.size() == root_.size() || path[root_.size()] == '/');
        if (!is_below) {
            return fail(Errc::blob_container_validation_error,
                        "The directory is not below the root for imports and exports, " + root_ +
                            " (storage.import_root).");
        }
        path.remove_prefix(std::min(path.size(), root_.size() + 1));
    }
    std::string whole(path);
    if (!whole.empty() && whole != ".") {
        if (auto checked = check_blob_path(whole); !checked) return fail(std::move(checked).error());
        whole += '/';
    } else {
        whole.clear();
    }
    if (auto checked = check_blob_path(name); !checked) return fail(std::move(checked).error());
    return whole.append(name);
}

Result<> DirectoryBlobs::check(std::string_view directory) const {
    auto path = below_root(directory, "x");
    if (!path) return fail(std::move(path).error());
    return {};
}

Result<std::unique_ptr<BlobReader>> DirectoryBlobs::open(std::string_view directory, std::string_view name,
                                                         std::uint64_t offset) const {
    const auto path = below_root(directory, name);
    if (!path) return fail(path.error());
    auto parent = open_parent(root_, *path, false);
    if (!parent) return fail(std::move(parent).error());
    // Without O_NONBLOCK the open of a pipe would wait for its writer.
    Descriptor file(
        ::openat(parent->get(), last_part(*path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) return fail(unusable("the blob " + std::string(name)));
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) return fail(unusable("the blob " + std::string(name)));
    if (!S_ISREG(facts.st_mode)) {
        return fail(Errc::blob_container_validation_error,
                    "the blob " + std::string(name) + " is not a plain file");
    }
    if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
        return fail(unusable("the blob " + std::string(name)));
    }
    std::string version = std::to_string(facts.st_ino) + "-" + std::to_string(facts.st_mtim.tv_sec) + "." +
                          std::to_string(facts.st_mtim.tv_nsec);
    return std::make_unique<FileReader>(std::move(file), static_cast<std::uint64_t>(facts.st_size),
                                        std::move(version));
}

Result<std::unique_ptr<BlobWriter>> DirectoryBlobs::create(std::string_view directory,
                                                           std::string_view name) const {
    const auto path = below_root(directory, name);
    if (!path) return fail(path.error());
    auto parent = open_parent(root_, *path, true);
    if (!parent) return fail(std::move(parent).error());
    const std::string last = last_part(*path);
    const std::string part = last + std::string(part_suffix);
    ::unlinkat(parent->get(), part.c_str(), 0);  // What a crash left, or a link.
    Descriptor file(
        ::openat(parent->get(), part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return fail(unusable("the blob " + std::string(name)));
    return std::make_unique<FileWriter>(*std::move(parent), std::move(file), last);
}

}  // namespace carillon
