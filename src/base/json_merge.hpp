#pragma once

#include "base/json.hpp"

#include <string>

namespace carillon {

/// `target` after the merge patch `changes`, as text: a null member deletes, an object merges member by
/// member, anything else replaces (RFC 7396). Members that stay keep their order and spelling. Both come from
/// parsed documents, so they nest no deeper than `JsonLimits::depth_max`.
std::string merged_json(JsonValue target, JsonValue changes);

}  // namespace carillon
