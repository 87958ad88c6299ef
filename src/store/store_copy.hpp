#pragma once

#include "base/result.hpp"
#include "store/file_ledger.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// One file of a store as it was at the moment of a copy.
struct CopiedFile {
    enum class Kind : std::uint8_t { wal, manifest, other } kind = Kind::other;
    std::string name;                       ///< In the store's folder.
    std::uint64_t number = 0;               ///< In the name.
    std::uint64_t bytes = 0;                ///< From the front; the file may have grown.
    std::string content;                    ///< In place of the file's bytes, unless empty.
    std::optional<std::uint32_t> checksum;  ///< CRC-32C that all bytes must have, where it is known.
};

/// The files of a running store as of one moment, of which none is removed while the object lives; so the
/// disk keeps what has been superseded meanwhile. A store that is opened on copies of these files holds all
/// that was acknowledged before the moment, and of what was under way then a prefix. The store outlives the
/// object, and whoever ends it waits for the disk.
class StoreCopy {
public:
    StoreCopy(std::filesystem::path folder, std::vector<CopiedFile> files, LedgerEntries entries,
              std::function<void()> release)
        : folder_(std::move(folder)),
          files_(std::move(files)),
          entries_(std::move(entries)),
          release_(std::move(release)) {}
    ~StoreCopy() { release_(); }
    StoreCopy(const StoreCopy&) = delete;
    StoreCopy& operator=(const StoreCopy&) = delete;

    const std::filesystem::path& folder() const { return folder_; }
    /// `CURRENT` comes last: without it a store does not open.
    const std::vector<CopiedFile>& files() const { return files_; }
    /// What the copy must hold. Without the manifest's claim, which is all of its bytes.
    const LedgerEntries& entries() const { return entries_; }

private:
    const std::filesystem::path folder_;
    const std::vector<CopiedFile> files_;
    const LedgerEntries entries_;
    const std::function<void()> release_;
};

}  // namespace carillon
