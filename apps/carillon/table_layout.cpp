#include "table_layout.hpp"

#include <algorithm>
#include <numeric>

namespace carillon {

namespace {

/// The least a column can do with.
std::size_t least(const ColumnWish& wish) {
    return wish.is_whole ? wish.cells : std::min(wish.cells, text_cells_min);
}

/// Of the columns that are in, the one to leave out next.
std::size_t next_to_go(const std::vector<ColumnWish>& wishes, const std::vector<bool>& is_in) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
        if (is_in[i] && (!is_in[found] || wishes[i].rank >= wishes[found].rank)) found = i;
    }
    return found;
}

/// Of two columns that are too wide together, the one that would go next stays if the other can do with less.
void narrow_last_two(std::vector<std::size_t>& cells, std::size_t next, std::size_t width) {
    std::size_t first = next;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i != next && cells[i] > 0) first = i;
    }
    if (first != next && width >= cells[next] + column_gap + text_cells_min) {
        cells[first] = width - column_gap - cells[next];
        return;
    }
    if (first != next) cells[next] = 0;
    cells[first] = std::min(cells[first], width);
}

}  // namespace

std::vector<std::size_t> fitted_columns(const std::vector<ColumnWish>& wishes, std::size_t width) {
    std::vector<std::size_t> cells;
    for (const ColumnWish& wish : wishes) cells.push_back(wish.cells);
    if (width == 0 || wishes.empty()) return cells;

    std::vector<bool> is_in(wishes.size(), true);
    std::size_t left = wishes.size();
    std::size_t taken = (left - 1) * column_gap;
    for (const ColumnWish& wish : wishes) taken += least(wish);
    while (taken > width && left > 2) {
        const std::size_t gone = next_to_go(wishes, is_in);
        is_in[gone] = false;
        --left;
        taken -= least(wishes[gone]) + column_gap;
    }
    for (std::size_t i = 0; i < wishes.size(); ++i) cells[i] = is_in[i] ? least(wishes[i]) : 0;
    if (taken > width) {
        narrow_last_two(cells, next_to_go(wishes, is_in), width);
        return cells;
    }
    // What is over goes to the narrowest of those that want more, cell by cell.
    for (std::size_t over = width - taken; over > 0; --over) {
        std::size_t grows = wishes.size();
        for (std::size_t i = 0; i < wishes.size(); ++i) {
            if (!is_in[i] || cells[i] >= wishes[i].cells) continue;
            if (grows == wishes.size() || cells[i] < cells[grows]) grows = i;
        }
        if (grows == wishes.size()) break;
        ++cells[grows];
    }
    return cells;
}

}  // namespace carillon
