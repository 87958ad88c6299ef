#include "query/column.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace carillon::query {
namespace {

std::shared_ptr<const Path> some_path() {
    return std::make_shared<const Path>();
}
Value text(std::string_view text) {
    return Value::of(text);
}

TEST(Column, RowsNeverSetAreUndefined) {
    const Column column(some_path());
    EXPECT_EQ(column.at(0), 0U);
    EXPECT_EQ(column.at(1'000'000), 0U);
    EXPECT_FALSE(column.value(0).is_defined());
}

TEST(Column, EqualValuesShareAnIdAndOthersDoNot) {
    Column column(some_path());
    const Value values[] = {text("1"),       Value::of(1.0),
                            Value::of(true), Value::of(false),
                            text(""),        Value{.kind = Value::Kind::null},
                            Value::of(0.0),  Value::of(WallTime{7}),
                            Value::of(7.0)};
    for (std::uint32_t i = 0; i < std::size(values); ++i) {
        column.set(i, values[i]);
        column.set(100 + i, values[i]);
    }
    EXPECT_EQ(column.size(), std::size(values));
    for (std::uint32_t i = 0; i < std::size(values); ++i) {
        EXPECT_EQ(column.at(i), column.at(100 + i));
        const Value stored = column.value(column.at(i));
        EXPECT_EQ(stored.kind, values[i].kind);
        EXPECT_EQ(stored.time, values[i].time);
        EXPECT_EQ(stored.text, values[i].text);
    }
}

TEST(Column, ArraysAndObjectsAreOneValueEach) {
    Column column(some_path());
    column.set(0, Value{.kind = Value::Kind::array, .text = "[1]"});
    column.set(1, Value{.kind = Value::Kind::array, .text = "[2]"});
    column.set(2, Value{.kind = Value::Kind::object});
    column.set(3, text("[1]"));
    EXPECT_EQ(column.at(0), column.at(1));
    EXPECT_TRUE(column.is_opaque(column.at(0)) && column.is_opaque(column.at(2)));
    EXPECT_FALSE(column.is_opaque(column.at(3)) || column.is_opaque(0));
}

TEST(Column, IdsWidenWithTheNumberOfValues) {
    Column column(some_path());
    constexpr std::uint32_t count = 70'000;
    for (std::uint32_t i = 0; i < count; ++i) column.set(i, Value::of(static_cast<double>(i)));
    EXPECT_EQ(column.size(), count);
    for (std::uint32_t i = 0; i < count; i += 7) EXPECT_EQ(column.value(column.at(i)).number, i);
}

TEST(Column, ValuesThatNoRowHasFreeTheirIdsAndMemory) {
    Column column(some_path());
    for (int round = 0; round < 1000; ++round) {
        for (std::uint32_t row = 0; row < 50; ++row)
            column.set(row, text("value " + std::to_string(round + row)));
    }
    EXPECT_EQ(column.size(), 50U);
    EXPECT_LE(column.ids_end(), 60U) << "each round brings one new value and frees one";
    EXPECT_EQ(column.find(text("value 0")), 0U);
}

TEST(Column, WhilePinnedAnIdKeepsItsMeaning) {
    auto column = std::make_shared<Column>(some_path());
    column->set(0, text("old"));
    const ValueId old = column->at(0);
    {
        const ColumnPin pin(column);
        column->set(0, text("new"));
        column->set(1, text("newer"));
        EXPECT_EQ(column->value(old).text, "old");
        EXPECT_NE(column->at(0), old);
        EXPECT_NE(column->at(1), old);
        column->set(2, text("old"));
        EXPECT_EQ(column->at(2), old) << "a value that comes back meanwhile has its id again";
        column->set(2, text("new"));
    }
    EXPECT_FALSE(column->value(old).is_defined());
    column->set(5, text("newest"));
    EXPECT_EQ(column->at(5), old);
}

TEST(Column, WordsAnswerSixtyFourRowsAtOnce) {
    Column column(some_path());
    for (std::uint32_t row = 0; row < 100; ++row) column.set(row, Value::of(static_cast<double>(row % 3)));
    std::vector<std::uint8_t> table(column.ids_end());
    table[column.find(Value::of(1.0))] = 1;
    for (std::uint32_t row = 0; row < 192; ++row) {
        const bool holds = (column.word(row / 64, table) >> (row % 64) & 1) != 0;
        EXPECT_EQ(holds, row < 100 && row % 3 == 1) << row;
    }
    table[0] = 1;
    EXPECT_EQ(column.word(77, table), ~std::uint64_t{0}) << "rows behind the end are undefined";
}

TEST(Column, RandomWritesLeaveWhatAMapHolds) {
    std::mt19937_64 random(5);
    auto column = std::make_shared<Column>(some_path());
    std::map<std::uint32_t, std::string> expected;
    std::optional<ColumnPin> pin;
    for (int i = 0; i < 200'000; ++i) {
        const auto row = static_cast<std::uint32_t>(random() % 500);
        if (random() % 1000 == 0) pin.emplace(column);
        if (random() % 1000 == 0) pin.reset();
        if (random() % 8 == 0) {
            column->set(row, Value{});
            expected.erase(row);
            continue;
        }
        expected[row] = "v" + std::to_string(random() % 900);
        column->set(row, text(expected[row]));
    }
    pin.reset();
    for (std::uint32_t row = 0; row < 500; ++row) {
        const Value value = column->value(column->at(row));
        const auto found = expected.find(row);
        ASSERT_EQ(value.is_defined(), found != expected.end());
        if (found == expected.end()) continue;
        EXPECT_EQ(value.text, found->second);
        EXPECT_EQ(column->find(value), column->at(row));
    }
}

}  // namespace
}  // namespace carillon::query
