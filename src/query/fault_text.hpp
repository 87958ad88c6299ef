#pragma once

#include "query/lexer.hpp"

#include <string>
#include <string_view>

namespace carillon::query {

/// `Line 1:29 <reason>`; columns count characters from 1, those of `prefix` included.
std::string describe_fault(std::string_view text, const Fault& fault, std::string_view prefix = {});

}  // namespace carillon::query
