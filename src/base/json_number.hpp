#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon {

/// The value of a JSON number as a double: correctly rounded, infinite where it exceeds the range,
/// zero where it is too small. `lexeme` follows the grammar of RFC 8259 §6.
double json_number_value(std::string_view lexeme);

/// The value of a JSON number that equals an integer of 64 bits, however it is written (`50e-1`).
std::optional<std::int64_t> json_number_integer(std::string_view lexeme);

/// True if `text` is a number by the grammar of RFC 8259 §6, and nothing else.
bool is_json_number(std::string_view text);

/// True if a JSON number equals an integer of any size (`1e300`, `2.0`).
bool json_number_is_integral(std::string_view lexeme);

}  // namespace carillon
