#pragma once

#include "base/json.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// The value over several lines, two spaces a level; numbers and strings as they were written.
std::string pretty_json(JsonValue value);
/// The value on one line, without spaces between its parts.
std::string compact_json(JsonValue value);
/// Follows a dotted path of member names, such as `properties.desired`; absent if it leads nowhere.
JsonValue find_path(JsonValue value, std::string_view path);

inline constexpr std::size_t json_argument_bytes_max = 64 * 1024 * 1024;

/// JSON given on the command line: text, `@FILE`, or `-` for standard input. Gives the text once it
/// parses. Fails with `config_invalid`, naming `flag`.
Result<std::string> read_json_argument(std::string_view flag, const std::string& argument);

}  // namespace carillon
