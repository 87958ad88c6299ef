#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace carillon {

/// A view of bytes somebody else owns; it does not outlive the call it is passed to.
using Bytes = std::span<const std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace carillon
