#pragma once

#include <CLI/App.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A command line, as a user types it.
struct Example {
    std::string_view path;  ///< Of the command, such as `job create`.
    std::string_view line;
};
/// At least one for each command that does something.
std::span<const Example> examples();

/// Puts them below each command's help.
void add_examples(CLI::App& app);

/// `carillon help job create` as `carillon job create --help`, and `carillon version` as `carillon
/// --version`.
std::vector<std::string> without_plain_words(std::vector<std::string> words);

/// Help with lines of at most `width` cells: a description goes on below itself. 0 leaves it as it is.
std::string wrapped_help(std::string_view help, std::size_t width);

}  // namespace carillon
