#include "server/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace carillon {
namespace {

constexpr std::chrono::milliseconds between_lock_looks{50};

bool lock_within(int lock, std::chrono::milliseconds wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    while (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(between_lock_looks);
    }
    return true;
}

tl::unexpected<Error> in_use(int lock, const std::filesystem::path& path) {
    std::array<char, 32> pid{};
    const ssize_t size = ::pread(lock, pid.data(), pid.size() - 1, 0);
    const std::string who = size > 0 ? " (process " + std::string(pid.data()) + ")" : "";
    return fail(Errc::store_failed, "another hub" + who + " runs on " + path.string());
}

}  // namespace

std::filesystem::path store_folder(const std::filesystem::path& data_dir) {
    return data_dir / "store";
}

Result<DataDir> DataDir::take(const std::filesystem::path& path, std::chrono::milliseconds wait) {
    std::error_code error;
    const bool makes_folder = !std::filesystem::exists(path, error);
    const bool is_new = makes_folder || std::filesystem::is_empty(path, error);
    std::filesystem::create_directories(path, error);
    if (error) return fail(Errc::io_failed, "cannot make " + path.string() + ": " + error.message());
    const std::filesystem::path file = path / "lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return fail(Errc::io_failed, file.string() + ": " + std::strerror(errno));
    if (!lock_within(lock, wait)) {
        auto refused = in_use(lock, path);
        ::close(lock);
        return refused;
    }
    const std::string pid = std::to_string(::getpid());
    // A disk that is full has no room for it. The number only helps who finds the folder in use.
    const bool is_written = ::ftruncate(lock, 0) == 0 && ::pwrite(lock, pid.data(), pid.size(), 0) >= 0;
    if (!is_written && errno != ENOSPC && errno != EDQUOT) {
        const int reason = errno;
        ::close(lock);
        return fail(Errc::io_failed, file.string() + ": " + std::strerror(reason));
    }
    return DataDir(path, lock, is_new, makes_folder);
}

Result<DataDir> DataDir::take_to_read(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
        return fail(Errc::not_found_locally, "there is no directory " + path.string());
    }
    const std::filesystem::path file = path / "lock";
    const int lock = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (lock < 0 && errno == ENOENT) return DataDir(path, -1);  // No hub ever ran, so none does.
    if (lock < 0) return fail(Errc::io_failed, file.string() + ": " + std::strerror(errno));
    if (::flock(lock, LOCK_SH | LOCK_NB) != 0) {
        auto refused = in_use(lock, path);
        ::close(lock);
        return refused;
    }
    return DataDir(path, lock);
}

DataDir::~DataDir() {
    if (lock_ >= 0 && is_new_) {
        // What cannot be removed stays; the error that led here is the one to tell.
        std::error_code ignored;
        std::vector<std::filesystem::path> made;
        for (const auto& entry : std::filesystem::directory_iterator(path_, ignored)) made.push_back(entry);
        for (const auto& file : made) std::filesystem::remove_all(file, ignored);
        if (made_folder_) std::filesystem::remove(path_, ignored);
    }
    let_go();
}

void DataDir::let_go() {
    if (lock_ >= 0) ::close(std::exchange(lock_, -1));
}

}  // namespace carillon
