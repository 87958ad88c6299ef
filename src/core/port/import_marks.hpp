#pragma once

#include <cstdint>
#include <string>

namespace carillon {

// What an import leaves in the table `jobs` beside its own record; docs/storage.md.

/// How far a shard is with an import, as a line u64 BE.
std::string transfer_mark_key(std::uint64_t job, std::uint32_t shard);
/// A refused line, as the line of the error log it becomes.
std::string transfer_error_key(std::uint64_t job, std::uint64_t line);

}  // namespace carillon
