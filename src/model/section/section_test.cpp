#include "model/section/section.hpp"

#include "base/random.hpp"
#include "model/section/naive_section.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

WallTime at_second(int second) {
    return WallTime::from_unix_s(1'790'000'000 + second);
}

Result<SectionPatch> try_section_patch(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json;
    return SectionPatch::parse(document->root());
}
SectionPatch section_patch(std::string_view json) {
    auto parsed = try_section_patch(json);
    EXPECT_TRUE(parsed.has_value()) << json << ": " << (parsed ? "" : parsed.error().detail);
    return parsed ? *std::move(parsed) : SectionPatch::empty();
}
bool is_accepted(std::string_view json) {
    const auto parsed = try_section_patch(json);
    if (!parsed) {
        EXPECT_EQ(parsed.error().code, Errc::argument_invalid);
        EXPECT_EQ(parsed.error().detail.find(';'), std::string::npos);
    }
    return parsed.has_value();
}

std::string section_text(const Section& section, SectionForm form = SectionForm::plain) {
    std::string out;
    section.append_json(out, form);
    return out;
}

Section section(std::string_view json) {
    return Section::fresh(at_second(0))
        .merged(section_patch(json), SectionKind::desired, at_second(1), Notification::omit)
        ->section;
}

std::string after_merge(std::string_view before, std::string_view change) {
    return section_text(
        section(before)
            .merged(section_patch(change), SectionKind::desired, at_second(2), Notification::omit)
            ->section);
}
std::string told_of_merge(std::string_view before, std::string_view change) {
    return section(before)
        .merged(section_patch(change), SectionKind::desired, at_second(2), Notification::write)
        ->notification;
}
std::string told_of_replacement(std::string_view before, std::string_view content) {
    return section(before)
        .replaced(section_patch(content), SectionKind::desired, at_second(2), Notification::write)
        ->notification;
}

std::string quoted(std::size_t size, char c = 'x') {
    return '"' + std::string(size, c) + '"';
}

TEST(Section, AFreshOneHasVersion1AndNoLastUpdatedVersion) {
    EXPECT_EQ(section_text(Section::fresh(at_second(0)), SectionForm::full),
              R"({"$metadata":{"$lastUpdated":"2026-09-21T14:13:20Z"},"$version":1})");
    EXPECT_EQ(section_text(Section::fresh(at_second(0)), SectionForm::device), R"({"$version":1})");
    EXPECT_EQ(section_text(Section::fresh(at_second(0))), "{}");
    EXPECT_TRUE(Section::fresh(at_second(0)).is_empty());
}

TEST(Section, OneThatNeverWasMadeActsAsFreshSinceNever) {
    const Section never;
    EXPECT_EQ(section_text(never, SectionForm::full),
              R"({"$metadata":{"$lastUpdated":"0001-01-01T00:00:00Z"},"$version":1})");
    EXPECT_TRUE(never.is_empty());
    EXPECT_EQ(never.counted_bytes(), 0U);
    EXPECT_EQ(Section::decode(never.encoded())->version(), 1);
    EXPECT_EQ(
        section_text(
            never.merged(section_patch(R"({"a":1})"), SectionKind::tags, at_second(1), Notification::omit)
                ->section),
        R"({"a":1})");
}

TEST(MergeSection, FollowsTheTable) {
    struct Row {
        const char* before;
        const char* patch;
        const char* after;
    };
    for (const Row& row : {
             Row{R"({"a":1,"b":2})", R"({"a":-1})", R"({"a":-1,"b":2})"},
             Row{R"({"a":1,"b":2})", R"({"b":null})", R"({"a":1})"},
             Row{R"({"a":1})", R"({"b":{"c":2},"d":[1,"x"]})", R"({"a":1,"b":{"c":2},"d":[1,"x"]})"},
             Row{R"({"a":{"x":1}})", R"({"a":{"x":null}})", R"({"a":{}})"},  // the last member leaves {}
             Row{R"({"a":{"x":1}})", R"({"a":{}})", R"({"a":{"x":1}})"},     // {} keeps
             Row{R"({"b":1})", R"({"a":{}})", R"({"b":1,"a":{}})"},          // {} creates
             Row{R"({"a":1})", R"({"a":{"b":2}})", R"({"a":{"b":2}})"},      // scalar to object
             Row{R"({"a":{"b":2}})", R"({"a":"s"})", R"({"a":"s"})"},        // object to scalar
             Row{R"({"a":[1,2]})", R"({"a":[3]})", R"({"a":[3]})"},          // arrays are replaced whole
             Row{R"({"a":[1,2]})", R"({"a":{"0":9}})", R"({"a":{"0":9}})"},
             Row{R"({"b":1})", R"({"a":{"x":null}})", R"({"b":1})"},  // nothing but nulls creates nothing
             Row{R"({"b":1})", R"({"a":{"x":null,"y":{"z":null}}})", R"({"b":1})"},
             Row{R"({"b":1})", R"({"a":{"x":null,"y":1}})", R"({"b":1,"a":{"y":1}})"},
             Row{R"({"a":5})", R"({"a":{"x":null}})", R"({"a":{}})"},
             Row{R"({"a":{"s":1,"t":2}})", R"({"a":{"zzz":null}})", R"({"a":{"s":1,"t":2}})"},
             Row{R"({"n":1})", R"({"n":1.0})", R"({"n":1.0})"},  // the lexeme is kept
             Row{R"({"n":1})", R"({"n":1E+2})", R"({"n":1E+2})"},
             Row{R"({"a":1})", R"({"":0,"é":"ü","q\"\\":"\n"})", R"({"a":1,"":0,"é":"ü","q\"\\":"\n"})"},
             Row{R"({"a":1})", R"({"a":2,"a":3})", R"({"a":3})"},  // duplicate keys: the last wins
             Row{R"({"a":1})", R"({"$version":9,"$metadata":{"a":{}},"b":2})", R"({"a":1,"b":2})"},
             Row{R"({"a": [ 1 , { "b" : [ ] } ]})", R"({"c":true})", R"({"a":[1,{"b":[]}],"c":true})"},
         }) {
        EXPECT_EQ(after_merge(row.before, row.patch), row.after) << row.before << " + " << row.patch;
    }
}

