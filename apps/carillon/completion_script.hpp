#pragma once

#include "command_tree.hpp"

#include <string>

namespace carillon {

// Scripts that teach a shell to complete the program's commands, options and values. They hold what
// the tree says; only the names of contexts are asked of the program, as a user completes them.

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

}  // namespace carillon
