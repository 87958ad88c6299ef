#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// How many cells of a terminal `text` takes: UTF-8, where East Asian characters and emoji take two cells and
/// combining marks none. Control characters are not expected.
std::size_t cells_of(std::string_view text);

/// Cut to `cells_max` cells; an `…` shows that something is missing. 0 leaves nothing.
std::string cut_to_cells(std::string_view text, std::size_t cells_max);

/// The words of `text` in lines of at most `width` cells; a longer word has a line of its own. Line breaks in
/// `text` stay, and so do the spaces at the beginning of its lines, which all lines made of one begin with.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// `parts` in as few lines of at most `width` cells as they need, `gap` between two on a line. A part that is
/// wider is cut.
std::vector<std::string> packed(const std::vector<std::string>& parts, std::string_view gap,
                                std::size_t width);

/// `12345678` as `12,345,678`.
std::string grouped_by_three(std::string digits);
template <std::integral Number>
std::string with_thousands(Number number) {
    return grouped_by_three(std::to_string(number));
}

/// Characters that move the cursor or break the line, as spaces.
std::string on_one_line(std::string text);

}  // namespace carillon
