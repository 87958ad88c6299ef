#include "base/text.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace carillon {
namespace {

TEST(Text, FoldsOnlyAsciiCase) {
    EXPECT_TRUE(equals_ignoring_case("HuB-1", "hUb-1"));
    EXPECT_FALSE(equals_ignoring_case("a", "ab"));
    EXPECT_FALSE(equals_ignoring_case("[", "{"));
    EXPECT_FALSE(equals_ignoring_case("\xC3\xA9", "\xC3\x89"));
    EXPECT_EQ(to_lower("AZaz[@"), "azaz[@");
}

TEST(Text, TrimsWhiteSpaceAtBothEnds) {
    EXPECT_EQ(trimmed(" \t\r\n\v\fa b \n"), "a b");
    EXPECT_EQ(trimmed("  "), "");
}

TEST(Text, SplitKeepsEmptyParts) {
    using Parts = std::vector<std::string_view>;
    EXPECT_EQ(split("a;;b;", ';'), (Parts{"a", "", "b", ""}));
    EXPECT_EQ(split("", ';'), (Parts{""}));
}

TEST(Text, IntegersAreDigitsAndNothingElse) {
    EXPECT_EQ(parse_i64("-12"), -12);
    EXPECT_EQ(parse_i64("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(parse_i64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(parse_u64("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
    for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "--1"}) {
        EXPECT_FALSE(parse_i64(text).has_value()) << text;
    }
    EXPECT_FALSE(parse_u64("-1").has_value());
    EXPECT_FALSE(parse_u64("18446744073709551616").has_value());
}

TEST(PercentEncoding, EncodesAllButTheUnreserved) {
    EXPECT_EQ(percent_encode("aZ09-._~ /+%\xC3"), "aZ09-._~%20%2F%2B%25%C3");
}

TEST(PercentEncoding, DecodesEitherCaseAndKeepsThePlus) {
    EXPECT_EQ(percent_decode("%2f%2F+%00"), std::string("//+\0", 4));
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_EQ(percent_decode("%252F"), "%2F");
}

TEST(PercentEncoding, RefusesMalformedEscapes) {
    for (const char* text : {"%", "%1", "a%", "%G0", "%0G", "%%30", "% 1", "%-1"}) {
        EXPECT_FALSE(percent_decode(text).has_value()) << text;
    }
}

TEST(Base64, EncodesTheExamplesOfRfc4648) {
    for (const auto& [plain, coded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64_encode(plain), coded);
        EXPECT_EQ(base64_decode(coded), plain);
    }
}

TEST(Base64, PaddingMayBeMissingButNotWrong) {
    EXPECT_EQ(base64_decode("Zg"), "f");
    EXPECT_EQ(base64_decode("Zm8"), "fo");
    for (const char* text : {"Zg=", "Zg===", "Zm8==", "Zm9v=", "Zm9v==", "Zm9v====", "=", "==", "====", "Z",
                             "Z===", "Z=g=", "=Zg="}) {
        EXPECT_FALSE(base64_decode(text).has_value()) << text;
    }
}

TEST(Base64, RefusesOtherAlphabetsWhiteSpaceAndTrailingBits) {
    for (const char* text : {"Zm9-", "Zm9_", "Zm 9v", "Zm9v\n", "Zh==", "Zm9=", "Zm\xFFv"}) {
        EXPECT_FALSE(base64_decode(text).has_value()) << text;
    }
}

TEST(Base64, EveryByteReadsBackTheSame) {
    std::string all;
    for (int c = 0; c < 256; ++c) {
        all += static_cast<char>(c);
        EXPECT_EQ(base64_decode(base64_encode(all)), all);
    }
}

TEST(Hmac, MatchesTheExamplesOfRfc4231) {
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\x0B'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_encode(hmac_sha256("", "")),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ConstantTime, ComparesLikeEquality) {
    EXPECT_TRUE(equals_in_constant_time("", ""));
    EXPECT_TRUE(equals_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equals_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equals_in_constant_time("abc", "ab"));
}

TEST(Iso8601, PrintsSevenDigitsWithoutTrailingZeros) {
    const std::int64_t second = WallTime::ticks_per_second;
    EXPECT_EQ(to_iso8601({}), "0001-01-01T00:00:00Z");
    EXPECT_EQ(to_iso8601(WallTime::from_unix_s(0)), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_iso8601({WallTime::from_unix_s(1475260964).ticks + 8'884'134}),
              "2016-09-30T18:42:44.8884134Z");
    EXPECT_EQ(to_iso8601({WallTime::from_unix_s(0).ticks + 52'000}), "1970-01-01T00:00:00.0052Z");
    EXPECT_EQ(to_iso8601({WallTime::from_unix_s(0).ticks + 1}), "1970-01-01T00:00:00.0000001Z");
    EXPECT_EQ(to_iso8601({WallTime::from_unix_s(0).ticks + second / 2}), "1970-01-01T00:00:00.5Z");
    EXPECT_EQ(to_iso8601(WallTime::from_unix_s(1709164800)), "2024-02-29T00:00:00Z");
    EXPECT_EQ(to_iso8601({-1}), "0001-01-01T00:00:00Z");
    EXPECT_EQ(to_iso8601({std::numeric_limits<std::int64_t>::max()}), "9999-12-31T23:59:59.9999999Z");
}

TEST(Iso8601, ReadsWhatTheClientsSend) {
    const WallTime noon = WallTime::from_unix_s(1475238164);  // 2016-09-30T12:22:44Z
    const auto is_noon = [&noon](const char* text) { return parse_iso8601(text) == noon; };
    for (const char* text :
         {"2016-09-30T12:22:44Z", "2016-09-30T12:22:44.000Z", "2016-09-30T12:22:44.000000000Z",
          "2016-09-30T12:22:44", "2016-09-30t12:22:44z", "2016-09-30T14:22:44+02:00",
          "2016-09-30T06:52:44-05:30", "2016-09-30T14:22:44+0200", "2016-09-30T14:22:44+02"}) {
        EXPECT_TRUE(is_noon(text)) << text;
    }
    EXPECT_EQ(parse_iso8601("2016-09-30")->unix_s(), 1475193600);
    EXPECT_EQ(parse_iso8601("2016-09-30T00:00")->unix_s(), 1475193600);
    EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00.1234567Z")->ticks,
              WallTime::from_unix_s(0).ticks + 1'234'567);
    EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00.123456789Z")->ticks,
              WallTime::from_unix_s(0).ticks + 1'234'567);
    EXPECT_EQ(parse_iso8601("0001-01-01T00:00:00Z")->ticks, 0);
    EXPECT_EQ(to_iso8601(*parse_iso8601("9999-12-31T23:59:59.9999999Z")), "9999-12-31T23:59:59.9999999Z");
}

TEST(Iso8601, RefusesWhatIsMalformedOrOutOfRange) {
    for (const char* text : {"",
                             "2016",
                             "2016-09",
                             "2016-9-30",
                             "2016-13-01",
                             "2016-00-01",
                             "2016-02-30",
                             "2015-02-29",
                             "2016-09-31",
                             "0000-01-01",
                             "2016-09-30T",
                             "2016-09-30T24:00:00Z",
                             "2016-09-30T12:60:00Z",
                             "2016-09-30T12:00:60Z",
                             "2016-09-30T12:22:44.Z",
                             "2016-09-30T12:22:44.1234567890Z",
                             "2016-09-30T12:22:44ZZ",
                             "2016-09-30T12:22:44+",
                             "2016-09-30T12:22:44+2",
                             "2016-09-30T12:22:44+02:",
                             "2016-09-30T12:22:44+15:00",
                             "2016-09-30T12:22:44+02:60",
                             "2016-09-30 12:22:44Z",
                             "x2016-09-30",
                             "2016-09-30Z ",
                             "0001-01-01T00:00:00+00:01",
                             "9999-12-31T23:59:59-00:01",
                             "-2016-09-30",
                             "2016-09-30T12Z"}) {
        EXPECT_FALSE(parse_iso8601(text).has_value()) << text;
    }
}

TEST(Iso8601, EveryInstantReadsBackTheSame) {
    SeededRandom random(7);
    const auto end = static_cast<std::uint64_t>(parse_iso8601("9999-12-31T23:59:59Z")->ticks);
    for (int i = 0; i < 20'000; ++i) {
        const WallTime time{static_cast<std::int64_t>(random.u64() % end)};
        ASSERT_EQ(parse_iso8601(to_iso8601(time)), time) << to_iso8601(time);
    }
}

TEST(Utf8, LongTextsAreCheckedToTheEnd) {
    EXPECT_TRUE(is_utf8("0123456789abcdef\xC3\xA9 0123456789"));
    EXPECT_FALSE(is_utf8("0123456789abcdef\xC3"));
    EXPECT_FALSE(is_utf8("0123456\xFF"));
    EXPECT_TRUE(is_utf8(""));
}

TEST(Random, UuidsAndTrackingIdsHaveTheirForm) {
    SeededRandom random(1);
    const std::string uuid = random.uuid();
    EXPECT_EQ(uuid.size(), 36U);
    EXPECT_EQ(uuid[14], '4');
    EXPECT_EQ(uuid[8], '-');
    EXPECT_EQ(uuid[23], '-');
    const std::string id = random.hex32();
    EXPECT_EQ(id.size(), 32U);
    EXPECT_EQ(id.find_first_not_of("0123456789ABCDEF"), std::string::npos);
    EXPECT_EQ(base64_decode(random.base64_key())->size(), 32U);
}

TEST(Random, ASeedRepeatsItsSequenceAndTheSystemDoesNot) {
    SeededRandom a(5);
    SeededRandom b(5);
    EXPECT_EQ(a.u64(), b.u64());
    EXPECT_NE(a.u64(), a.u64());
    SystemRandom system;
    EXPECT_NE(system.hex32(), system.hex32());
}

}  // namespace
}  // namespace carillon
