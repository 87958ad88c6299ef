#pragma once

#include <cstdint>

namespace carillon {

/// Numbers the identities of a shard in order of creation; never given twice.
using Ordinal = std::uint32_t;

}  // namespace carillon
