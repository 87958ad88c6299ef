#include "model/pieces/twin_text.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <string>

namespace carillon {
namespace {

const WallTime changed_at = WallTime::from_unix_s(1'790'000'000);

Section section_of(const std::string& json, SectionKind kind) {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json.substr(0, 200);
    const auto patch = SectionPatch::parse(document->root());
    EXPECT_TRUE(patch.has_value()) << (patch ? "" : patch.error().detail);
    auto change = Section::fresh(changed_at).replaced(*patch, kind, changed_at, Notification::omit);
    EXPECT_TRUE(change.has_value()) << (change ? "" : change.error().detail);
    return change ? std::move(change->section) : Section();
}

Document document_of(const std::string& tags, const std::string& desired, const std::string& reported) {
    SeededRandom random(1);
    const auto body = JsonDocument::parse("{}");
    auto identity = parse_identity(body->root(), *IdentityKey::parse("dev-a"), nullptr, changed_at, random);
    Document document{.identity = PackedIdentity(*identity), .twin = Twin::fresh(changed_at)};
    document.twin.tags = section_of(tags, SectionKind::tags);
    document.twin.desired = section_of(desired, SectionKind::desired);
    document.twin.reported = section_of(reported, SectionKind::reported);
    return document;
}

std::string whole_text(const Document& document) {
    std::string out;
    append_twin_json(out, document, {}, Flavour::ga);
    return out;
}

/// The text in pieces of `bytes`, none of them more than `over` longer.
std::string in_pieces(const Document& document, std::size_t bytes, std::size_t over) {
    TwinText text(document, {});
    std::string all;
    for (bool has_more = true; has_more;) {
        std::string piece;
        has_more = text.append(piece, bytes);
        EXPECT_LT(piece.size(), bytes + over);
        all += piece;
    }
    std::string nothing;
    EXPECT_FALSE(text.append(nothing, bytes));
    EXPECT_EQ(nothing, "");
    return all;
}

/// An object of as many members as may be: `count` of a letter each, in objects that have room for them.
std::string many_members(std::size_t count) {
    std::string json = "{";
    for (std::size_t outer = 0; count > 0; ++outer) {
        json += (outer > 0 ? ",\"" : "\"") + std::to_string(outer) + "\":{";
        for (char c = 'A'; c <= 'Z' && count > 0; ++c, --count) {
            json += (c > 'A' ? ",\"" : "\"") + std::string(1, c) + "\":\"\"";
        }
        json += '}';
    }
    return json + '}';
}

/// As many control characters as may be stored: they do not count, and each takes six in JSON.
std::string control_characters(std::size_t strings) {
    std::string one;
    for (std::size_t i = 0; i < TwinLimits::string_bytes_max; ++i) one += "\\u0001";
    std::string json = "{";
    for (std::size_t i = 0; i < strings; ++i)
        json += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":\"" + one + '"';
    return json + '}';
}

TEST(TwinText, InPiecesOfAnySizeIsTheWholeText) {
    const Document small = document_of(R"({"a":1})", R"({"b":{"c":[1,{"d":2}],"e":{}},"f":"\u0001"})", "{}");
    const Document empty{.identity = small.identity, .twin = Twin::fresh(changed_at)};
    for (std::size_t bytes = 1; bytes < 200; bytes += 7) {
        EXPECT_EQ(in_pieces(small, bytes, 2000), whole_text(small));
        EXPECT_EQ(in_pieces(empty, bytes, 2000), whole_text(empty));
    }
}

TEST(TwinText, OfTheLongestTwinsComesInShortPieces) {
    constexpr std::size_t piece = 32 * 1024;
    const std::string tags = control_characters(60);
    for (const std::string& properties : {many_members(28'500), control_characters(60)}) {
        const Document document = document_of(tags, properties, properties);
        const std::string text = whole_text(document);
        EXPECT_GT(text.size(), 4U * 1024 * 1024) << "or this is no long twin";
        EXPECT_TRUE(TwinText::may_be_long(document));
        // A string that is not divided.
        EXPECT_TRUE(in_pieces(document, piece, 6 * TwinLimits::string_bytes_max + 1024) == text);
    }
}

TEST(TwinText, OfAShortTwinIsShort) {
    // Each member takes four bytes as stored.
    const Document document = document_of("{}", many_members(1850), "{}");
    EXPECT_FALSE(TwinText::may_be_long(document));
    EXPECT_TRUE(TwinText::may_be_long(document_of("{}", many_members(2100), "{}")));
    const std::size_t length = whole_text(document).size();
    EXPECT_GT(length, 128U * 1024);
    EXPECT_LT(length, 256U * 1024);
}

}  // namespace
}  // namespace carillon
