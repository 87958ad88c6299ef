#pragma once

#include "base/json.hpp"

#include <string>

namespace carillon {

// JSON as YAML 1.2, in blocks. Texts are plain where no reader of YAML, 1.1 included, could take them for
// anything else, and otherwise in double quotes, whose escapes are those of JSON (YAML 1.2 §5.7). Numbers
// stay as they are.

/// A document, ended by a line end.
std::string yaml_text(JsonValue value);
/// The value as one item of a list.
std::string yaml_item(JsonValue value);

}  // namespace carillon
