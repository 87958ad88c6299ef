#include "row_printer.hpp"

#include <gtest/gtest.h>
#include <sstream>

namespace carillon {
namespace {

std::string printed(Format format, const std::vector<std::vector<std::string>>& pages, std::size_t width = 0,
                    std::vector<Column> columns = {}) {
    std::ostringstream out;
    RowPrinter printer(out, format, std::move(columns), [width] { return width; });
    for (const auto& page : pages) printer.print(page);
    printer.finish();
    return out.str();
}

TEST(RowPrinter, ATableIsAlignedAndHasItsHeadingOnce) {
    EXPECT_EQ(printed(Format::table, {{R"({"a":"long text","b":1})"}, {R"({"a":"x","b":22})"}}),
              "a          b\n"
              "long text  1\n"
              "x          22\n");
}

TEST(RowPrinter, ATableCountsCharactersNotBytes) {
    EXPECT_EQ(printed(Format::table, {{R"({"a":"é","b":1})", R"({"a":"ee","b":2})"}}),
              "a   b\n"
              "é   1\n"
              "ee  2\n");
}

TEST(RowPrinter, ATableFitsTheTerminal) {
    EXPECT_EQ(printed(Format::table, {{R"({"a":"a long text","b":12345678})"}}, 20),
              "a\n"
              "a long text\n");
    EXPECT_EQ(printed(Format::table, {{R"({"a":"a very long text","b":12345678})"}}, 22),
              "a             b\n"
              "a very long…  12345678\n")
        << "text gives way, numbers do not";
}

TEST(RowPrinter, ATableIsLaidOutAgainForAnotherWidth) {
    std::size_t width = 40;
    std::ostringstream out;
    RowPrinter printer(out, Format::table, {}, [&] { return width; });
    const std::string row = R"({"deviceId":"d1","what":"a text of thirty characters here"})";
    printer.print({row});
    width = 20;
    printer.print({row});
    printer.finish();
    EXPECT_EQ(out.str(),
              "deviceId  what\n"
              "d1        a text of thirty characters h…\n"
              "d1  a text of thirt…\n");
}

TEST(RowPrinter, ATableOnATerminalTellsTimesToTheSecond) {
    const std::string row = R"({"at":"2026-01-02T03:04:05.1234567Z"})";
    EXPECT_EQ(printed(Format::table, {{row}}, 40), "at\n2026-01-02T03:04:05Z\n");
    EXPECT_EQ(printed(Format::table, {{row}}), "at\n2026-01-02T03:04:05.1234567Z\n");
}

TEST(RowPrinter, NamesTheColumnsThatItLeavesOut) {
    std::ostringstream out;
    RowPrinter printer(out, Format::table, {}, [] { return std::size_t{12}; });
    printer.print({R"({"deviceId":"d1234567","version":12,"tags":{"a":1}})"});
    EXPECT_EQ(printer.left_out(), "version, tags");
}

TEST(RowPrinter, ATableKeepsControlCharactersFromTheTerminal) {
    EXPECT_EQ(printed(Format::table, {{"{\"a\":\"x\\u001b[2J\"}"}}), "a\nx [2J\n");
}

TEST(RowPrinter, NdjsonIsALineARow) {
    EXPECT_EQ(printed(Format::ndjson, {{"{\"a\":\n1}"}, {R"({"a":2})"}}), "{\"a\":1}\n{\"a\":2}\n");
}

TEST(RowPrinter, JsonOfSeveralPagesIsOneArray) {
    EXPECT_EQ(printed(Format::json, {{"1"}, {"2"}}), "[\n1,\n2\n]\n");
    EXPECT_EQ(printed(Format::json, {}), "[]\n");
}

TEST(RowPrinter, CsvQuotesWhatNeedsIt) {
    EXPECT_EQ(printed(Format::csv, {{R"({"a":"x,\"y\"","b":{"c":1},"d":null})"}}),
              "a,b,d\n"
              "\"x,\"\"y\"\"\",\"{\"\"c\"\":1}\",\n");
}

TEST(RowPrinter, TsvHasNoHeaderAndOneLineARow) {
    EXPECT_EQ(printed(Format::tsv, {{R"({"a":"x\ty","b":{"c":1},"d":null,"e":"l\nm\\"})"}, {R"({"a":2})"}}),
              "x\\ty\t{\"c\":1}\t\tl\\nm\\\\\n2\t\t\t\n");
}

TEST(RowPrinter, YamlOfSeveralPagesIsOneList) {
    EXPECT_EQ(printed(Format::yaml, {{R"({"a":1,"b":["x"]})"}, {R"({"a":2})"}}),
              "- a: 1\n  b:\n    - x\n- a: 2\n");
    EXPECT_EQ(printed(Format::yaml, {}), "[]\n");
}

TEST(RowPrinter, TakesTheColumnsItIsGiven) {
    EXPECT_EQ(printed(Format::csv, {{R"({"x":{"y":5},"z":1})"}}, 0, {{"why", "x.y"}}), "why\n5\n");
}

TEST(ColumnsFor, ATwinsAreTheOnesPeopleLookFor) {
    auto row = JsonDocument::parse(R"({"deviceId":"d","etag":"x","properties":{},"version":2})");
    ASSERT_TRUE(row);
    const auto columns = columns_for(row->root());
    EXPECT_EQ(columns.front().title, "deviceId");
    EXPECT_EQ(columns.back().title, "tags");
}

TEST(PrintDocument, IsIndentedByDefaultAndOneLineAsNdjson) {
    std::ostringstream out;
    print_document(out, Format::automatic, R"({"a":1})", TableWidth());
    print_document(out, Format::ndjson, R"({"a":1})", TableWidth());
    print_document(out, Format::yaml, R"({"a":{"b":1}})", TableWidth());
    EXPECT_EQ(out.str(), "{\n  \"a\": 1\n}\n{\"a\":1}\na:\n  b: 1\n");
}

}  // namespace
}  // namespace carillon
