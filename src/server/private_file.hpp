#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace carillon {

enum class Readable { by_owner, by_all };

/// Puts `bytes` in place of the file as one step: a reader or a crash finds the old content or the
/// new, on disk when this returns. The mode is right from the first moment (0600 or 0644).
/// Fails with `io_failed`.
Result<> write_file(const std::filesystem::path& path, std::string_view bytes, Readable readable);

/// The file's bytes. Fails with `not_found_locally` if there is none, else `io_failed`, also for
/// one larger than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max = 1024 * 1024);

}  // namespace carillon
