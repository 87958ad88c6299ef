#pragma once

#include <string_view>

namespace carillon {

/// True if `JsonDocument::parse` would take `text`; for who wants no more to know, as it takes no memory of
/// its own.
bool is_json(std::string_view text);

}  // namespace carillon
