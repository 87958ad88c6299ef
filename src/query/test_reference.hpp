#pragma once

// A second implementation of the language, for tests to compare the first with; no part of the
// product. It reads the statement's text and works on the JSON a service client would be given: no
// code is shared but the JSON parser. It is slow, evaluates everything, and expects statements that
// are right.

#include <optional>
#include <string>
#include <string_view>

namespace carillon::query {

/// True if `SELECT * FROM devices WHERE <condition>` keeps the twin.
bool reference_keeps(std::string_view condition, std::string_view twin_json);

/// The JSON that selecting `path` gives, or nothing if it is undefined.
std::optional<std::string> reference_select(std::string_view path, std::string_view twin_json);

}  // namespace carillon::query
