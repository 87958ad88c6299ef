#pragma once

#include "base/result.hpp"
#include "server/backup/backup_files.hpp"
#include "server/backup/backup_format.hpp"
#include "server/backup/backup_reader.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Behind a `BackupReader`: holds the files of an archive's store to what the archive says of them, and tells
/// which of them lie in other archives. Keeps that list from the sink below, which takes what a data directory
/// holds. A backup of a program that made no such list passes as it is.
class BackupCheck final : public BackupSink {
public:
    /// Without a sink it only looks. The sink outlives it.
    explicit BackupCheck(BackupSink* below = nullptr) : below_(below) {}

    Result<> begin(const std::string& name, std::uint64_t bytes) override;
    Result<> write(std::string_view bytes) override;
    Result<> end() override;

    /// When the reader has found nothing wrong: whether each file that the archive has to hold was there. Fails
    /// with `store_corrupt`.
    Result<> finish(const BackupHead& head);

    /// As in the archive; empty if it has no such list.
    const std::string& files_text() const { return files_text_; }
    /// After `finish`: what lies elsewhere, by the id of the archive.
    const std::map<std::string, std::vector<BackupFile>>& elsewhere() const { return elsewhere_; }

private:
    struct Seen {
        std::uint64_t bytes = 0;
        std::uint32_t checksum = 0;
    };

    BackupSink* const below_;
    std::string name_;
    bool is_list_ = false;
    std::string files_text_;            ///< Bound: backup_files_bytes_max
    std::map<std::string, Seen> seen_;  ///< Bound: backup_members_max
    /// Bound: backup_members_max
    std::map<std::string, std::vector<BackupFile>> elsewhere_;
};

/// Behind the reader of an archive that another builds on: passes the tables that are wanted on, and nothing
/// else.
class BackupPick final : public BackupSink {
public:
    BackupPick(const std::vector<BackupFile>& wanted, BackupSink* below);

    Result<> begin(const std::string& name, std::uint64_t bytes) override;
    Result<> write(std::string_view bytes) override;
    Result<> end() override;

    /// Whether all were there, with the bytes that they must have. Fails with `store_corrupt`.
    Result<> finish() const;

private:
    BackupSink* const below_;
    std::map<std::string, BackupFile> wanted_;  ///< By name in an archive. Bound: backup_members_max
    bool is_wanted_ = false;
    std::string name_;
    std::uint32_t checksum_ = 0;
};

}  // namespace carillon
