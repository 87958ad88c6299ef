// Runs tests/query/cases.txt: fleets, statements, and what they must answer. The file's head says
// how it is written.

#include "query/test_columns.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>
#include <fstream>
#include <map>

namespace carillon::query {
namespace {

struct Case {
    int line = 0;
    std::string kind;  ///< where, query, condition
    std::string fleet;
    std::string text;
    std::string expected;
};

struct Cases {
    std::map<std::string, std::vector<TestRow>> fleets;
    std::vector<Case> cases;
};

std::pair<std::string, std::string> cut(const std::string& line) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) return {line, ""};
    return {line.substr(0, space), line.substr(space + 1)};
}

void add_row(std::vector<TestRow>& rows, const std::string& words) {
    const auto [path, json] = cut(words);
    const std::size_t slash = path.find('/');
    const std::string device = path.substr(0, slash);
    const std::string module = slash == std::string::npos ? "" : path.substr(slash + 1);
    rows.push_back(make_row(device, module, json));
    std::sort(rows.begin(), rows.end(), [](const TestRow& a, const TestRow& b) { return a.key < b.key; });
}

Cases read_cases() {
    Cases all;
    std::ifstream file(CARILLON_QUERY_CASES);
    EXPECT_TRUE(file.is_open()) << CARILLON_QUERY_CASES;
    std::string fleet;
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
        if (text.empty() || text.front() == '#') continue;
        const auto [word, rest] = cut(text);
        if (word == "fleet") {
            fleet = rest;
        } else if (word == "row") {
            add_row(all.fleets[fleet], rest);
        } else if (word == "=") {
            all.cases.back().expected = rest;
        } else if (word == "|") {
            all.cases.back().text += "\n" + rest;
        } else {
            all.cases.push_back(Case{number, word, fleet, rest, "(no answer given)"});
        }
    }
    return all;
}

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
    return out;
}

/// Who answers: the evaluator row by row, or columns where they can.
enum class By { rows, columns };

std::string answer(const Query& query, const std::vector<TestRow>& fleet, By by) {
    const auto items = by == By::rows ? run_query(query, fleet) : TestColumns(fleet).run(query);
    if (query.is_whole_rows()) return items.empty() ? "none" : joined(items);
    return canonical_json("[" + joined(items) + "]");
}

/// The answer as the file writes it.
std::string run_case(const Case& c, const std::vector<TestRow>& fleet, By by) {
    if (c.kind == "condition" || c.kind == "target") {
        auto condition = c.kind == "target" ? parse_target_condition(c.text) : parse_job_condition(c.text);
        if (!condition) return "error " + condition.error().detail;
        Query query;
        query.collection = condition->collection;
        query.where = condition->where;
        return answer(query, fleet, by);
    }
    QueryOptions options;
    if (c.kind == "strict") options.functions = FunctionSet::strict;
    if (c.kind == "permissive") options.functions = FunctionSet::permissive;
    const bool is_short = c.kind != "query";
    auto query = parse_query(is_short ? "SELECT * FROM devices WHERE " + c.text : c.text, options);
    if (!query) return "error " + query.error().detail;
    return answer(*query, fleet, by);
}

std::string expected_answer(const Case& c) {
    return c.expected.starts_with("[") ? canonical_json(c.expected) : c.expected;
}

/// `\n` and `\t` in an expected error stand for themselves.
std::string on_one_line(std::string text) {
    for (const auto& [raw, shown] : {std::pair{"\n", "\\n"}, {"\t", "\\t"}}) {
        for (std::size_t at = 0; (at = text.find(raw, at)) != std::string::npos; at += 2) {
            text.replace(at, 1, shown);
        }
    }
    return text;
}

void check_cases(By by) {
    const Cases all = read_cases();
    EXPECT_GE(all.cases.size(), 250U) << "the table has shrunk";
    for (const Case& c : all.cases) {
        const auto fleet = all.fleets.find(c.fleet);
        ASSERT_NE(fleet, all.fleets.end()) << "line " << c.line;
        const std::string found = on_one_line(run_case(c, fleet->second, by));
        const std::string expected = expected_answer(c);
        const bool is_any_error = expected == "error" && found.starts_with("error ");
        EXPECT_TRUE(is_any_error || found == expected)
            << "cases.txt:" << c.line << ": " << c.text << "\n  expected " << expected << "\n  answered "
            << found;
    }
}

TEST(QueryCases, AnswerAsTheTableSays) {
    check_cases(By::rows);
}

TEST(QueryCases, AnswerTheSameFromColumns) {
    check_cases(By::columns);
}

}  // namespace
}  // namespace carillon::query
