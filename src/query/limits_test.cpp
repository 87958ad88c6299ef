// What one row may cost. Nothing here looks at a clock: steps and bytes are counted.

#include "query/query.hpp"
#include "query/test_columns.hpp"
#include "query/test_fleet.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace carillon::query {
namespace {

Condition condition_of(const std::string& text) {
    auto condition = parse_job_condition(text);
    EXPECT_TRUE(condition) << text.substr(0, 200) << "\n" << condition.error().detail;
    return condition->where;
}

std::string many_times(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

std::string quoted(std::size_t size, char letter = 'a') {
    return '"' + std::string(size, letter) + '"';
}

/// A twin of strings as long as they may be.
TestRow long_strings() {
    return make_row("d", "", R"({"tags":{"s":)" + quoted(4000) + R"(,"t":)" + quoted(1000) + "}}");
}

/// A twin with as many members in its reported properties as there is room for.
TestRow many_members() {
    std::string json = R"({"reported":[{"first":1)";
    for (int i = 0; i < 2500; ++i) json += ",\"m" + std::to_string(i) + "\":1";
    return make_row("d", "", json + R"(,"last":1}]})");
}

/// A twin with an array of `count` elements, and one with a long number.
TestRow long_array(std::size_t count) {
    return make_row("d", "", R"({"reported":[{"list":[0)" + many_times(",1", count - 1) + "]}]}");
}

struct Outcome {
    bool keeps;
    std::uint64_t steps;
    bool is_overdrawn;
};

Outcome evaluate(const std::string& text, const TestRow& row, const EvaluationLimits& limits = {}) {
    Meter meter{.limits = limits};
    const bool keeps = condition_of(text).keeps(row.row(), meter);
    return {keeps, meter.steps, meter.overdrawn == 1};
}

/// A search in `levels` nested concatenations, 8 KB each.
std::string nested_search(int levels) {
    std::string text = "tags.s";
    for (int i = 0; i < levels; ++i) text = "CONCAT(" + text + ",tags.s,tags.s)";
    return "INDEX_OF(" + text + ",CONCAT(tags.t,'b')) = -1";
}

TEST(EvaluationLimits, LongSearchesAreOverdrawnAndTheRowIsNotKept) {
    const TestRow row = long_strings();
    const std::string search = nested_search(10);
    EXPECT_FALSE(evaluate(search, row).is_overdrawn) << "one search of 80 KB is within the limits";
    EXPECT_TRUE(evaluate(search, row).keeps);
    const std::string many = search + many_times(" AND " + search, 40);
    for (const std::string& text : {many, "NOT (" + many + ")", "IS_DEFINED(tags.s) AND (" + many + ")",
                                    "NOT IS_DEFINED(" + nested_search(10) + " AND " + many + ")"}) {
        const Outcome outcome = evaluate(text, row);
        EXPECT_TRUE(outcome.is_overdrawn) << text.substr(0, 100);
        EXPECT_FALSE(outcome.keeps) << text.substr(0, 100);
        EXPECT_EQ(outcome.steps, EvaluationLimits().row_steps_max);
    }
}

TEST(EvaluationLimits, WhatSettlesTheConditionBeforeIsEnough) {
    const std::string many = nested_search(10) + many_times(" AND " + nested_search(10), 40);
    EXPECT_TRUE(evaluate("deviceId = 'd' OR (" + many + ")", long_strings()).keeps);
    EXPECT_FALSE(evaluate("deviceId = 'e' AND (" + many + ")", long_strings()).is_overdrawn);
}

TEST(EvaluationLimits, ConcatenationIsBoundedInBytes) {
    const TestRow row = long_strings();
    const std::string text = "LENGTH(CONCAT(tags.s" + many_times(",tags.s", 9000) + ")) > 0";
    ASSERT_LT(text.size(), QueryLimits::statement_bytes_max);
    EXPECT_TRUE(evaluate(text, row).is_overdrawn);
    EXPECT_TRUE(evaluate("CONCAT(tags.s,tags.s) != tags.s", row, {.row_bytes_max = 6000}).is_overdrawn);
    EXPECT_FALSE(evaluate("CONCAT(tags.s,tags.s) != tags.s", row, {.row_bytes_max = 20'000}).is_overdrawn);
}

TEST(EvaluationLimits, EveryOperationCountsWhatItLooksAt) {
    const TestRow strings = long_strings();
    const TestRow members = many_members();
    const TestRow array = long_array(3000);
    const struct {
        const char* text;
        const TestRow& row;
        std::uint64_t steps_min;
    } cases[] = {
        {"tags.s = tags.s", strings, 60},
        {"tags.s IN ['a','b']", strings, 60},
        {"LENGTH(tags.s) = 1", strings, 200},
        {"LOWER(tags.s) = 'b'", strings, 250},
        {"UPPER(tags.s) = 'b'", strings, 250},
        {"SUBSTRING(tags.s,3000,1) = 'b'", strings, 200},
        {"INDEX_OF(tags.s,'b') = 1", strings, 200},
        {"INDEX_OF(tags.s,tags.t) = 1", strings, 600},
        {"STARTSWITH(tags.s,tags.t)", strings, 15},
        {"ENDS_WITH(tags.s,tags.t)", strings, 15},
        {"AS_NUMBER(tags.s) = 1", strings, 400},
        {"properties.reported.last = 1", members, 300},
        {"properties.reported.none = 1", members, 300},
        {"properties.reported.$metadata.last.$lastUpdatedVersion = 1", members, 300},
        {"properties.reported.list[2999] = 1", array, 700},
        {"ARRAY_CONTAINS(properties.reported.list, 2)", array, 3000},
        {"1e308 % 3e-300 = 0", strings, 200},
    };
    for (const auto& [text, row, steps_min] : cases) {
        const Outcome outcome = evaluate(text, row);
        EXPECT_GE(outcome.steps, steps_min) << text;
        EXPECT_FALSE(outcome.is_overdrawn) << text;
    }
    EXPECT_LE(evaluate("properties.reported.first = 1", members).steps, 10U);
}

TEST(EvaluationLimits, AnArrayThatIsReadAgainIsNotParsedAgain) {
    const TestRow row = long_array(3000);
    const auto once = evaluate("properties.reported.list[1] = 0", row).steps;
    const auto often =
        evaluate("properties.reported.list[1] = 0" + many_times(" OR properties.reported.list[1] = 0", 99),
                 row)
            .steps;
    EXPECT_LT(often, 2 * once);
}

TEST(EvaluationLimits, LongHonestConditionsAreWithinThem) {
    std::string json = R"({"tags":{"serial":7},"reported":[{"a":1)";
    for (int i = 0; i < 50; ++i) json += ",\"member" + std::to_string(i) + "\":\"some value\"";
    const TestRow row = make_row("d", "", json + "}]}");
    for (const std::string_view part : {"tags.serial = 1 OR ", "properties.reported.member25 = 'x' OR ",
                                        "STARTSWITH(tags.none, 'x') OR ", "a OR ", "1 > 2 OR "}) {
        const std::string text =
            many_times(part, (QueryLimits::statement_bytes_max - 100) / part.size()) + "deviceId = 'd'";
        const Outcome outcome = evaluate(text, row);
        EXPECT_FALSE(outcome.is_overdrawn) << part << outcome.steps;
        EXPECT_TRUE(outcome.keeps) << part;
    }
}

TEST(EvaluationLimits, OneValueIsAlwaysWithinThem) {
    for (const TestRow& row : {long_strings(), many_members(), long_array(4000)}) {
        for (const char* path :
             {"tags", "tags.s", "properties", "properties.reported.last", "properties.reported.list",
              "properties.reported.list[3999]", "properties.reported.$metadata",
              "properties.reported.$metadata.last", "parentScopes", "x509Thumbprint"}) {
            const auto query = parse_query("SELECT " + std::string(path) + " AS x FROM devices");
            ASSERT_TRUE(query) << path;
            Meter meter;
            std::string out;
            EXPECT_TRUE(query->append_projected(out, row.row(), meter)) << path;
            const auto groups = parse_query("SELECT COUNT() AS n FROM devices GROUP BY " + std::string(path));
            ASSERT_TRUE(groups) << path;
            Aggregation aggregation(*groups);
            EXPECT_TRUE(aggregation.add(row.row(), meter)) << path;
        }
    }
}

TEST(EvaluationLimits, WhatIsSelectedIsBoundedAndTheStatementRefused) {
    const TestRow row = many_members();
    std::string list = "properties.reported AS p";
    for (int i = 0; i < 1000; ++i) list += ", properties.reported AS p" + std::to_string(i);
    const auto query = parse_query("SELECT " + list + " FROM devices");
    ASSERT_TRUE(query);
    Meter meter;
    std::string out;
    const auto refused = query->append_projected(out, row.row(), meter);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_NE(refused.error().detail.find("65536 steps"), std::string::npos) << refused.error().detail;
    EXPECT_LT(out.size(), 2 * EvaluationLimits().row_bytes_max);
}

TEST(EvaluationLimits, GroupsAreBoundedLikewise) {
    const TestRow row = many_members();
    const std::string paths = "properties.reported" + many_times(", properties.reported", 1000);
    const auto query = parse_query("SELECT COUNT() AS n FROM devices GROUP BY " + paths);
    ASSERT_TRUE(query);
    Aggregation aggregation(*query);
    Meter meter;
    EXPECT_EQ(aggregation.add(row.row(), meter).error().code, Errc::argument_invalid);
    EXPECT_EQ(aggregation.group_of(row.row(), meter).error().code, Errc::argument_invalid);
}

/// A twin of as many members as its stored form has room for, in objects of 26, so that its metadata is
/// megabytes.
TestRow most_members() {
    std::string json = R"({"reported":[{"first":1)";
    for (int outer = 0; outer < 1000; ++outer) {
        json += ",\"o" + std::to_string(outer) + "\":{";
        for (char c = 'A'; c <= 'Z'; ++c) json += (c > 'A' ? ",\"" : "\"") + std::string(1, c) + "\":\"\"";
        json += '}';
    }
    return make_row("d", "", json + R"(,"last":1}]})");
}

/// The parts over and over, as long as a statement may be.
std::string filled(std::string_view part, std::string_view between, std::size_t room = 200) {
    std::string text(part);
    while (text.size() + between.size() + part.size() + room < QueryLimits::statement_bytes_max) {
        text.append(between).append(part);
    }
    return text;
}

// The time is printed only: docs/limits.md has what it was.
TEST(EvaluationLimits, NoRowTakesMoreStepsThanOneMayWhateverIsAsked) {
    const TestRow strings = long_strings();
    const TestRow members = many_members();
    const TestRow most = most_members();
    const TestRow array = long_array(4000);
    const struct {
        const TestRow& row;
        const char* part;
    } parts[] = {
        {strings, "INDEX_OF(tags.s,CONCAT(tags.t,'b')) = 1"},
        {strings, "INDEX_OF(LOWER(tags.s),'b') = 1"},
        {strings, "LENGTH(UPPER(tags.s)) = 1"},
        {strings, "SUBSTRING(tags.s,1,3000) = 'b'"},
        {strings, "AS_NUMBER(tags.s) = 1"},
        {strings, "tags.s = tags.t"},
        {strings, "tags.none = 1"},
        {strings, "1 = 2"},
        {strings, "POWER(2,0.5) = 1"},
        {strings, "EXP(1) = 1"},
        {strings, "1e308 % 3e-300 = 1"},
        {strings, "statusUpdateTime = 'x'"},
        {strings, "lastActivityTime < '2020-01-01T00:00:00Z'"},
        {members, "properties.reported.last = 2"},
        {members, "properties.reported.$metadata.last.$lastUpdatedVersion = 1"},
        {most, "properties.reported.last = 2"},
        {most, "properties.reported.$metadata.last.$lastUpdated = 'x'"},
        {most, "properties.reported.o999.Z = 1"},
        {most, "IS_OBJECT(properties.reported.$metadata) = false"},
        {most, "IS_OBJECT(properties) = false"},
        {array, "properties.reported.list[3999] = 2"},
        {array, "ARRAY_CONTAINS(properties.reported.list,2)"},
        {array, "properties.reported.list = 2"},
    };
    const std::uint64_t steps_max = EvaluationLimits().row_steps_max;
    const auto timed = [&](const std::string& name, const TestRow& row, const auto& work) {
        auto quickest = std::chrono::steady_clock::duration::max();
        Meter meter;
        for (int i = 0; i < 3; ++i) {  // Another process may have had the processor.
            meter = {};
            const auto begun = std::chrono::steady_clock::now();
            work(row.row(), meter);
            quickest = std::min(quickest, std::chrono::steady_clock::now() - begun);
            EXPECT_GT(meter.steps, 0U) << name;
            EXPECT_LE(meter.steps, steps_max) << name;
        }
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(quickest).count();
        std::printf("%6ld us, %5ld steps: %s\n", static_cast<long>(us), static_cast<long>(meter.steps),
                    name.c_str());
    };
    for (const auto& [row, part] : parts) {
        const Condition condition = condition_of(filled(part, " OR "));
        timed(part, row, [&](const Row& one, Meter& meter) { (void)condition.keeps(one, meter); });
    }
    for (const char* path : {"properties", "properties.reported", "properties.reported.$metadata", "tags",
                             "properties.reported.last"}) {
        const std::string list = filled(path, ", ");
        const auto groups = parse_query("SELECT COUNT() AS n FROM devices GROUP BY " + list);
        ASSERT_TRUE(groups) << path << groups.error().detail;
        Aggregation aggregation(*groups);
        timed("GROUP BY " + std::string(path), most,
              [&](const Row& one, Meter& meter) { (void)aggregation.add(one, meter); });
        std::string selected = std::string(path) + " AS x";
        for (int n = 0; selected.size() < QueryLimits::statement_bytes_max - 200; ++n) {
            selected += ", " + std::string(path) + " AS x" + std::to_string(n);
        }
        const auto query = parse_query("SELECT " + selected + " FROM devices");
        ASSERT_TRUE(query) << path << query.error().detail;
        std::string out;
        timed("SELECT " + std::string(path), most, [&](const Row& one, Meter& meter) {
            out.clear();
            (void)query->append_projected(out, one, meter);
        });
        EXPECT_LT(out.size(), 17 * steps_max) << path << ": written without being counted";
    }
}

TEST(EvaluationLimits, ColumnsKeepWhatTheEvaluatorKeeps) {
    TestColumns columns(std::vector<TestRow>{long_strings(), make_row("e", "", R"({"tags":{"s":"a"}})")});
    const Condition condition =
        condition_of("NOT INDEX_OF(CONCAT(tags.s" + many_times(",tags.s", 100) + "),CONCAT(tags.s,'b')) > 0");
    EXPECT_EQ(columns.kept(condition, Collection::devices), std::vector<std::size_t>{1});
    EXPECT_EQ(columns.exact_queries(), 0U);
}

}  // namespace
}  // namespace carillon::query
