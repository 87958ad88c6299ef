#pragma once

#include <string>
#include <string_view>

namespace carillon {

/// Any text, such as a log, without what may be a secret in it: values of connection strings and tokens, keys
/// in JSON, private keys in PEM, and whatever else reads as a key in base64. Each becomes `<removed>`.
std::string redact(std::string_view text);

}  // namespace carillon
