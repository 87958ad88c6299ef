#pragma once

#include "base/result.hpp"
#include "server/backup/backup_reader.hpp"
#include "server/data_dir.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Puts a backup into an empty directory. Until `finish` the directory is none that a hub starts on, whatever
/// happens; and if that is never reached, all that was made goes with the object.
class BackupRestore final : public BackupSink {
public:
    /// Fails with `argument_invalid` if the directory holds anything (but `lost+found`), else as
    /// `DataDir::take`.
    static Result<BackupRestore> into(const std::filesystem::path& data_dir);
    BackupRestore(BackupRestore&&) = default;
    ~BackupRestore() override;

    Result<> begin(const std::string& name, std::uint64_t bytes) override;
    Result<> write(std::string_view bytes) override;
    Result<> end() override;
    /// Makes it durable, then whole. Call it when the reader has found nothing wrong.
    Result<> finish();

private:
    explicit BackupRestore(DataDir data_dir);
    Result<> make_folder();

    /// Closes itself, and can be moved.
    struct File {
        File() = default;
        File(File&& other) noexcept : descriptor(std::exchange(other.descriptor, -1)) {}
        ~File();
        int descriptor = -1;
    };
    std::optional<DataDir> data_dir_;
    std::vector<std::filesystem::path> made_;  ///< Bound: backup_members_max
    File file_;
    bool is_current_ = false;  ///< The member being written is `CURRENT`, which is kept back.
    std::string current_;      ///< Bound: fixed.
};

}  // namespace carillon
