#include "model/registry_line.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Result<ImportEntry> parse_line(std::string text, ImportName* name = nullptr) {
    ImportName ignored;
    return ImportEntry::parse(std::move(text), name != nullptr ? *name : ignored);
}

TEST(ImportEntry, EveryModeIsReadInAnyCase) {
    struct Case {
        const char* word;
        ImportMode mode;
    };
    for (const Case& c :
         {Case{"create", ImportMode::create}, Case{"Create", ImportMode::create},
          Case{"update", ImportMode::update}, Case{"createOrUpdate", ImportMode::create_or_update},
          Case{"DELETE", ImportMode::remove}, Case{"updateTwin", ImportMode::update_twin}}) {
        const auto entry = parse_line(std::string(R"({"id":"d","importMode":")") + c.word + "\"}");
        ASSERT_TRUE(entry) << c.word;
        EXPECT_EQ(entry->mode(), c.mode) << c.word;
        EXPECT_EQ(entry->match().kind, EtagMatch::Kind::any) << c.word;
    }
    EXPECT_EQ(parse_line(R"({"id":"d"})")->mode(), ImportMode::create_or_update);
    EXPECT_EQ(parse_line(R"({"id":"d","importMode":null})")->mode(), ImportMode::create_or_update);
}

TEST(ImportEntry, ModesThatNameAnEtagCompareTheRightOne) {
    const std::string rest = R"(","eTag":"identity","twinETag":"\"twin\""})";
    for (const char* word : {"updateIfMatchETag", "deleteIfMatchETag", "createOrUpdateIfMatchETag"}) {
        const auto entry = parse_line(std::string(R"({"id":"d","importMode":")") + word + rest);
        ASSERT_TRUE(entry) << word;
        EXPECT_EQ(entry->match().kind, EtagMatch::Kind::exact) << word;
        EXPECT_EQ(entry->match().etag, "identity") << word;
    }
    EXPECT_EQ(parse_line(R"({"id":"d","importMode":"updateTwinIfMatchETag)" + rest)->match().etag, "twin");
    // As the Node client leaves the member.
    EXPECT_EQ(parse_line(R"({"id":"d","importMode":"UpdateIfMatchETag","etag":"x"})")->match().etag, "x");
}

TEST(ImportEntry, WhatIsWrongIsSaidUnderTheNameThatCouldBeRead) {
    struct Case {
        const char* text;
        Errc code;
        const char* device;
    };
    for (const Case& c :
         {Case{"", Errc::iot_hub_format_error, ""}, Case{"{\"id\":\"d\"", Errc::iot_hub_format_error, ""},
          Case{"[]", Errc::iot_hub_format_error, ""}, Case{"{}", Errc::argument_invalid, ""},
          Case{R"({"id":5})", Errc::argument_invalid, ""},
          Case{R"({"id":"a b"})", Errc::argument_invalid, "a b"},
          Case{R"({"id":"d","moduleId":"a b"})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","importMode":"explode"})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","importMode":7})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","tags":[]})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","tags":{"$x":1}})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","properties":7})", Errc::argument_invalid, "d"},
          Case{R"({"id":"d","properties":{"reported":7}})", Errc::argument_invalid, "d"}}) {
        ImportName name;
        const auto entry = parse_line(c.text, &name);
        ASSERT_FALSE(entry) << c.text;
        EXPECT_EQ(entry.error().code, c.code) << c.text;
        EXPECT_EQ(name.device, c.device) << c.text;
    }
}

TEST(ImportEntry, ADeletionNeedsNothingButTheId) {
    const auto entry = parse_line(R"({"id":"d","importMode":"delete","tags":"whatever"})");
    ASSERT_TRUE(entry);
    EXPECT_FALSE(entry->twin());
}