// Source: azure-iot-sdk-node#64, azure-iot-sdk-csharp#954.
TEST(Notification, FollowsTheTable) {
    const char* const before = R"({"a":1,"b":2})";
    EXPECT_EQ(told_of_merge(before, R"({"a":-1})"), R"({"a":-1})");
    EXPECT_EQ(told_of_merge(before, R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(told_of_merge(before, R"({"b":null})"), R"({"b":null})");
    EXPECT_EQ(told_of_merge(before, R"({"zzz":null})"), "");
    EXPECT_EQ(told_of_merge(before, R"({})"), "");
    EXPECT_EQ(told_of_merge(before, R"({"b":null,"zzz":null})"), R"({"b":null})");
    EXPECT_EQ(told_of_merge(before, R"({"c":{"x":null,"y":1}})"), R"({"c":{"y":1}})");
    EXPECT_EQ(told_of_merge(before, R"({"a":{"x":null}})"), R"({"a":{}})");
    EXPECT_EQ(told_of_merge(R"({"o":{"p":1}})", R"({"o":{"q":null},"r":1})"), R"({"r":1})");
    EXPECT_EQ(told_of_merge(R"({"o":{"p":1}})", R"({"o":{"q":null,"p":null}})"), R"({"o":{"p":null}})");
    EXPECT_EQ(told_of_merge(before, "{\"\xC3\xA9\":[\"\xF0\x9F\x98\x80\"]}"),
              R"({"\u00e9":["\ud83d\ude00"]})");

    EXPECT_EQ(told_of_replacement(before, R"({"a":1,"c":100})"), R"({"a":1,"b":null,"c":100})");
    EXPECT_EQ(told_of_replacement(R"({"cfg":{"f":5}})", R"({"x":1})"), R"({"cfg":null,"x":1})");
    EXPECT_EQ(told_of_replacement(R"({"o":{"p":1,"q":2}})", R"({"o":{"q":3}})"), R"({"o":{"p":null,"q":3}})");
    EXPECT_EQ(told_of_replacement(R"({"o":{"p":1}})", R"({"o":7})"), R"({"o":7})");
    EXPECT_EQ(told_of_replacement(before, R"({"b":null})"), R"({"a":null,"b":null})");
    EXPECT_EQ(told_of_replacement(before, "{}"), R"({"a":null,"b":null})");
}

TEST(Notification, IsNotWrittenUnlessAskedFor) {
    const auto change =
        section(R"({"a":1})")
            .merged(section_patch(R"({"a":2})"), SectionKind::desired, at_second(2), Notification::omit);
    EXPECT_TRUE(change->touched);
    EXPECT_EQ(change->notification, "");
}

TEST(MergeSection, NothingButNullsForMissingKeysRaisesNoVersion) {
    const Section before = section(R"({"a":{"b":1}})");
    for (const char* change :
         {"{}", R"({"x":null})", R"({"a":{"x":null}})", R"({"n":{"x":null,"y":{"z":null}}})"}) {
        const auto merged =
            before.merged(section_patch(change), SectionKind::desired, at_second(2), Notification::write);
        EXPECT_FALSE(merged->touched) << change;
        EXPECT_EQ(section_text(merged->section, SectionForm::full), section_text(before, SectionForm::full))
            << change;
    }
    const Section empty = Section::fresh(at_second(0));
    EXPECT_FALSE(empty.replaced(section_patch("{}"), SectionKind::desired, at_second(1), Notification::write)
                     ->touched);
    EXPECT_FALSE(
        empty
            .replaced(section_patch(R"({"a":null})"), SectionKind::desired, at_second(1), Notification::write)
            ->touched);
}

TEST(ReplaceSection, NullsMeanAbsentAndAllIsStamped) {
    const auto change = section(R"({"a":1,"b":2})")
                            .replaced(section_patch(R"({"a":1,"c":{"d":null},"e":null})"),
                                      SectionKind::desired, at_second(9), Notification::omit);
    EXPECT_EQ(section_text(change->section, SectionForm::full),
              R"({"a":1,"c":{},"$metadata":{"$lastUpdated":"2026-09-21T14:13:29Z","$lastUpdatedVersion":3,)"
              R"("a":{"$lastUpdated":"2026-09-21T14:13:29Z","$lastUpdatedVersion":3},)"
              R"("c":{"$lastUpdated":"2026-09-21T14:13:29Z","$lastUpdatedVersion":3}},"$version":3})");
}

TEST(Section, ReportedPropertiesHaveNoLastUpdatedVersion) {
    const auto change =
        Section::fresh(at_second(0))
            .merged(section_patch(R"({"a":1})"), SectionKind::reported, at_second(1), Notification::omit);
    EXPECT_EQ(section_text(change->section, SectionForm::full),
              R"({"a":1,"$metadata":{"$lastUpdated":"2026-09-21T14:13:21Z",)"
              R"("a":{"$lastUpdated":"2026-09-21T14:13:21Z"}},"$version":2})");
}

TEST(Section, ADeviceIsToldAsciiOnly) {
    const Section before = section("{\"k\xC3\xA9\":\"v\xC3\xA9\",\"a\":[\"\xE2\x82\xAC\",{\"\xC3\xA9\":1}]}");
    EXPECT_EQ(section_text(before, SectionForm::device),
              R"({"k\u00e9":"v\u00e9","a":["\u20ac",{"\u00e9":1}],"$version":2})");
    EXPECT_EQ(section_text(before),
              "{\"k\xC3\xA9\":\"v\xC3\xA9\",\"a\":[\"\xE2\x82\xAC\",{\"\xC3\xA9\":1}]}");
}

TEST(SectionRules, KeysHaveNoControlsDotsDollarsHashesOrSpaces) {
    for (const char* key :
         {"", "a", "A-Z_0*/\\\\@", "\\\"", "\xC3\xA9", "\xE2\x80\xA8", "\xC2\xA0", "'", "{"})
        EXPECT_TRUE(is_accepted("{\"" + std::string(key) + "\":1}")) << key;
    for (const char* key : {"a.b", "$a", "a$", "#", " ", "a b", "\\u0000", "\\u001f", "\\u007f", "\\u0080",
                            "\\u009f", "\\t", "$Version"})
        EXPECT_FALSE(is_accepted("{\"" + std::string(key) + "\":1}")) << key;
    EXPECT_TRUE(is_accepted(R"({"$version":1,"$metadata":{"$lastUpdated":"x"}})"));
    EXPECT_FALSE(is_accepted(R"({"a":{"$version":1}})"));
    EXPECT_FALSE(is_accepted(R"({"a":[{"$version":1}]})"));
    EXPECT_FALSE(is_accepted(R"({"$etag":1})"));
}

TEST(SectionRules, LimitsHoldAtTheBoundAndOnePastIt) {
    EXPECT_TRUE(is_accepted("{" + quoted(1024) + ":1}"));
    EXPECT_FALSE(is_accepted("{" + quoted(1025) + ":1}"));
    EXPECT_TRUE(is_accepted("{\"a\":" + quoted(4096) + "}"));
    EXPECT_FALSE(is_accepted("{\"a\":" + quoted(4097) + "}"));
    EXPECT_TRUE(is_accepted("{\"a\":[" + quoted(4096) + "]}"));
    EXPECT_FALSE(is_accepted("{\"a\":[" + quoted(4097) + "]}"));
    EXPECT_TRUE(is_accepted("{\"a\":0." + std::string(126, '1') + "}"));
    EXPECT_FALSE(is_accepted("{\"a\":0." + std::string(127, '1') + "}"));

    const auto nested = [](int depth, const std::string& inside) {
        std::string open;
        for (int i = 0; i < depth; ++i) open += "{\"a\":";
        return open + inside + std::string(static_cast<std::size_t>(depth), '}');
    };
    // The section's own braces are not a level; a scalar may stand inside the tenth.
    EXPECT_TRUE(is_accepted(nested(11, "1")));
    EXPECT_TRUE(is_accepted(nested(10, "{}")));
    EXPECT_FALSE(is_accepted(nested(12, "1")));
    EXPECT_FALSE(is_accepted(nested(11, "{}")));
    EXPECT_TRUE(is_accepted(nested(11, "[[[1]]]")));
    EXPECT_FALSE(is_accepted(nested(11, "[{}]")));
    EXPECT_TRUE(is_accepted(nested(10, "[{}]")));
}

TEST(SectionRules, IntegersHaveARangeAndFractionsHaveNot) {
    for (const char* number : {"4503599627370495", "-4503599627370496", "4503599627370495.0",
                               "4503599627370496.5", "1e15", "1.5e-300", "0", "-0.0"})
        EXPECT_TRUE(is_accepted("{\"a\":" + std::string(number) + "}")) << number;
    for (const char* number : {"4503599627370496", "-4503599627370497", "4503599627370496.0", "1e16", "1e300",
                               "99999999999999999999999"})
        EXPECT_FALSE(is_accepted("{\"a\":" + std::string(number) + "}")) << number;
    EXPECT_FALSE(is_accepted(R"({"a":[4503599627370496]})"));
}

TEST(SectionRules, ArraysHoldNoNulls) {
    for (const char* json :
         {R"({"a":[null]})", R"({"a":[[1,null]]})", R"({"a":[{"b":[null]}]})", R"({"a":[{"b":null}]})"})
        EXPECT_FALSE(is_accepted(json)) << json;
    EXPECT_TRUE(is_accepted(R"({"a":[[],{},{"b":[]},"",0,false]})"));
}

TEST(SectionRules, OnlyAnObjectIsAPatch) {
    for (const char* json : {"[]", "1", "\"x\"", "null", "true"}) EXPECT_FALSE(is_accepted(json)) << json;
    EXPECT_EQ(SectionPatch::parse(JsonValue()).error().code, Errc::argument_invalid);
}

TEST(SectionPatch, KeepsItsTextLessWhatIsDropped) {
    EXPECT_EQ(section_patch(R"({"b":{ "x" : 1.0 },"$version":3,"a":null})").text(),
              R"({"b":{ "x" : 1.0 },"a":null})");
    EXPECT_EQ(section_patch(R"({"$version":3})").text(), "{}");
    EXPECT_TRUE(section_patch(R"({"$version":3})").is_empty());
    EXPECT_EQ(section_patch(R"({"a":{"b":1}})").root().find("a").find("b").raw(), "1");
}

TEST(SectionSize, CountsKeysStringsNumbersAndBooleans) {
    EXPECT_EQ(section(R"({"ab":"cde"})").counted_bytes(), 5U);
    EXPECT_EQ(section(R"({"a":123456,"b":true})").counted_bytes(), 14U);
    EXPECT_EQ(section(R"({"a":{"b":{"c":0.5}}})").counted_bytes(), 11U);
    EXPECT_EQ(section(R"({"a":["xy",1,false,{"k":[]}]})").counted_bytes(), 1U + 2 + 8 + 4 + 1);
    EXPECT_EQ(section("{\"a\":\"\\u0001\\n\\u007f\\u0080\xC3\xA9\"}").counted_bytes(), 3U);
}

TEST(SectionSize, IsAllowedUpToTheLimitAndNotBeyond) {
    // Two keys of one byte, and strings that fill the rest.
    const auto sized = [](std::size_t bytes) {
        return "{\"a\":" + quoted(4096) + ",\"b\":" + quoted(bytes - 4096 - 2) + "}";
    };
    const auto merge = [](const Section& before, const std::string& change) {
        return before.merged(section_patch(change), SectionKind::tags, at_second(1), Notification::omit);
    };
    const Section full = merge(Section(), sized(8192))->section;
    EXPECT_EQ(full.counted_bytes(), 8192U);
    const auto refused = merge(Section(), "{\"a\":" + quoted(4096) + ",\"bc\":" + quoted(4094) + "}");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_FALSE(merge(full, R"({"":true})").has_value());
    EXPECT_TRUE(merge(full, R"({"":{}})").has_value());
    EXPECT_TRUE(merge(full, R"({"a":null,"c":1})").has_value());
    const auto replaced =
        Section().replaced(section_patch("{\"a\":" + quoted(4096) + ",\"bc\":" + quoted(4094) + "}"),
                           SectionKind::tags, at_second(1), Notification::omit);
    EXPECT_FALSE(replaced.has_value());
}

TEST(SectionSize, AWriteThatDoesNotEnlargeIsAllowedAboveTheLimit) {
    // A section of 32 KB is read as tags, whose limit it exceeds.
    std::string json = "{";
    for (char key = 'a'; key < 'e'; ++key) json += "\"" + std::string(1, key) + "\":" + quoted(4000) + ",";
    const Section large = section(json + "\"n\":1}");
    const auto merge = [&large](const char* change) {
        return large.merged(section_patch(change), SectionKind::tags, at_second(2), Notification::omit);
    };
    EXPECT_TRUE(merge(R"({"a":null})").has_value());
    EXPECT_TRUE(merge(R"({"n":2})").has_value());
    EXPECT_FALSE(merge(R"({"m":2})").has_value());
}

TEST(SectionSize, WhatDoesNotCountIsBoundedToo) {
    // Control characters count nothing; without a bound of ours they would pile up.
    std::string controls;
    for (int i = 0; i < 4096; ++i) controls += "\\u0001";
    Section grown;
    int accepted = 0;
    for (int i = 0; i < 100; ++i) {
        const auto change =
            grown.merged(section_patch("{\"k" + std::to_string(i) + "\":\"" + controls + "\"}"),
                         SectionKind::tags, at_second(i), Notification::omit);
        if (!change) break;
        grown = change->section;
        ++accepted;
    }
    EXPECT_GE(accepted, 60);
    EXPECT_LT(accepted, 66);
    EXPECT_LE(grown.encoded().size(), TwinLimits::encoded_bytes_max);
}

TEST(Section, StampsOfOverwrittenKeysAreReused) {
    Section section;
    for (int i = 0; i < 10'000; ++i) {
        const std::string change = "{\"k" + std::to_string(i % 10) + "\":" + std::to_string(i) + "}";
        section =
            section.merged(section_patch(change), SectionKind::desired, at_second(i), Notification::omit)
                ->section;
    }
    // Ten keys and at most a dozen stamps of 16 bytes.
    EXPECT_LT(section.encoded().size(), 400U);
    EXPECT_EQ(section.version(), 10'001);
}

TEST(Section, HundredsOfStampsKeepTheirTimes) {
    Section section;
    NaiveSection naive{WallTime{}};
    std::string told;
    for (int i = 0; i < 500; ++i) {
        const std::string change = "{\"k" + std::to_string(i % 300) + "\":{\"x\":" + std::to_string(i) + "}}";
        section =
            section.merged(section_patch(change), SectionKind::desired, at_second(i), Notification::omit)
                ->section;
        const auto document = JsonDocument::parse(change);
        naive.merge(document->root(), at_second(i), true, told);
    }
    EXPECT_EQ(section_text(section, SectionForm::full), naive.full());
    EXPECT_TRUE(Section::decode(section.encoded()).has_value());
}

TEST(FindInSection, GivesValuesWithTheirTimes) {
    Section s = section(R"({"a":{"b":{"c":1.50}},"s":"x\n","t":true,"l":[1,"y"],"":{"":0}})");
    s = s.merged(section_patch(R"({"a":{"b":{"d":null,"e":2}}})"), SectionKind::desired, at_second(5),
                 Notification::omit)
            ->section;
    using Path = std::vector<std::string_view>;
    const auto find = [&s](const Path& path) { return s.find(path); };
    const SectionValue c = find({"a", "b", "c"});
    EXPECT_EQ(c.kind, SectionValue::Kind::number);
    EXPECT_EQ(c.number, 1.5);
    EXPECT_EQ(c.text, "1.50");
    EXPECT_EQ(c.last_updated, at_second(1));
    EXPECT_EQ(c.last_updated_version, 2);
    EXPECT_EQ(find({"a", "b"}).last_updated, at_second(5));
    EXPECT_EQ(find({"a", "b", "e"}).last_updated_version, 3);
    EXPECT_EQ(find({"s"}).text, "x\n");
    EXPECT_TRUE(find({"t"}).boolean);
    EXPECT_EQ(find({"l"}).text, R"([1,"y"])");
    EXPECT_EQ(find({"", ""}).number, 0);
    std::string object;
    Section::append_object_json(object, find({"a", "b"}).object);
    EXPECT_EQ(object, R"({"c":1.50,"e":2})");
    const SectionValue root = find({});
    EXPECT_EQ(root.kind, SectionValue::Kind::object);
    EXPECT_EQ(root.last_updated, at_second(5));
    for (const Path& path :
         {Path{"A"}, Path{"a", "x"}, Path{"a", "b", "c", "d"}, Path{"s", "x"}, Path{"l", "0"}})
        EXPECT_EQ(find(path).kind, SectionValue::Kind::absent);
}

TEST(Section, CopiesShareAndOutliveTheOriginal) {
    Section copy;
    {
        Section original = section(R"({"a":1})");
        copy = original;
        EXPECT_EQ(copy.encoded().data(), original.encoded().data());
        const Section& same = copy;
        copy = same;
    }
    EXPECT_EQ(section_text(copy), R"({"a":1})");
    const Section moved = std::move(copy);
    EXPECT_EQ(section_text(moved), R"({"a":1})");
    EXPECT_EQ(sizeof(Section), 8U);
}

TEST(SectionCodec, BytesCutAnywhereAreCorrupt) {
    const Section s = section(R"({"a":{"b":"x\u0001"},"c":[1,{"d":"é"}],"e":-1.5,"f":true,"g":"plain"})");
    const Bytes bytes = s.encoded();
    EXPECT_EQ(section_text(*Section::decode(bytes), SectionForm::full), section_text(s, SectionForm::full));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto decoded = Section::decode(bytes.first(size));
        ASSERT_FALSE(decoded.has_value()) << size;
        EXPECT_EQ(decoded.error().code, Errc::store_corrupt);
    }
}

TEST(SectionCodec, AnyFlippedByteIsRefusedOrStillASection) {
    const Section s = section(R"({"a":{"b":"x\u0001"},"c":[1,{"d":"é"}],"e":-1.5,"f":true,"g":"plain"})");
    const SectionPatch change = section_patch(R"({"a":{"b":1,"n":{}},"c":null,"e":{"x":1},"g":"h"})");
    int survived = 0;
    for (std::size_t i = 0; i < s.encoded().size(); ++i) {
        for (int flip = 1; flip < 256; ++flip) {
            std::string bytes(as_text(s.encoded()));
            bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ flip);
            const auto decoded = Section::decode(as_bytes(bytes));
            if (!decoded) continue;
            ++survived;
            const auto merged =
                decoded->merged(change, SectionKind::desired, at_second(3), Notification::write);
            ASSERT_TRUE(merged.has_value());
            ASSERT_TRUE(Section::decode(merged->section.encoded()).has_value()) << i << " ^ " << flip;
            ASSERT_TRUE(JsonDocument::parse(section_text(merged->section, SectionForm::full)).has_value());
        }
    }
    EXPECT_GT(survived, 100);  // times, versions and letters may be anything
}

/// Makes patches over few keys, so that they meet often.
class PatchMaker {
public:
    explicit PatchMaker(std::uint64_t seed) : random_(seed) {}

    std::string object(int depth) {
        const bool wide = depth == 0 && below(50) == 0;
        const std::uint64_t count = wide ? 5 + below(90) : below(4);
        std::string text = "{";
        for (std::uint64_t i = 0; i < count; ++i) {
            if (i > 0) text += ',';
            text += wide ? "\"w" + std::to_string(below(100)) + '"' : key();
            text += ':' + value(depth);
        }
        return text + "}";
    }
    std::uint64_t below(std::uint64_t end) { return random_.u64() % end; }

private:
    std::string key() {
        static constexpr const char* keys[] = {"\"a\"",        "\"b\"", "\"c\"",    "\"long-key\"",
                                               "\"\xC3\xA9\"", "\"\"",  "\"q\\\"\""};
        return keys[below(std::size(keys))];
    }
    std::string value(int depth) {
        static constexpr const char* leaves[] = {"1",
                                                 "-2.50",
                                                 "1e3",
                                                 "true",
                                                 "false",
                                                 "\"plain\"",
                                                 "\"\"",
                                                 "\"\\n\"",
                                                 "\"\xE2\x82\xAC\"",
                                                 "[]",
                                                 "[1,\"\xC3\xA9\"]",
                                                 "[{\"k\":[true]}]",
                                                 "\"\\u0001x\""};
        const std::uint64_t choice = below(10);
        if (choice < 2) return "null";
        if (choice < 6 && depth < 4) return object(depth + 1);
        if (choice == 6) return '"' + std::string(below(100), 'z') + '"';
        return leaves[below(std::size(leaves))];
    }
    SeededRandom random_;
};

TEST(MergeSection, AgreesWithANaiveModelOverManyRandomSequences) {
    constexpr int sequences = 100'000;
    PatchMaker maker(20'161'124);
    for (int sequence = 0; sequence < sequences; ++sequence) {
        Section fast = Section::fresh(at_second(0));
        NaiveSection naive(at_second(0));
        const auto kind = sequence % 2 == 0 ? SectionKind::desired : SectionKind::reported;
        const std::uint64_t length = 1 + maker.below(6);
        for (std::uint64_t step = 0; step < length; ++step) {
            const std::string json = maker.object(0);
            const auto document = JsonDocument::parse(json);
            ASSERT_TRUE(document.has_value()) << json;
            const SectionPatch change = *SectionPatch::parse(document->root());
            const WallTime now = at_second(1 + static_cast<int>(step));
            const bool replace = maker.below(8) == 0;
            const auto result = replace ? fast.replaced(change, kind, now, Notification::write)
                                        : fast.merged(change, kind, now, Notification::write);
            ASSERT_TRUE(result.has_value()) << json;
            std::string told;
            const bool with_version = kind == SectionKind::desired;
            const bool touched = replace ? naive.replace(document->root(), now, with_version, told)
                                         : naive.merge(document->root(), now, with_version, told);
            ASSERT_EQ(result->touched, touched) << section_text(fast) << " + " << json;
            ASSERT_EQ(result->notification, told) << section_text(fast) << " + " << json;
            ASSERT_EQ(section_text(result->section, SectionForm::full), naive.full())
                << section_text(fast) << " + " << json;
            ASSERT_EQ(result->section.counted_bytes(), naive.counted());
            fast = result->section;
        }
        if (sequence % 16 == 0) {
            const auto decoded = Section::decode(fast.encoded());
            ASSERT_TRUE(decoded.has_value());
            ASSERT_EQ(section_text(*decoded, SectionForm::full), naive.full());
        }
    }
}

}  // namespace
}  // namespace carillon
