#pragma once

#include <cstdint>
#include <string_view>

namespace carillon {

/// The CRC-32C of what `crc` covers followed by `bytes`; 0 covers nothing. By the processor's own
/// instruction where it has one, at several gigabytes a second.
/// Source: RFC 3720 appendix B.4.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);

/// The same without the instruction, for other processors and to test the two against each other.
std::uint32_t crc32c_by_table(std::uint32_t crc, std::string_view bytes);

}  // namespace carillon
