#pragma once

#include "base/result.hpp"

#include <chrono>
#include <filesystem>
#include <utility>

namespace carillon {

/// Where the store is in a data folder.
std::filesystem::path store_folder(const std::filesystem::path& data_dir);

/// A hub's data folder, held by this process as long as the object lives. One that was not there, or was
/// empty, goes with the object unless it is kept: a start that fails leaves nothing half-made.
class DataDir {
public:
    /// How long a start waits for the lock of a process that is just dying.
    static constexpr std::chrono::milliseconds lock_wait_max{3'000};

    /// For this process alone. Makes the folder if it is not there. Fails with `io_failed`, or with
    /// `store_failed` if another process still holds it after `wait`, saying which.
    static Result<DataDir> take(const std::filesystem::path& path, std::chrono::milliseconds wait = {});
    /// To read it, and changes nothing. Fails with `not_found_locally` if it is not there, else as `take`.
    static Result<DataDir> take_to_read(const std::filesystem::path& path);

    DataDir(DataDir&& other) noexcept
        : path_(std::move(other.path_)),
          lock_(std::exchange(other.lock_, -1)),
          is_new_(std::exchange(other.is_new_, false)),
          made_folder_(other.made_folder_) {}
    DataDir& operator=(DataDir&&) = delete;
    ~DataDir();

    /// Says that the folder is a hub's from now on.
    void keep() { is_new_ = false; }
    /// Ends the hold: another process may take the folder.
    void let_go();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path store() const { return store_folder(path_); }

private:
    DataDir(std::filesystem::path path, int lock, bool is_new = false, bool made_folder = false)
        : path_(std::move(path)), lock_(lock), is_new_(is_new), made_folder_(made_folder) {}
    std::filesystem::path path_;
    int lock_;
    bool is_new_;
    bool made_folder_;
};

}  // namespace carillon
