#pragma once

#include "base/result.hpp"

#include <string>

namespace carillon {

/// Reads the first certificate of the PEM file that `flag` names into `into`, as base64; an empty `file`
/// leaves it. Fails with `config_invalid`.
Result<> read_certificate_file(const char* flag, const std::string& file, std::string& into);

}  // namespace carillon
