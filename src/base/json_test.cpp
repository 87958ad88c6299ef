#include "base/json.hpp"

#include "base/json_check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace carillon {
namespace {

/// Parses text that must be valid; the text must outlive the document, so literals only.
JsonDocument parsed(std::string_view text) {
    auto document = JsonDocument::parse(text);
    EXPECT_TRUE(document.has_value()) << text << ": " << (document ? "" : document.error().detail);
    if (!document) std::abort();
    return *std::move(document);
}

bool is_valid(std::string_view text, const JsonLimits& limits = {}) {
    const auto document = JsonDocument::parse(text, limits);
    if (!document) {
        EXPECT_EQ(document.error().code, Errc::iot_hub_format_error);
    }
    // The shorter question has the same answer, whatever was asked before.
    if (limits.depth_max == JsonLimits().depth_max && limits.nodes_max == JsonLimits().nodes_max) {
        EXPECT_EQ(is_json(text), document.has_value()) << text;
    }
    return document.has_value();
}

constexpr std::string_view sample =
    R"({"a":[1,-2.50,"x\u00e9\n",true,false,null,{}],"b":{"c":{"d":"\ud83d\ude00"}},"":1e5, "e" : [ ] })";

TEST(JsonParse, WalksMembersAndElementsInOrder) {
    const JsonDocument document = parsed(sample);
    const JsonValue root = document.root();
    ASSERT_TRUE(root.is_object());
    EXPECT_EQ(root.size(), 4U);
    std::string keys;
    for (JsonValue v = root.first(); v.exists(); v = v.next()) keys += std::string(v.key()) + ";";
    EXPECT_EQ(keys, "a;b;;e;");
    const JsonValue a = root.find("a");
    EXPECT_EQ(a.size(), 7U);
    std::string raws;
    for (JsonValue v = a.first(); v.exists(); v = v.next()) raws += std::string(v.raw()) + ";";
    EXPECT_EQ(raws, R"(1;-2.50;"x\u00e9\n";true;false;null;{};)");
    EXPECT_EQ(a.first().next().next().string(), "x\xC3\xA9\n");
    EXPECT_EQ(root.find("b").find("c").find("d").string(), "\xF0\x9F\x98\x80");
    EXPECT_EQ(root.find("b").raw(), R"({"c":{"d":"\ud83d\ude00"}})");
    EXPECT_EQ(root.raw(), sample);
}

TEST(JsonParse, AnAbsentValueAnswersWithEmptyValues) {
    const JsonValue absent;
    EXPECT_FALSE(absent.exists());
    EXPECT_TRUE(absent.is_null_or_absent());
    EXPECT_FALSE(absent.find("x").exists());
    EXPECT_FALSE(absent.first().exists());
    EXPECT_FALSE(absent.next().exists());
    EXPECT_EQ(absent.raw(), "");
    EXPECT_EQ(absent.string(), "");
    EXPECT_EQ(absent.key(), "");
    EXPECT_EQ(absent.size(), 0U);
    EXPECT_FALSE(absent.integer().has_value());
    EXPECT_FALSE(absent.boolean());
    const JsonDocument number = parsed("7");
    EXPECT_FALSE(number.root().find("x").exists());
    EXPECT_EQ(number.root().string(), "");
    EXPECT_FALSE(number.root().next().exists());
}

TEST(JsonParse, ValuesSurviveAMoveOfTheirDocument) {
    JsonDocument first = parsed(R"({"k":"v\t"})");
    const JsonValue k = first.root().find("k");
    const JsonDocument second = std::move(first);
    EXPECT_EQ(k.string(), "v\t");
}

TEST(JsonParse, TheLastOfDuplicateKeysWinsAndTheEarlierAreGone) {
    const JsonDocument document = parsed(R"({"a":1,"b":2,"a":3,"\u0061":4,"b":5,"c":6})");
    const JsonValue root = document.root();
    EXPECT_EQ(root.size(), 3U);
    EXPECT_EQ(root.find("a").raw(), "4");
    EXPECT_EQ(root.find("b").raw(), "5");
    std::string order;
    for (JsonValue v = root.first(); v.exists(); v = v.next()) order += v.key();
    EXPECT_EQ(order, "abc");
}

TEST(JsonParse, DuplicatesAreFoundAmongManyKeysToo) {
    std::string text = "{";
    for (int i = 0; i < 1000; ++i) text += "\"k" + std::to_string(i % 300) + "\":" + std::to_string(i) + ",";
    text += "\"k0\":-1}";
    const auto document = JsonDocument::parse(text);
    ASSERT_TRUE(document.has_value());
    const JsonValue root = document->root();
    EXPECT_EQ(root.size(), 300U);
    std::size_t walked = 0;
    for (JsonValue v = root.first(); v.exists(); v = v.next()) ++walked;
    EXPECT_EQ(walked, 300U);
    EXPECT_EQ(root.find("k0").raw(), "-1");
    EXPECT_EQ(root.find("k1").raw(), "901");
    EXPECT_EQ(root.find("k299").raw(), "899");
}

TEST(JsonParse, AcceptsWhatTheGrammarAllows) {
    for (const char* text :
         {"0", "-0", "1E+2", "1e-2", "0.1", "\"\"", " [ ] ", "{}", "\t\r\n true ", "\"\\/\"", "\"\x7F\"",
          "\"\\u0000\"", "[[],{}]", "123456789012345678901234567890"}) {
        EXPECT_TRUE(is_valid(text)) << text;
    }
}

TEST(JsonParse, RefusesWhatTheGrammarDoesNotAllow) {
    using namespace std::string_view_literals;
    for (std::string_view text : {""sv,
                                  " "sv,
                                  "01"sv,
                                  "-"sv,
                                  "+1"sv,
                                  "1."sv,
                                  ".5"sv,
                                  "1e"sv,
                                  "1e+"sv,
                                  "-a"sv,
                                  "0x10"sv,
                                  "NaN"sv,
                                  "Infinity"sv,
                                  "tru"sv,
                                  "True"sv,
                                  "nul"sv,
                                  "[1,]"sv,
                                  "[,1]"sv,
                                  "[1 2]"sv,
                                  "{\"a\":1,}"sv,
                                  "{a:1}"sv,
                                  "{\"a\"}"sv,
                                  "{\"a\":}"sv,
                                  "{\"a\" 1}"sv,
                                  "{1:2}"sv,
                                  "[1"sv,
                                  "{"sv,
                                  "]"sv,
                                  "\""sv,
                                  "\"\\\""sv,
                                  "\"\\x\""sv,
                                  "\"\\u12\""sv,
                                  "\"\\u12G4\""sv,
                                  "\"a\nb\""sv,
                                  "\"a\0b\""sv,
                                  "'a'"sv,
                                  "1 2"sv,
                                  "[]]"sv,
                                  "// c\n1"sv,
                                  "\xEF\xBB\xBF"
                                  "1"sv,
                                  "[1]\0"sv,
                                  "\"\\ud800\""sv,
                                  "\"\\udc00\""sv,
                                  "\"\\ud800x\""sv,
                                  "\"\\ud800\\u0041\""sv,
                                  "\"\\ud800\\ud800\""sv}) {
        EXPECT_FALSE(is_valid(text)) << text;
    }
}

TEST(JsonParse, RefusesTextThatIsNotUtf8) {
    for (const char* bytes :
         {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF",
          "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF"}) {
        EXPECT_FALSE(is_valid("\"" + std::string(bytes) + "\"")) << bytes;
        EXPECT_FALSE(is_valid("{\"" + std::string(bytes) + "\":1}")) << bytes;
    }
    EXPECT_TRUE(is_valid("\"\xC2\x80\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\""));
}

TEST(JsonParse, ATextCutAtAnyByteIsRefused) {
    for (std::size_t size = 0; size < sample.size(); ++size) {
        EXPECT_FALSE(is_valid(sample.substr(0, size))) << size;
    }
}

TEST(JsonParse, AFaultIsReportedWithItsOffset) {
    const auto document = JsonDocument::parse(R"({"a":1,"b":tru})");
    ASSERT_FALSE(document.has_value());
    EXPECT_NE(document.error().detail.find("byte 11"), std::string::npos) << document.error().detail;
}

TEST(JsonParse, DepthIsAllowedUpToTheLimitAndNotBeyond) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(is_valid(nested(64)));
    EXPECT_FALSE(is_valid(nested(65)));
    EXPECT_FALSE(is_valid(std::string(1'000'000, '[')));
    EXPECT_TRUE(is_valid("[1]", {.depth_max = 1}));
    EXPECT_FALSE(is_valid("[{}]", {.depth_max = 1}));
}

