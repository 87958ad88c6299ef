#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace carillon::query {

/// Beyond so many, doubts are not told.
inline constexpr std::size_t doubts_max = 8;

/// What in a job's condition is allowed but can hold for no row: a name that nothing has, as where a text's
/// quotes were forgotten, and a comparison of a system property with a literal of another type. In
/// words for whoever wrote it, each once; none if it does not parse.
std::vector<std::string> doubts_of(std::string_view job_condition);

}  // namespace carillon::query
