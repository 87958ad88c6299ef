#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

namespace carillon {

/// SHA-256 (FIPS 180-4) of the parts behind each other.
using Sha256Digest = std::array<char, 32>;
Sha256Digest sha256(std::initializer_list<std::string_view> parts);
inline std::string_view as_text(const Sha256Digest& digest) {
    return {digest.data(), digest.size()};
}

}  // namespace carillon