TEST(JsonParse, ValuesAreCountedUpToTheLimitAndNotBeyond) {
    EXPECT_TRUE(is_valid("[1,2]", {.nodes_max = 3}));
    EXPECT_FALSE(is_valid("[1,2,3]", {.nodes_max = 3}));
}

TEST(JsonParse, ALargeTextLeavesNothingBehindForTheNextCheck) {
    std::string large = "[";
    for (int i = 0; i < 5000; ++i) large += R"("\u0041",)";
    EXPECT_FALSE(is_json(large));
    EXPECT_TRUE(is_json(large + "1]"));
    EXPECT_TRUE(is_json("{}"));
    EXPECT_FALSE(is_json("]"));
}

TEST(JsonNumber, IntegersAreRecognisedHoweverTheyAreWritten) {
    const auto integer = [](std::string_view text) { return parsed(text).root().integer(); };
    EXPECT_EQ(integer("5"), 5);
    EXPECT_EQ(integer("5.0"), 5);
    EXPECT_EQ(integer("5e0"), 5);
    EXPECT_EQ(integer("50e-1"), 5);
    EXPECT_EQ(integer("0.05E+2"), 5);
    EXPECT_EQ(integer("-5.000"), -5);
    EXPECT_EQ(integer("0e999999999999999999999"), 0);
    EXPECT_EQ(integer("-0.0"), 0);
    EXPECT_EQ(integer("1.20e2"), 120);
    EXPECT_EQ(integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(integer("9.223372036854775807e18"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(integer("-9223372036854775808.0"), std::numeric_limits<std::int64_t>::min());
    for (const char* text :
         {"5.5", "1e-1", "9223372036854775808", "9223372036854775808.0", "-9223372036854775809.0", "1e19",
          "1e999999999999", "1e-999999999999", "0.5e0", "123456789012345678901e-1"}) {
        EXPECT_FALSE(integer(text).has_value()) << text;
    }
}

TEST(JsonNumber, BeyondTheRangeOfDoubleIsInfinityAndBelowItZero) {
    const auto number = [](std::string_view text) { return parsed(text).root().number(); };
    EXPECT_EQ(number("1.5"), 1.5);
    EXPECT_EQ(number("1e400"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(number("-1e400"), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(number("1e-400"), 0.0);
    EXPECT_EQ(number("0.00000000001e-400"), 0.0);
    EXPECT_EQ(number(std::string(400, '9')), std::numeric_limits<double>::infinity());
}

TEST(JsonWriter, PlacesCommasWhereTheyAreDue) {
    std::string out;
    JsonWriter w(out);
    w.begin_object().member("a", 1).key("b").begin_array().value(true).null().value("x").end_array();
    w.member_raw("c", "{}").key("d").begin_object().end_object().member("e", std::string("f")).end_object();
    EXPECT_EQ(out, R"({"a":1,"b":[true,null,"x"],"c":{},"d":{},"e":"f"})");
}

TEST(JsonWriter, DoublesReadBackTheSame) {
    for (double number : {0.1, 1e300, -5e-324, 1.0 / 3, 12345678.9, 5.0, 1e21}) {
        std::string out;
        JsonWriter(out).value(number);
        EXPECT_EQ(parsed(out).root().number(), number) << out;
    }
    std::string out;
    JsonWriter(out).value(std::nan(""));
    EXPECT_EQ(out, "null");
    out.clear();
    JsonWriter(out).value(0.1);
    EXPECT_EQ(out, "0.1");
}

TEST(JsonWriter, StringsAreEscapedAsFarAsTheyMust) {
    std::string out;
    append_json_string(out, "a\"\\\n\x01/\xC3\xA9\xF0\x9F\x98\x80");
    EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001/\xC3\xA9\xF0\x9F\x98\x80\"");
    out.clear();
    append_json_string(out, "a\xC3\xA9\xF0\x9F\x98\x80z", true);
    EXPECT_EQ(out, "\"a\\u00e9\\ud83d\\ude00z\"");
}

TEST(JsonWriter, WhatMustBeEscapedIsFoundInEachPlaceOfAText) {
    for (const bool ascii : {false, true}) {
        for (std::size_t length = 1; length <= 25; ++length) {
            for (std::size_t at = 0; at < length; ++at) {
                for (const std::string_view special :
                     {"\"", "\\", "\x01", "\x1F", "\x7F", " ", "!", "\xC3\xA9"}) {
                    std::string text(length, 'a');
                    text.replace(at, 1, special);
                    std::string out;
                    append_json_string(out, text, ascii);
                    EXPECT_EQ(parsed(out).root().string(), text) << out;
                    const bool is_as_it_is = special == " " || special == "!" || special == "\x7F" ||
                                             (special.size() == 2 && !ascii);
                    EXPECT_EQ(out.size() == text.size() + 2, is_as_it_is) << out;
                }
            }
        }
    }
}

TEST(JsonWriter, EveryCodePointReadsBackTheSame) {
    for (const bool ascii : {false, true}) {
        std::string text;
        for (char c = 0; c < 0x7F; ++c) text += c;
        text += "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
        std::string out;
        append_json_string(out, text, ascii);
        EXPECT_EQ(parsed(out).root().string(), text);
    }
}

}  // namespace
}  // namespace carillon
