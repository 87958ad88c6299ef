#pragma once

#include "command_tree.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A command line that cannot be parsed, in words and with what to do about it. `words` are what was
/// typed behind the program's name, `unknown` those of them that mean nothing, and `said` what the parser
/// has to say. Names the command, option or choice that is nearest, if one is near. Ends in a newline.
std::string explain_mistake(const Command& program, const std::vector<std::string>& words,
                            const std::vector<std::string>& unknown, std::string_view said);

}  // namespace carillon
