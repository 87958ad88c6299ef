#include "server/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace carillon {

Result<DataDir> DataDir::take(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return fail(Errc::io_failed, "cannot make " + path.string() + ": " + error.message());
    const std::filesystem::path file = path / "lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return fail(Errc::io_failed, file.string() + ": " + std::strerror(errno));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        std::array<char, 32> pid{};
        const ssize_t size = ::pread(lock, pid.data(), pid.size() - 1, 0);
        ::close(lock);
        const std::string who = size > 0 ? " (process " + std::string(pid.data()) + ")" : "";
        return fail(Errc::store_failed, "another hub" + who + " runs on " + path.string());
    }
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.data(), pid.size(), 0) < 0) {
        const int reason = errno;
        ::close(lock);
        return fail(Errc::io_failed, file.string() + ": " + std::strerror(reason));
    }
    return DataDir(path, lock);
}

DataDir::~DataDir() {
    if (lock_ >= 0) ::close(lock_);
}

}  // namespace carillon
