#include "query/test_fleet.hpp"

#include <gtest/gtest.h>

namespace carillon::query {
namespace {

Meter meter;  // nothing here is near its limits

TestRow tagged(int i, const std::string& value) {
    return make_row("d" + std::to_string(i), "", "{\"tags\":{\"v\":" + value + "}}");
}

using Rows = std::vector<std::string>;

const std::string grouped = "SELECT tags.v, COUNT() AS n FROM devices GROUP BY tags.v";

TEST(Aggregation, MergingPartsEqualsGatheringAtOnce) {
    const auto query = parse_query(
        "SELECT tags.v, COUNT() AS n, SUM(version) AS s, MIN(version) AS lo, MAX(tags.v) AS hi, AVG(version) "
        "AS a "
        "FROM devices GROUP BY tags.v");
    ASSERT_TRUE(query);
    Aggregation whole(*query);
    std::vector<Aggregation> parts;
    for (int i = 0; i < 3; ++i) parts.emplace_back(*query);
    const char* values[] = {"1", "2", "\"a\"", "true", "1.0", "[1]", "{\"k\":1}"};
    for (int i = 0; i < 70; ++i) {
        const TestRow row = tagged(i, values[i % 7]);
        ASSERT_TRUE(whole.add(row.row(), meter));
        ASSERT_TRUE(parts[static_cast<std::size_t>(i % 3)].add(row.row(), meter));
    }
    ASSERT_TRUE(parts[0].merge(std::move(parts[1])));
    ASSERT_TRUE(parts[0].merge(std::move(parts[2])));
    EXPECT_EQ(parts[0].rows(), whole.rows());
    EXPECT_EQ(whole.rows().size(), 6U) << "1 and 1.0 are one group";
}

TEST(Aggregation, MergingIntoAnEmptyOneOfNoGroupsAddsUp) {
    const auto query = parse_query("SELECT COUNT() AS n, MIN(tags.v) AS lo FROM devices");
    Aggregation all(*query);
    Aggregation some(*query);
    Aggregation none(*query);
    const TestRow row = tagged(1, "5");
    ASSERT_TRUE(some.add(row.row(), meter));
    ASSERT_TRUE(all.merge(std::move(none)));
    ASSERT_TRUE(all.merge(std::move(some)));
    EXPECT_EQ(all.rows(), Rows{R"({"n":1,"lo":5})"});
}

TEST(Aggregation, OneValueThatIsNoNumberSpoilsAllButTheCount) {
    const auto query =
        parse_query("SELECT COUNT(tags.v) AS n, SUM(tags.v) AS s, MAX(tags.v) AS m FROM devices");
    Aggregation all(*query);
    Aggregation other(*query);
    const TestRow one = tagged(1, "1");
    const TestRow text = tagged(2, "\"x\"");
    const TestRow three = tagged(3, "3");
    ASSERT_TRUE(all.add(one.row(), meter));
    ASSERT_TRUE(other.add(text.row(), meter));
    ASSERT_TRUE(other.add(three.row(), meter));
    ASSERT_TRUE(all.merge(std::move(other)));
    EXPECT_EQ(all.rows(), Rows{R"({"n":3})"});
}

TEST(Aggregation, LargeCountsAndSumsAreWrittenAsIntegers) {
    const auto query = parse_query("SELECT SUM(tags.v) AS s, AVG(tags.v) AS a FROM devices");
    Aggregation all(*query);
    const TestRow row = tagged(1, "4000000000000");
    const TestRow half = tagged(2, "1");
    ASSERT_TRUE(all.add(row.row(), meter));
    EXPECT_EQ(all.rows(), Rows{R"({"s":4000000000000,"a":4000000000000})"});
    ASSERT_TRUE(all.add(half.row(), meter));
    EXPECT_EQ(all.rows(), Rows{R"({"s":4000000000001,"a":2000000000000.5})"});
}

TEST(Aggregation, GroupsSortByTypeAndValue) {
    const auto query = parse_query(grouped);
    Aggregation all(*query);
    const char* values[] = {"10", "9", "-1", "\"b\"", "\"ab\"", "\"a\"", "false", "true", "0.5"};
    int i = 0;
    for (const char* value : values) {
        const TestRow row = tagged(++i, value);
        ASSERT_TRUE(all.add(row.row(), meter));
    }
    const Rows sorted{R"({"v":false,"n":1})", R"({"v":true,"n":1})", R"({"v":-1,"n":1})",
                      R"({"v":0.5,"n":1})",   R"({"v":9,"n":1})",    R"({"v":10,"n":1})",
                      R"({"v":"a","n":1})",   R"({"v":"ab","n":1})", R"({"v":"b","n":1})"};
    EXPECT_EQ(all.rows(), sorted);
}

TEST(Aggregation, APageGoesOnBehindTheLastGroupEvenIfThatIsGone) {
    const auto query = parse_query(grouped);
    Aggregation first(*query);
    Aggregation second(*query);
    for (int i = 0; i < 9; i += 2) {
        const TestRow row = tagged(i, std::to_string(i));
        ASSERT_TRUE(first.add(row.row(), meter));
    }
    const auto page = first.page("", 2, 1000);
    EXPECT_EQ(page.rows, (Rows{R"({"v":0,"n":1})", R"({"v":2,"n":1})"}));
    for (const int i : {0, 1, 3, 4}) {  // 2 went, 1 and 3 came
        const TestRow row = tagged(i, std::to_string(i));
        ASSERT_TRUE(second.add(row.row(), meter));
    }
    const auto rest = second.page(page.position, 10, 1000);
    EXPECT_EQ(rest.rows, (Rows{R"({"v":3,"n":1})", R"({"v":4,"n":1})"}));
    EXPECT_TRUE(rest.position.empty());
}

TEST(Aggregation, APageEndsBehindTheGroupThatFillsIt) {
    const auto query = parse_query(grouped);
    Aggregation all(*query);
    for (int i = 0; i < 5; ++i) {
        const TestRow row = tagged(i, std::to_string(i));
        ASSERT_TRUE(all.add(row.row(), meter));
    }
    const std::string row = R"({"v":0,"n":1})";
    const auto page = all.page("", 10, row.size() + 1);
    EXPECT_EQ(page.rows, (Rows{row, R"({"v":1,"n":1})"}));
    EXPECT_EQ(all.page(page.position, 10, 1000).rows.size(), 3U);
}

TEST(Aggregation, TooManyGroupsAreRefused) {
    const auto query = parse_query("SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId");
    Aggregation all(*query);
    const TestRow row = tagged(1, "1");
    for (std::size_t i = 0; i < Aggregation::groups_max; ++i) {
        const IdentityKey key = *IdentityKey::parse("d" + std::to_string(i));
        ASSERT_TRUE(all.add(Row(row.document, key, row.live), meter));
    }
    const IdentityKey one_more = *IdentityKey::parse("more");
    EXPECT_EQ(all.add(Row(row.document, one_more, row.live), meter).error().code, Errc::argument_invalid);
    const IdentityKey known = *IdentityKey::parse("d7");
    EXPECT_TRUE(all.add(Row(row.document, known, row.live), meter));
}

}  // namespace
}  // namespace carillon::query
