#pragma once

#include "command_tree.hpp"

#include <string>

namespace carillon {

// The whole command line in one document. Options that many commands share stand once, at the end.

/// A manual page in section 1, in the macros of man(7). Without a date, so that the same program gives
/// the same page.
std::string manual_page(const Command& program);
/// `docs/cli.md`.
std::string markdown_reference(const Command& program);

}  // namespace carillon
