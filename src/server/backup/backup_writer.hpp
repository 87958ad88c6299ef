#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "server/backup/backup_files.hpp"
#include "server/backup/backup_format.hpp"
#include "store/store_copy.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace carillon {

/// Makes a backup of a data directory, a piece at a time, from a copy that holds the store's files. Blocking;
/// one thread at a time.
class BackupWriter {
public:
    static constexpr std::size_t piece_bytes = 256 * 1024;

    /// Fails with `io_failed` if a file beside the store cannot be read, and with `store_failed` if one of
    /// the store's is larger than an archive can hold.
    /// `since` is what an earlier backup says of its files: tables of these are left out.
    static Result<std::unique_ptr<BackupWriter>> begin(std::unique_ptr<StoreCopy> copy,
                                                       const std::filesystem::path& data_dir, BackupHead head,
                                                       const std::vector<BackupFile>& since, WallTime now);

    /// The next piece, an empty one behind the last. Fails with `store_failed`, and with `store_corrupt` if
    /// a table does not hold what was written to it.
    Result<std::string> next();
    std::uint64_t bytes_made() const { return bytes_made_; }

private:
    struct Member {
        std::string name;
        std::uint64_t bytes = 0;
        std::string content{};                     ///< Of one that is short.
        std::function<std::string()> make_late{};  ///< In place of it: made when its turn has come.
        std::optional<CopiedFile> file{};          ///< In place of both: read from the store.
    };

    BackupWriter(std::unique_ptr<StoreCopy> copy, std::int64_t unix_s)
        : copy_(std::move(copy)), unix_s_(unix_s), entries_(copy_->entries()) {}
    Result<> list(const std::filesystem::path& data_dir, BackupHead head,
                  const std::vector<BackupFile>& since, WallTime now);
    void add(std::string name, std::string content);
    void add_store();
    Result<> begin_member(std::string& piece);
    Result<> read_file(std::string& piece);
    void end_member(std::string& piece);

    const std::unique_ptr<StoreCopy> copy_;
    const std::int64_t unix_s_;
    LedgerEntries entries_;
    std::set<std::string> left_out_;  ///< Files that lie in earlier archives. Bound: backup_members_max
    std::deque<Member> members_;  ///< The first is being written. Bound: backup_members_max
    bool is_within_ = false;      ///< Its header is out.
    std::uint64_t done_ = 0;      ///< Of its bytes.
    std::uint32_t checksum_ = 0;  ///< Of these.
    std::ifstream file_;
    Sha256 digest_;
    std::string sums_;  ///< Bound: backup_members_max
    bool has_ended_ = false;
    std::uint64_t bytes_made_ = 0;
};

}  // namespace carillon
