#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A file of the store as a backup has it, and the archive in which it lies: this one, or one that this one
/// builds on. Tables do not change once they are written, so one copy serves many backups.
struct BackupFile {
    std::string name;  ///< In the store's folder.
    std::uint64_t bytes = 0;
    std::optional<std::uint32_t> checksum{};  ///< CRC-32C, where it is known: of tables.
    std::string archive;                      ///< `BackupHead::id` of it.
};

inline constexpr std::string_view backup_files_name = "store.files";
/// As text; `backup_members_max` lines with long names stay below it.
inline constexpr std::size_t backup_files_bytes_max = 4 * 1024 * 1024;

/// The member `store.files`: a line for each file, and one with the CRC-32C of all lines before. Format:
/// docs/backup.md.
std::string to_text(const std::vector<BackupFile>& files);
/// Fails with `store_corrupt`.
Result<std::vector<BackupFile>> parse_backup_files(std::string_view text);

/// Whether `text` can be the id of an archive: 32 hexadecimal digits.
bool is_backup_id(std::string_view text);

}  // namespace carillon
