#pragma once

#include <cstdint>

namespace carillon {

/// Stands for a secret that connections may stand on, without being one: no two of a process are alike.
enum class KeyTag : std::uint32_t { none = 0 };

}  // namespace carillon
