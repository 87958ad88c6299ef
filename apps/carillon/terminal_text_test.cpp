#include "terminal_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Lines = std::vector<std::string>;

TEST(CellsOf, CountsWhatATerminalDraws) {
    EXPECT_EQ(cells_of("abc"), 3U);
    EXPECT_EQ(cells_of("é█…"), 3U);
    EXPECT_EQ(cells_of("e\u0301"), 1U) << "a combining accent";
    EXPECT_EQ(cells_of("温室"), 4U);
    EXPECT_EQ(cells_of("🚪"), 2U);
    EXPECT_EQ(cells_of("\xC3"), 1U) << "a character that is cut short";
}

TEST(CutToCells, LeavesWhatFitsAndShowsWhatIsMissing) {
    EXPECT_EQ(cut_to_cells("1234", 4), "1234");
    EXPECT_EQ(cut_to_cells("12345", 4), "123…");
    EXPECT_EQ(cut_to_cells("温室温室", 4), "温…") << "half a character is none";
    EXPECT_EQ(cut_to_cells("12", 1), "…");
    EXPECT_EQ(cut_to_cells("12", 0), "");
}

TEST(Wrapped, BreaksBetweenWordsAndKeepsIndentation) {
    EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
    EXPECT_EQ(wrapped("  one two three", 9), (Lines{"  one two", "  three"}));
    EXPECT_EQ(wrapped("one\n\n two", 7), (Lines{"one", "", " two"}));
    EXPECT_EQ(wrapped("a-word-too-long b", 5), (Lines{"a-word-too-long", "b"}));
}

TEST(Packed, PutsAsManyPartsOnALineAsFit) {
    EXPECT_EQ(packed({"one", "two", "three"}, "  ", 8), (Lines{"one  two", "three"}));
    EXPECT_EQ(packed({"one", "", "two"}, "  ", 80), (Lines{"one  two"}));
    EXPECT_EQ(packed({"too long a part", "b"}, " ", 8), (Lines{"too lon…", "b"}));
}

TEST(WithThousands, SeparatesByThree) {
    EXPECT_EQ(with_thousands(7), "7");
    EXPECT_EQ(with_thousands(123), "123");
    EXPECT_EQ(with_thousands(12345678), "12,345,678");
}

TEST(OnOneLine, KeepsControlCharactersFromTheTerminal) {
    EXPECT_EQ(on_one_line("a\nb\x1b[2J"), "a b [2J");
}

}  // namespace
}  // namespace carillon
