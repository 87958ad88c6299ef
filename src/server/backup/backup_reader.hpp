#pragma once

#include "base/result.hpp"
#include "server/backup/backup_format.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace carillon {

/// Where a reader puts what it finds; calls come in order, for one member after the other.
class BackupSink {
public:
    virtual ~BackupSink() = default;
    /// `name` is that of a file of a data directory, or of one in its folder `store`, and was not there
    /// before.
    virtual Result<> begin(const std::string& name, std::uint64_t bytes) = 0;
    virtual Result<> write(std::string_view bytes) = 0;
    virtual Result<> end() = 0;
};

/// Reads a backup as it comes, and finds whatever is not as a writer wrote it: each byte of an archive
/// follows from the members' names, sizes and contents, and the contents have their SHA-256 at the end. Sans
/// I/O.
class BackupReader {
public:
    /// Without a sink it only looks. The sink outlives the reader.
    explicit BackupReader(BackupSink* sink = nullptr) : sink_(sink) {}

    /// Fails with `store_corrupt`, and as the sink does; then no more is read.
    Result<> read(std::string_view bytes);
    /// Behind the last byte: what the backup says of itself. Fails with `store_corrupt` if it is not whole,
    /// and with `store_failed` if a later program made it.
    Result<BackupHead> finish() const;
    /// What it says of itself, once that is read. Fails with `store_corrupt` before.
    Result<BackupHead> head() const;
    std::uint64_t bytes_read() const { return at_; }

private:
    enum class State : std::uint8_t { header, content, padding, ended };

    Error damaged(std::string_view what) const;
    Result<> take_header();
    Result<> take_content(std::string_view part);
    Result<> end_content();
    std::string sums_name_at(std::size_t at) const;
    Result<> check_name(const std::string& name);

    BackupSink* const sink_;
    State state_ = State::header;
    std::uint64_t at_ = 0;        ///< Bytes read.
    std::string block_;           ///< Of a header, not yet whole. Bound: tar_block_bytes
    std::string name_;            ///< Of the member being read. Bound: tar_name_bytes_max
    std::uint64_t bytes_ = 0;     ///< Of it.
    std::uint64_t left_ = 0;      ///< Of the part being read.
    std::size_t zero_bytes_ = 0;  ///< At the end.
    std::int64_t unix_s_ = -1;    ///< What every header says.
    Sha256 digest_;
    std::string head_text_;        ///< Bound: BackupHead::bytes_max
    std::string sums_;             ///< As they must be. Bound: backup_members_max
    std::string last_name_;        ///< Of the member before. Bound: tar_name_bytes_max
    std::set<std::string> names_;  ///< Bound: backup_members_max
};

}  // namespace carillon
