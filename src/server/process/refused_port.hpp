#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// A refused port in words that say the ways out. `flag` is the one that chooses another.
Error refused_port(const Error& error, const std::string& address, std::uint16_t port, const char* flag);

}  // namespace carillon
