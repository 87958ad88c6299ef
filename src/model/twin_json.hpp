#pragma once

// What stands before and behind the sections in the JSON of a twin. Internal to the model.

#include "model/twin.hpp"

#include <string>

namespace carillon {

/// Up to the sections, without a comma at the end.
void append_twin_head(std::string& out, const Document& document, const LiveState& live);
/// From behind `properties` to the end.
void append_twin_tail(std::string& out, const Document& document, const LiveState& live);

}  // namespace carillon