TEST(ImportEntry, TwinsAndCredentialsAreFoundWhereTheyAre) {
    const auto bare = parse_line(R"({"id":"d"})");
    EXPECT_FALSE(bare->twin());
    EXPECT_FALSE(bare->reported());
    EXPECT_FALSE(bare->names_credentials());
    EXPECT_TRUE(parse_line(R"({"id":"d","importMode":"updateTwin"})")->twin());
    const auto whole =
        parse_line(R"({"id":"d","authentication":{"symmetricKey":{"primaryKey":"aa"}},"tags":{"a":1},)"
                   R"("properties":{"desired":{"$metadata":{},"$version":3,"x":1},"reported":{"y":2}}})");
    ASSERT_TRUE(whole);
    EXPECT_TRUE(whole->twin()->tags);
    EXPECT_TRUE(whole->twin()->desired);
    EXPECT_TRUE(whole->reported());
    EXPECT_TRUE(whole->names_credentials());
    EXPECT_TRUE(parse_line(R"({"id":"d","authentication":{"x509Thumbprint":{"secondaryThumbprint":"aa"}}})")
                    ->names_credentials());
    // As an export without keys writes it.
    EXPECT_FALSE(
        parse_line(R"({"id":"d","authentication":{"symmetricKey":{"primaryKey":null,"secondaryKey":null},)"
                   R"("x509Thumbprint":{"primaryThumbprint":null},"type":"sas"}})")
            ->names_credentials());
}

TEST(ImportEntry, MayBeMovedAsItOwnsItsText) {
    auto first = parse_line(R"({"id":"d","status":"disabled"})");
    ASSERT_TRUE(first);
    const ImportEntry second = *std::move(first);
    EXPECT_EQ(second.identity().find("status").string(), "disabled");
}

Document sample(const char* key) {
    Identity identity(*IdentityKey::parse("d", key));
    identity.etag = 7;
    identity.auth.primary_key = "cHJpbWFyeSBrZXkgb2YgYSBkZXZpY2U=";
    identity.auth.secondary_key = "c2Vjb25kYXJ5IGtleSBvZiBhIGRldmljZQ==";
    if (!identity.key.is_module()) identity.status_reason = "new";
    Document document;
    document.identity = PackedIdentity(identity);
    document.twin = Twin::fresh(WallTime::from_unix_s(0));
    return document;
}

TEST(ExportLine, HoldsIdentityAndTwinAndReadsBack) {
    std::string line;
    append_export_line(line, sample(""), ExportedKeys::included);
    EXPECT_EQ(line, R"({"id":"d","eTag":"Nw==","status":"enabled","statusReason":"new",)"
                    R"("authentication":{"symmetricKey":{"primaryKey":"cHJpbWFyeSBrZXkgb2YgYSBkZXZpY2U=",)"
                    R"("secondaryKey":"c2Vjb25kYXJ5IGtleSBvZiBhIGRldmljZQ=="},)"
                    R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},)"
                    R"("twinETag":"AAAAAAAAAAE=","tags":{},"properties":{"desired":{},"reported":{}},)"
                    "\"capabilities\":{\"iotEdge\":false}}\n");
    line.pop_back();
    const auto entry = parse_line(line);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->key(), *IdentityKey::parse("d"));
    EXPECT_TRUE(entry->names_credentials());
}

TEST(ExportLine, LeavesOutKeysWhereAskedTo) {
    std::string line;
    append_export_line(line, sample("m"), ExportedKeys::excluded);
    EXPECT_NE(line.find(R"("moduleId":"m")"), std::string::npos);
    EXPECT_NE(line.find(R"("symmetricKey":{"primaryKey":null,"secondaryKey":null})"), std::string::npos);
    EXPECT_EQ(line.find("\"status\""), std::string::npos) << "modules have none";
}

TEST(ImportError, IsALineOfTheErrorLog) {
    EXPECT_EQ(import_error_json({"d", ""}, {Errc::device_not_found, "d"}, 0),
              R"({"deviceId":"d","errorCode":"DeviceNotFound","errorStatus":"d"})");
    EXPECT_EQ(
        import_error_json({"d", "m"}, {Errc::argument_invalid, "why"}, 12),
        R"({"line":12,"deviceId":"d","moduleId":"m","errorCode":"ArgumentInvalid","errorStatus":"why"})");
}

}  // namespace
}  // namespace carillon
