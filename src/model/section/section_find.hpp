#pragma once

#include "model/section/section.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace carillon {

/// As `Section::find`, which walks over the members before the one it looks for; adds to `passed` how
/// many it looked at, for who must account for the time.
SectionValue find_counting(const Section& section, std::span<const std::string_view> path,
                           std::size_t& passed);

}  // namespace carillon
