#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace carillon {

/// The format of everything in a data directory: docs/storage.md#format. A program reads this one and all
/// before it; a change that an older program would misread raises it.
inline constexpr std::int64_t data_format = 1;

/// `DATA_DIR/format` says which format the data has and which program wrote it, so that an older program
/// knows before it opens the store. Format: docs/storage.md#format.

/// Fails with `store_failed` if a later program wrote the directory, with `store_corrupt` if the file is not
/// readable; nothing was changed then. A directory without the file passes: it is older, or new.
Result<> check_format_file(const std::filesystem::path& data_dir);
/// Says that this program has written the directory; on disk when it returns. Writes nothing where the file
/// says so already.
Result<> write_format_file(const std::filesystem::path& data_dir);

/// The refusal of what a later program wrote, with the ways out.
Error later_format(std::string_view what, std::int64_t format, std::string_view writer);

}  // namespace carillon
