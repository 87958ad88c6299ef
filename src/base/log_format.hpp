#pragma once

#include "base/log.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// `text`: one line, for people. `json`: an object a line, whose members are the event's `key=value` pairs.
enum class LogFormat : std::uint8_t { text, json };

/// What the process's log writes from now on. Any thread.
void set_log_format(LogFormat format);
LogFormat log_format();
/// The level that was set for all modules.
LogLevel log_level();

/// The level of one module, from now on; `Log::set_level` takes it back. `module` is a place in
/// `log_modules`.
void set_log_level(std::size_t module, LogLevel level);
LogLevel log_level(std::size_t module);

/// Nothing for a word that names no level.
std::optional<LogLevel> parse_log_level(std::string_view word);
std::string_view log_level_text(LogLevel level);

/// A line as a JSON object: `message` is what stands before the first `key=`, and each pair is a member, as
/// text. `time` is ISO 8601.
std::string log_line_json(std::string_view time, std::string_view level, std::string_view module,
                          std::string_view text);

}  // namespace carillon
