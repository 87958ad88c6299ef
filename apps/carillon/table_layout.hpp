#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace carillon {

/// A column of a table: a heading and the dotted path of its value.
struct Column {
    std::string title;
    std::string path;
    int rank = 0;  ///< Where a terminal is too narrow for all, the column of the highest rank goes first.
};

/// What a column would like to be.
struct ColumnWish {
    std::size_t cells = 0;  ///< Of its longest text, the heading included.
    int rank = 0;
    /// Ids are copied, and a number that is cut is another number: these columns are shown whole or not at
    /// all.
    bool is_whole = false;
};

/// Between two columns.
inline constexpr std::size_t column_gap = 2;

/// How wide each column is in a table of at most `width` cells; 0 for one that is left out. Columns of text
/// are narrowed down to `text_cells_min` before any is left out: of the highest rank first, of equals the
/// rightmost. Of the last two the first is rather cut, and at least one remains. `width` 0 is without limit.
inline constexpr std::size_t text_cells_min = 12;
std::vector<std::size_t> fitted_columns(const std::vector<ColumnWish>& wishes, std::size_t width);

}  // namespace carillon
