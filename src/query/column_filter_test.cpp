#include "query/column_filter.hpp"

#include "query/test_columns.hpp"

#include <gtest/gtest.h>

namespace carillon::query {
namespace {

struct ColumnFilterTest : ::testing::Test {
    std::vector<std::unique_ptr<Column>> columns;
    std::vector<TestRow> rows = {
        make_row("a", "", R"({"tags":{"plant":"P1","floor":1,"list":[1]},"connected":true})"),
        make_row("b", "", R"({"tags":{"plant":"P2","floor":"1"}})"),
        make_row("c", "", R"({"tags":{"plant":"P1"},"identity":{"status":"disabled"}})"),
        make_row("d", "", R"({})")};

    static Condition where(std::string_view text) {
        auto query = parse_query("SELECT * FROM devices WHERE " + std::string(text));
        EXPECT_TRUE(query) << text;
        return query->where;
    }
    /// The devices of the first word that may match, by columns of all paths but `without`.
    std::string matching(const ColumnPlan& plan, std::string_view without = "", bool* is_exact = nullptr) {
        std::vector<const Column*> given;
        for (const auto& path : plan.paths()) {
            if (path->label == without) {
                given.push_back(nullptr);
                continue;
            }
            columns.push_back(std::make_unique<Column>(path));
            for (std::uint32_t i = 0; i < rows.size(); ++i) {
                Scratch scratch;
                columns.back()->set(i, read_path(*path, rows[i].row(), scratch));
            }
            given.push_back(columns.back().get());
        }
        ColumnFilter filter(plan, given);
        Meter meter;
        EXPECT_TRUE(filter.prepare(meter));
        if (is_exact != nullptr) *is_exact = filter.is_exact();
        std::string ids;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if ((filter.word(0) >> i & 1) != 0) ids += rows[i].path();
        }
        return ids;
    }
    std::string matching(std::string_view text) {
        bool is_exact = false;
        std::string ids = matching(ColumnPlan(where(text)), "", &is_exact);
        EXPECT_TRUE(is_exact) << text;
        return ids;
    }
};

TEST_F(ColumnFilterTest, LeavesHoldWhereTheEvaluatorSaysSo) {
    EXPECT_EQ(matching("tags.plant = 'P1'"), "ac");
    EXPECT_EQ(matching("'P1' = tags.plant"), "ac");
    EXPECT_EQ(matching("tags.plant IN ['P2', 'P3', 4]"), "b");
    EXPECT_EQ(matching("tags.plant NIN ['P2']"), "ac");
    EXPECT_EQ(matching("tags.floor = 1"), "a");
    EXPECT_EQ(matching("tags.floor != 1"), "");
    EXPECT_EQ(matching("tags.floor >= 0"), "a");
    EXPECT_EQ(matching("STARTSWITH(tags.plant, 'P')"), "abc");
    EXPECT_EQ(matching("IS_DEFINED(tags.floor)"), "ab");
    EXPECT_EQ(matching("IS_ARRAY(tags.list)"), "a");
    EXPECT_EQ(matching("status = 'disabled'"), "c");
    EXPECT_EQ(matching("connectionState = 'Connected'"), "a");
    EXPECT_EQ(matching("tags.plant = undefined"), "");
    EXPECT_EQ(matching("true"), "abcd");
    EXPECT_EQ(matching("1 = 2 OR tags.floor = nothing"), "");
}

TEST_F(ColumnFilterTest, NotTurnsAndIntoOrAndKeepsUndefinedOut) {
    EXPECT_EQ(matching("NOT tags.plant = 'P1'"), "b");
    EXPECT_EQ(matching("NOT (tags.plant = 'P1' AND tags.floor = 1)"), "b");
    EXPECT_EQ(matching("NOT (tags.plant = 'P2' OR IS_DEFINED(tags.floor))"), "c");
    EXPECT_EQ(matching("NOT NOT tags.plant = 'P1'"), "ac");
    EXPECT_EQ(matching("NOT IS_DEFINED(tags.plant)"), "d");
}

TEST_F(ColumnFilterTest, ZeroAndMinusZeroAreEqual) {
    rows.push_back(make_row("e", "", R"({"tags":{"floor":-0}})"));
    rows.push_back(make_row("f", "", R"({"tags":{"floor":0.0}})"));
    EXPECT_EQ(matching("tags.floor = 0"), "ef");
    EXPECT_EQ(matching("tags.floor IN [0]"), "ef");
    EXPECT_EQ(matching("tags.floor = -0"), "ef");
}

TEST_F(ColumnFilterTest, ALeafWithoutColumnLeavesCandidates) {
    const ColumnPlan both(where("tags.plant = 'P1' AND tags.floor = 1"));
    bool is_exact = true;
    EXPECT_EQ(matching(both, "floor", &is_exact), "ac");
    EXPECT_FALSE(is_exact);
    EXPECT_EQ(matching(ColumnPlan(where("tags.plant = 'P1' OR tags.floor = 1")), "floor", &is_exact), "abcd");
    EXPECT_FALSE(is_exact);
    EXPECT_EQ(matching(ColumnPlan(where("NOT (tags.plant = 'P1' OR tags.floor = 1)")), "floor", &is_exact),
              "b");
    EXPECT_FALSE(is_exact);
}

TEST_F(ColumnFilterTest, WhatColumnsCannotTellIsOpen) {
    bool is_exact = true;
    for (const char* text : {"ARRAY_CONTAINS(tags.list, 1)", "IS_DEFINED(ARRAY_CONTAINS(tags.list, 1))",
                             "tags.plant = tags.floor", "deviceId != 'a'", "lastActivityTime > '2026-01-01'",
                             "cloudToDeviceMessageCount = 0", "NOT ARRAY_CONTAINS(tags.list, 1)"}) {
        EXPECT_EQ(matching(ColumnPlan(where(text)), "", &is_exact), "abcd") << text;
        EXPECT_FALSE(is_exact) << text;
    }
    const ColumnPlan plan(where("deviceId != 'a' OR tags.plant = 'P1'"));
    EXPECT_FALSE(ColumnFilter(plan, std::vector<const Column*>(plan.paths().size())).is_selective());
}

TEST_F(ColumnFilterTest, AValueThatIsTooMuchForTheLimitsMayHoldAndItsRowsAreEvaluated) {
    const ColumnPlan plan(where("NOT LENGTH(tags.text) > 3000"));
    Column column(plan.paths()[0]);
    const std::string large(4000, 'x');
    const std::string small(16, 'x');
    column.set(0, Value::of(std::string_view(large)));
    column.set(1, Value::of(std::string_view(small)));
    ColumnFilter filter(plan, {&column});
    EXPECT_TRUE(filter.is_exact());
    Meter meter{.limits = {.row_steps_max = 100}};
    while (!filter.prepare(meter)) {
    }
    EXPECT_FALSE(filter.is_exact());
    EXPECT_EQ(filter.word(0) & 7, 3U) << "the large one may hold, the small one does, none has no length";
    EXPECT_EQ(meter.overdrawn, 1U);
}

TEST_F(ColumnFilterTest, PreparingGivesWayAfterSomeStepsHoweverFewTheValues) {
    const ColumnPlan plan(where("LENGTH(tags.text) > 3000"));
    Column column(plan.paths()[0]);
    for (std::uint32_t i = 0; i < 100; ++i) {
        const std::string text = std::to_string(i) + std::string(4000, 'x');
        column.set(i, Value::of(std::string_view(text)));
    }
    ColumnFilter filter(plan, {&column});
    Meter meter;
    int calls = 1;
    for (std::uint64_t before = 0; !filter.prepare(meter); before = meter.steps, ++calls) {
        EXPECT_LT(meter.steps - before, 2 * ColumnFilter::steps_a_step);
    }
    EXPECT_GE(calls, 5);
}

TEST_F(ColumnFilterTest, LeavesAreBoundedInMemoryAndTheRestIsOpen) {
    std::string text = "tags.serial = 1";
    for (int i = 0; i < 40; ++i) text += " OR tags.serial > " + std::to_string(i);
    const ColumnPlan plan(where(text));
    Column column(plan.paths()[0]);
    constexpr std::size_t values = 500'000;
    for (std::uint32_t i = 0; i < values; ++i) column.set(i, Value::of(static_cast<double>(i)));
    const ColumnFilter filter(plan, {&column});
    EXPECT_LE(filter.leaves() * values, ColumnFilter::table_bytes_max);
    EXPECT_FALSE(filter.is_exact());
    EXPECT_FALSE(filter.is_selective()) << "an OR of which one part is not known may hold for all";
}

TEST_F(ColumnFilterTest, ValuesThatComeLaterAreAskedAbout) {
    const ColumnPlan plan(where("tags.floor > 10"));
    auto column = std::make_shared<Column>(plan.paths()[0]);
    column->set(0, Value::of(1.0));
    const ColumnPin pin(column);
    ColumnFilter filter(plan, {column.get()});
    Meter meter;
    ASSERT_TRUE(filter.prepare(meter));
    EXPECT_EQ(filter.word(0), 0U);
    for (std::uint32_t i = 0; i < 3 * ColumnFilter::values_a_step; ++i) column->set(i, Value::of(20.0 + i));
    int steps = 0;
    while (!filter.prepare(meter)) ++steps;
    EXPECT_GE(steps, 2);
    EXPECT_EQ(filter.word(0), ~std::uint64_t{0});
}

}  // namespace
}  // namespace carillon::query
