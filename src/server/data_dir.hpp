#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <utility>

namespace carillon {

/// Where the store is in a data folder.
std::filesystem::path store_folder(const std::filesystem::path& data_dir);

/// A hub's data folder, held by this process as long as the object lives.
class DataDir {
public:
    /// For this process alone. Makes the folder if it is not there. Fails with `io_failed`, or with
    /// `store_failed` if another process holds it, saying which.
    static Result<DataDir> take(const std::filesystem::path& path);
    /// To read it, and changes nothing. Fails with `not_found_locally` if it is not there, else as `take`.
    static Result<DataDir> take_to_read(const std::filesystem::path& path);

    DataDir(DataDir&& other) noexcept
        : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
    DataDir& operator=(DataDir&&) = delete;
    ~DataDir();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path store() const { return store_folder(path_); }

private:
    DataDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
    std::filesystem::path path_;
    int lock_;
};

}  // namespace carillon
