#pragma once

#include "base/json.hpp"
#include "model/identity.hpp"

namespace carillon {

/// Adds what a device has and a module has not, `capabilities`, `deviceScope` and `parentScopes`, to an
/// object begun: of an identity and of an exported line alike.
void write_edge_members(JsonWriter& out, const Identity& identity);

}  // namespace carillon
