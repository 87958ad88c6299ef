#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace carillon {

// What a backup is made of: a POSIX tar archive whose members and order are fixed. Format: docs/backup.md.

/// What a backup says of itself, in its first member.
struct BackupHead {
    static constexpr std::int64_t version_known = 2;
    /// Of an archive that holds everything; 2 is of one that builds on others.
    static constexpr std::int64_t version_whole = 1;
    static constexpr std::size_t bytes_max = 64 * 1024;  ///< As JSON.

    std::int64_t version = version_whole;  ///< Of the archive's form.
    std::int64_t format = 0;               ///< Of the data: `data_format` of the program that made it.
    std::string program;                   ///< Such as `carillon 0.1.0`.
    std::string host_name;
    std::string created;             ///< ISO 8601
    std::uint64_t files = 0;         ///< Of the store.
    std::uint64_t bytes = 0;         ///< Of these.
    std::uint64_t acknowledged = 0;  ///< Sequence number of the store up to which the backup holds all.
    std::string id;     ///< 32 hexadecimal digits at random; empty in archives of older programs.
    std::string since;  ///< Id of the archive that this one was made to build on; empty if it is whole.
};
std::string to_json(const BackupHead& head);
/// Fails with `store_corrupt`.
Result<BackupHead> parse_backup_head(std::string_view json);

inline constexpr std::string_view backup_head_name = "backup.json";
inline constexpr std::string_view backup_sums_name = "SHA256SUMS";
inline constexpr std::string_view backup_ledger_name = "store.ledger";
inline constexpr std::string_view backup_store_prefix = "store/";
/// The last file but the sums: a store without it does not open, so a restore that was cut off serves
/// nothing.
inline constexpr std::string_view backup_current_name = "store/CURRENT";

inline constexpr std::size_t tar_block_bytes = 512;
/// What a header can say: eleven octal digits.
inline constexpr std::uint64_t tar_member_bytes_max = (1ULL << 33) - 1;
inline constexpr std::size_t tar_name_bytes_max = 99;
inline constexpr std::size_t backup_members_max = 20'000;

/// The header of a regular file with mode 0600. Source: POSIX.1-2017, pax, "ustar Interchange Format".
std::string tar_header(std::string_view name, std::uint64_t bytes, std::int64_t unix_s);
/// Zeros behind a member of that size.
std::string tar_padding(std::uint64_t bytes);

/// SHA-256 of bytes that come piece by piece. Source: FIPS 180-4.
class Sha256 {
public:
    Sha256();
    void add(std::string_view bytes);
    /// In hexadecimal; begins anew.
    std::string take();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// A line of the sums, as sha256sum writes and reads it.
std::string sums_line(std::string_view digest, std::string_view name);

}  // namespace carillon
