#pragma once

#include <cstddef>
#include <string_view>

namespace carillon {

/// How many letters are replaced, inserted or left out between the two (Levenshtein). Takes their product
/// in time, so the caller bounds what a peer sent.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace carillon
