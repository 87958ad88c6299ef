#pragma once

#include "base/result.hpp"
#include "commands.hpp"

#include <string>

namespace carillon {

/// The exit code a script sees for an error; `Exit` is part of the program's contract.
Exit exit_for(Errc code);

/// True for what a connection suffers, and a hub that goes down or comes up: who watches goes on.
bool is_cut(Errc code);

/// The error in words, with what to do about it where that is known. Ends in a newline.
std::string explain(const Error& error);

/// A mistake on the command line: exit code `usage`.
tl::unexpected<Error> fail_usage(std::string detail);

/// Turns a command's outcome into the process's exit code, explaining an error on standard error.
int conclude(const Result<Exit>& outcome);

}  // namespace carillon
