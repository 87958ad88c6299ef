#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <utility>

namespace carillon {

/// A hub's data folder, held by this process alone as long as the object lives.
class DataDir {
public:
    /// Makes the folder if it is not there. Fails with `io_failed`, or with `store_failed` if another
    /// process holds it, saying which.
    static Result<DataDir> take(const std::filesystem::path& path);

    DataDir(DataDir&& other) noexcept
        : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
    DataDir& operator=(DataDir&&) = delete;
    ~DataDir();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path store() const { return path_ / "store"; }

private:
    DataDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
    std::filesystem::path path_;
    int lock_;
};

}  // namespace carillon
