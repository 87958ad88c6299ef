#include "table_layout.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Cells = std::vector<std::size_t>;

std::size_t total(const Cells& cells) {
    std::size_t sum = 0;
    std::size_t shown = 0;
    for (const std::size_t each : cells) {
        sum += each;
        if (each > 0) ++shown;
    }
    return sum + (shown > 0 ? (shown - 1) * column_gap : 0);
}

/// A list of jobs: id, type, status, start, end, devices, succeeded, failed.
const std::vector<ColumnWish> jobs{{36, 0, true}, {20, 4, false}, {9, 0, false}, {20, 5, true},
                                   {20, 6, true}, {7, 1, true},   {9, 2, true},  {6, 2, true}};

TEST(FittedColumns, WithoutALimitAreWhatTheyWish) {
    EXPECT_EQ(fitted_columns({{5, 0, false}, {500, 0, false}}, 0), (Cells{5, 500}));
    EXPECT_TRUE(fitted_columns({}, 80).empty());
}

TEST(FittedColumns, FitEveryTerminal) {
    for (std::size_t width = 1; width <= 250; ++width) EXPECT_LE(total(fitted_columns(jobs, width)), width);
}

TEST(FittedColumns, KeepIdsAndNumbersWholeAndLeaveOutTheLeastImportant) {
    EXPECT_EQ(fitted_columns(jobs, 200), (Cells{36, 20, 9, 20, 20, 7, 9, 6}));
    EXPECT_EQ(fitted_columns(jobs, 80), (Cells{36, 0, 9, 0, 0, 7, 9, 6}));
    EXPECT_EQ(fitted_columns(jobs, 60), (Cells{36, 0, 9, 0, 0, 7, 0, 0}));
}

TEST(FittedColumns, NarrowTextBeforeAnyIsLeftOut) {
    EXPECT_EQ(fitted_columns({{10, 0, true}, {60, 0, false}, {60, 1, false}}, 44), (Cells{10, 15, 15}));
    EXPECT_EQ(fitted_columns({{10, 0, true}, {60, 0, false}, {60, 1, false}}, 37), (Cells{10, 25, 0}));
}

TEST(FittedColumns, KeepOneWhateverTheWidth) {
    EXPECT_EQ(fitted_columns({{36, 0, true}, {9, 1, false}}, 20), (Cells{20, 0}));
    EXPECT_EQ(fitted_columns({{36, 0, true}}, 20), (Cells{20}));
}

TEST(FittedColumns, CutAnIdRatherThanStandAlone) {
    EXPECT_EQ(fitted_columns(jobs, 40), (Cells{29, 0, 9, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace carillon
