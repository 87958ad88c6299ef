#include "server/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace carillon {
namespace {

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }

private:
    int descriptor_;
};

tl::unexpected<Error> kernel_refused(const std::filesystem::path& path) {
    const Errc code = errno == ENOENT ? Errc::not_found_locally : Errc::io_failed;
    return fail(code, path.string() + ": " + std::strerror(errno));
}

bool write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

Result<> write_file(const std::filesystem::path& path, std::string_view bytes, Readable readable) {
    std::filesystem::path temporary = path;
    temporary += ".new";
    ::unlink(temporary.c_str());  // What a crash left over.
    const mode_t mode = readable == Readable::by_owner ? 0600 : 0644;
    {
        const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
        if (file.get() < 0 || !write_all(file.get(), bytes) || ::fsync(file.get()) != 0) {
            return kernel_refused(temporary);
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) return kernel_refused(path);
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) return kernel_refused(parent);
    return {};
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return kernel_refused(path);
    std::string bytes;
    char buffer[16 * 1024];
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
        if (got == 0) return bytes;
        if (got < 0 && errno != EINTR) return kernel_refused(path);
        if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
        if (bytes.size() > bytes_max) return fail(Errc::io_failed, path.string() + ": too large");
    }
}

}  // namespace carillon
