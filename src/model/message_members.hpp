#pragma once

#include "base/stored_bytes.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

using SystemProperties = std::vector<std::pair<std::string, std::string>>;
using ApplicationProperties = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Appends the properties and the body of a stored message of either direction. Format: docs/storage.md.
void write_message_members(StoredWriter& out, const SystemProperties& system,
                           const ApplicationProperties& properties, std::string_view body);

/// Reads what `write_message_members` wrote, and spoils `in` if that is malformed.
void read_message_members(StoredReader& in, SystemProperties& system, ApplicationProperties& properties,
                          std::string& body);

}  // namespace carillon
