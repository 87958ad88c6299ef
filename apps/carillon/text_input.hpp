#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// `text` without the byte-order mark that editors put before UTF-8. Fails with `config_invalid` for UTF-16,
/// which Windows' editors and PowerShell write, naming it.
Result<std::string_view> without_byte_order_mark(std::string_view text);

/// `line 3, column 14`, both from 1, of a byte in `text`; columns count characters.
std::string place_in(std::string_view text, std::size_t byte);

}  // namespace carillon
