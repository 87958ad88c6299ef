#pragma once

#include <string_view>

namespace carillon::rest {

/// The OpenAPI description of the whole REST surface: `openapi.json` beside this file, which the build
/// puts into the program. A test holds it against the table of routes, another against real answers.
std::string_view openapi_text();

}  // namespace carillon::rest
