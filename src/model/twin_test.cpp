#include "model/twin.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

WallTime at(int second) {
    return WallTime::from_unix_s(1'790'000'000 + second);
}

std::string text(const Section& section, SectionForm form = SectionForm::plain) {
    std::string out;
    section.append_json(out, form);
    return out;
}

SectionPatch twin_section_patch(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json;
    auto patch = SectionPatch::parse(document->root());
    EXPECT_TRUE(patch.has_value()) << json << ": " << (patch ? "" : patch.error().detail);
    return patch ? *std::move(patch) : SectionPatch::empty();
}

Result<TwinPatch> try_patch(std::string_view json, const char* module = "") {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json;
    return TwinPatch::parse(document->root(), *IdentityKey::parse("dev-a", module));
}
TwinPatch patch(std::string_view json) {
    auto parsed = try_patch(json);
    EXPECT_TRUE(parsed.has_value()) << json << ": " << (parsed ? "" : parsed.error().detail);
    return parsed ? *std::move(parsed) : TwinPatch();
}

Document document_of(const Twin& twin) {
    SeededRandom random(1);
    const auto body = JsonDocument::parse("{}");
    auto identity = parse_identity(body->root(), *IdentityKey::parse("dev-a"), nullptr, at(0), random);
    identity->etag = 123456789;
    return {.identity = PackedIdentity(*identity), .twin = twin};
}

// Source: the sequence a twin goes through in the samples of IoT Hub docs, "Understand and use device twins".
TEST(Twin, VersionsAndNotificationsMoveAsInTheWorkedSequence) {
    Twin twin = Twin::fresh(at(0));
    const auto expect = [&twin](std::int64_t version, std::uint64_t etag, std::int64_t desired,
                                std::int64_t reported) {
        EXPECT_EQ(twin.version, version);
        EXPECT_EQ(twin.etag, etag);
        EXPECT_EQ(twin.desired.version(), desired);
        EXPECT_EQ(twin.reported.version(), reported);
    };
    const auto take = [&twin](Result<TwinChange> change) {
        EXPECT_TRUE(change.has_value());
        twin = change->twin;
        return change->notification;
    };
    expect(2, 1, 1, 1);
    EXPECT_EQ(take(patch_twin(twin, patch(R"({"tags":{"building":"43"}})"), at(1))), "");
    expect(3, 2, 1, 1);
    EXPECT_EQ(take(patch_twin(twin, patch(R"({"properties":{"desired":{"cfg":{"f":5,"g":1}}}})"), at(2))),
              R"({"cfg":{"f":5,"g":1},"$version":2})");
    expect(4, 3, 2, 1);
    EXPECT_EQ(
        text(twin.desired, SectionForm::full),
        R"({"cfg":{"f":5,"g":1},"$metadata":{"$lastUpdated":"2026-09-21T14:13:22Z","$lastUpdatedVersion":2,)"
        R"("cfg":{"$lastUpdated":"2026-09-21T14:13:22Z","$lastUpdatedVersion":2,)"
        R"("f":{"$lastUpdated":"2026-09-21T14:13:22Z","$lastUpdatedVersion":2},)"
        R"("g":{"$lastUpdated":"2026-09-21T14:13:22Z","$lastUpdatedVersion":2}}},"$version":2})");
    EXPECT_EQ(take(patch_reported(twin, twin_section_patch(R"({"cfg":{"f":5}})"), at(3))), "");
    expect(5, 3, 2, 2);
    EXPECT_EQ(take(patch_twin(twin, patch(R"({"properties":{"desired":{"cfg":{"g":null}}}})"), at(4))),
              R"({"cfg":{"g":null},"$version":3})");
    expect(6, 4, 3, 2);
    EXPECT_EQ(text(twin.desired, SectionForm::full),
              R"({"cfg":{"f":5},"$metadata":{"$lastUpdated":"2026-09-21T14:13:24Z","$lastUpdatedVersion":3,)"
              R"("cfg":{"$lastUpdated":"2026-09-21T14:13:24Z","$lastUpdatedVersion":3,)"
              R"("f":{"$lastUpdated":"2026-09-21T14:13:22Z","$lastUpdatedVersion":2}}},"$version":3})");
    std::string device;
    append_device_twin_json(device, twin);
    EXPECT_EQ(device, R"({"desired":{"cfg":{"f":5},"$version":3},"reported":{"cfg":{"f":5},"$version":2}})");
    EXPECT_EQ(take(replace_twin(twin, patch(R"({"properties":{"desired":{"x":1}}})"), at(5))),
              R"({"cfg":null,"x":1,"$version":4})");
    expect(7, 5, 4, 2);
    EXPECT_TRUE(twin.tags.is_empty());
    EXPECT_EQ(text(twin.reported), R"({"cfg":{"f":5}})");
}

TEST(TwinPatchBody, EverythingButTagsAndDesiredIsIgnored) {
    const TwinPatch whole = patch(
        R"({"deviceId":"dev-a","etag":"x","version":9,"status":"disabled","$metadata":{},"tags":{"a":1},)"
        R"("properties":{"reported":{"r":[null]},"desired":{"$version":4,"$metadata":{"d":{}},"d":2}}})");
    EXPECT_EQ(whole.tags->text(), R"({"a":1})");
    EXPECT_EQ(whole.desired->text(), R"({"d":2})");
    EXPECT_TRUE(patch("{}").is_empty());
    EXPECT_TRUE(patch(R"({"properties":null})").is_empty());
    EXPECT_TRUE(patch(R"({"deviceId":null})").is_empty());
}

TEST(TwinPatchBody, FaultsAreRefused) {
    const auto code = [](const char* json) { return try_patch(json).error().code; };
    EXPECT_EQ(code("[]"), Errc::iot_hub_format_error);
    EXPECT_EQ(code("null"), Errc::iot_hub_format_error);
    EXPECT_EQ(code(R"({"deviceId":"dev-b"})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"deviceId":7})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"tags":[]})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"tags":"x"})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"properties":1})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"properties":{"desired":1}})"), Errc::argument_invalid);
    EXPECT_EQ(code(R"({"tags":{"a.b":1}})"), Errc::argument_invalid);
    EXPECT_EQ(try_patch(R"({"moduleId":"m2"})", "m1").error().code, Errc::argument_invalid);
    EXPECT_TRUE(try_patch(R"({"deviceId":"dev-a","moduleId":"m1"})", "m1").has_value());
}

Twin with(const char* json) {
    return patch_twin(Twin::fresh(at(0)), patch(json), at(1))->twin;
}

TEST(PatchTwin, NullClearsASectionAndTheDeviceHearsOfEachKey) {
    const Twin before = with(R"({"tags":{"t":1},"properties":{"desired":{"a":1,"b":{"c":2}}}})");
    const auto desired = patch_twin(before, patch(R"({"properties":{"desired":null}})"), at(2));
    EXPECT_EQ(desired->notification, R"({"a":null,"b":null,"$version":3})");
    EXPECT_TRUE(desired->twin.desired.is_empty());
    EXPECT_FALSE(desired->twin.tags.is_empty());
    const auto tags = patch_twin(before, patch(R"({"tags":null})"), at(2));
    EXPECT_TRUE(tags->twin.tags.is_empty());
    EXPECT_EQ(tags->notification, "");
    EXPECT_EQ(tags->twin.desired.version(), 2);
    EXPECT_EQ(tags->twin.version, 4);
}

TEST(PatchTwin, APatchWithoutMembersChangesNothing) {
    const Twin before = with(R"({"tags":{"t":1}})");
    for (const char* json :
         {"{}", R"({"tags":{}})", R"({"properties":{"desired":{}}})", R"({"tags":{},"properties":{}})"}) {
        const auto change = patch_twin(before, patch(json), at(2));
        EXPECT_EQ(change->twin.version, before.version) << json;
        EXPECT_EQ(change->twin.etag, before.etag) << json;
        EXPECT_EQ(change->notification, "") << json;
    }
}

TEST(PatchTwin, NullsForMissingKeysMoveTheRootButNotDesired) {
    const auto change =
        patch_twin(Twin::fresh(at(0)), patch(R"({"properties":{"desired":{"zzz":null}}})"), at(2));
    EXPECT_EQ(change->twin.version, 3);
    EXPECT_EQ(change->twin.etag, 2U);
    EXPECT_EQ(change->twin.desired.version(), 1);
    EXPECT_EQ(change->notification, "");
}

TEST(PatchTwin, TheSameValueAgainIsAWrite) {
    const Twin before = with(R"({"properties":{"desired":{"a":1}}})");
    const auto change = patch_twin(before, patch(R"({"properties":{"desired":{"a":1}}})"), at(2));
    EXPECT_EQ(change->twin.desired.version(), 3);
    EXPECT_EQ(change->twin.version, 4);
    EXPECT_EQ(change->notification, R"({"a":1,"$version":3})");
}

TEST(PatchTwin, IsAllOrNothing) {
    std::string large = "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{";
    for (int i = 0; i < 9; ++i) large += "\"k" + std::to_string(i) + "\":\"" + std::string(4000, 'x') + "\",";
    large += "\"n\":1}}}";
    const Twin before = Twin::fresh(at(0));
    const auto change = patch_twin(before, patch(large), at(1));
    ASSERT_FALSE(change.has_value());
    EXPECT_EQ(change.error().code, Errc::argument_invalid);
    EXPECT_TRUE(before.tags.is_empty());
}

TEST(PatchTwin, WritesNoNotificationUnlessAsked) {
    const auto change = patch_twin(Twin::fresh(at(0)), patch(R"({"properties":{"desired":{"a":1}}})"), at(1),
                                   Notification::omit);
    EXPECT_EQ(change->twin.desired.version(), 2);
    EXPECT_EQ(change->notification, "");
}

TEST(ReplaceTwin, WipesWhatIsNotInTheBody) {
    const Twin before = with(R"({"tags":{"t":1},"properties":{"desired":{"a":1}}})");
    const auto change = replace_twin(before, patch("{}"), at(2));
    EXPECT_TRUE(change->twin.tags.is_empty());
    EXPECT_TRUE(change->twin.desired.is_empty());
    EXPECT_EQ(change->notification, R"({"a":null,"$version":3})");
    EXPECT_EQ(change->twin.version, 4);
    EXPECT_EQ(change->twin.etag, 3U);
    const auto again = replace_twin(change->twin, patch(R"({"tags":{}})"), at(3));
    EXPECT_EQ(again->twin.desired.version(), 3);
    EXPECT_EQ(again->notification, "");
    EXPECT_EQ(again->twin.version, 5);
}

TEST(ReplaceTwin, RefusesANullAtAnyDepth) {
    const Twin before = with(R"({"tags":{"t":1},"properties":{"desired":{"a":1}}})");
    for (const char* content : {R"({"tags":{"t":null}})", R"({"tags":{"t":2,"u":{"v":{"w":null}}}})",
                                R"({"properties":{"desired":{"a":null}}})",
                                R"({"tags":{"t":1},"properties":{"desired":{"a":{"b":1,"c":null}}}})"}) {
        const auto change = replace_twin(before, patch(content), at(2));
        ASSERT_FALSE(change) << content;
        EXPECT_EQ(change.error().code, Errc::argument_invalid) << content;
    }
    EXPECT_EQ(replace_twin(before, patch(R"({"tags":{"t":null}})"), at(2)).error().detail,
              "Value of Property or Tag cannot be null. Error in Property/Tag t");
    EXPECT_TRUE(replace_twin(before, patch(R"({"tags":null})"), at(2))) << "a section that is null is absent";
}

TEST(PatchReported, MovesVersionsButNotTheEtag) {
    const Twin before = Twin::fresh(at(0));
    const auto change = patch_reported(before, twin_section_patch(R"({"a":1})"), at(1));
    EXPECT_EQ(change->twin.version, 3);
    EXPECT_EQ(change->twin.etag, 1U);
    EXPECT_EQ(change->twin.reported.version(), 2);
    const auto nothing = patch_reported(before, twin_section_patch("{}"), at(1));
    EXPECT_EQ(nothing->twin.version, 2);
    EXPECT_EQ(nothing->twin.reported.version(), 1);
}

TEST(PatchReported, TooLargeIs413) {
    std::string large = "{";
    for (int i = 0; i < 9; ++i) large += "\"k" + std::to_string(i) + "\":\"" + std::string(4000, 'x') + "\",";
    const auto change = patch_reported(Twin::fresh(at(0)), twin_section_patch(large + "\"n\":1}"), at(1));
    ASSERT_FALSE(change.has_value());
    EXPECT_EQ(http_status(change.error().code), 413);
}

TEST(JobTwinPatch, TheEtagMustBeAStar) {
    const auto parse = [](std::string_view json, Flavour flavour) {
        const auto document = JsonDocument::parse(json);
        return TwinPatch::parse_job(document->root(), flavour);
    };
    EXPECT_TRUE(parse(R"({"etag":"*","tags":{"a":1}})", Flavour::ga).has_value());
    for (const char* json :
         {R"({"tags":{"a":1}})", R"({"etag":"AAAA","tags":{"a":1}})", R"({"etag":null,"tags":{"a":1}})"})
        EXPECT_EQ(parse(json, Flavour::ga).error().code, Errc::argument_invalid) << json;
    EXPECT_EQ(parse("null", Flavour::ga).error().code, Errc::argument_null);
    EXPECT_EQ(parse("7", Flavour::ga).error().code, Errc::argument_invalid);
    // A root-level `desired` is the preview's.
    const char* const root = R"({"etag":"*","desired":{"building":"43","floor":3}})";
    EXPECT_EQ(parse(root, Flavour::preview)->desired->text(), R"({"building":"43","floor":3})");
    EXPECT_EQ(parse(root, Flavour::ga).error().code, Errc::argument_invalid);
    // Of nothing.
    EXPECT_FALSE(parse(R"({"etag":"*"})", Flavour::ga).has_value());
    EXPECT_FALSE(parse(R"({"etag":"*","properties":{"reported":{"a":1}}})", Flavour::ga).has_value());
    EXPECT_TRUE(
        parse(R"({"etag":"*","properties":{"reported":{},"desired":{"a":null}}})", Flavour::ga).has_value());
    EXPECT_TRUE(parse(R"({"etag":"*","tags":null})", Flavour::ga)->clear_tags);
}

TEST(TwinJson, AFreshTwinLooksLikeTheServices) {
    std::string out;
    append_twin_json(out, document_of(Twin::fresh(at(0))), LiveState{}, Flavour::ga);
    EXPECT_EQ(
        out,
        R"({"deviceId":"dev-a","etag":"AAAAAAAAAAE=","deviceEtag":"MTIzNDU2Nzg5","status":"enabled",)"
        R"("statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected",)"
        R"("lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authenticationType":"sas",)"
        R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"modelId":"","version":2,)"
        R"("properties":{"desired":{"$metadata":{"$lastUpdated":"2026-09-21T14:13:20Z"},"$version":1},)"
        R"("reported":{"$metadata":{"$lastUpdated":"2026-09-21T14:13:20Z"},"$version":1}},)"
        R"("capabilities":{"iotEdge":false}})");
}

TEST(TwinJson, TagsAppearOnceThereAreSome) {
    const Twin twin = with(R"({"tags":{"a":{"b":1}}})");
    std::string out;
    const LiveState live{
        .connected = true, .connection_updated = at(3), .last_activity = at(4), .c2d_count = 2};
    append_twin_json(out, document_of(twin), live, Flavour::preview);
    const auto json = JsonDocument::parse(out);
    ASSERT_TRUE(json.has_value()) << out;
    EXPECT_EQ(json->root().find("tags").raw(), R"({"a":{"b":1}})");
    EXPECT_EQ(json->root().find("connectionState").string(), "Connected");
    EXPECT_EQ(json->root().find("lastActivityTime").string(), "2026-09-21T14:13:24Z");
    EXPECT_EQ(json->root().find("cloudToDeviceMessageCount").raw(), "2");
    EXPECT_EQ(json->root().find("version").raw(), "3");
}

TEST(TwinEtag, IsABigEndianCounterInBase64) {
    EXPECT_EQ(twin_etag_text(1), "AAAAAAAAAAE=");
    EXPECT_EQ(twin_etag_text(0x0102030405060708), "AQIDBAUGBwg=");
}

TEST(Document, IsSmallAsAMillionAreResident) {
    EXPECT_EQ(sizeof(Document), 48U);
}

TEST(DocumentCodec, ADocumentReadsBackTheSame) {
    Twin twin = with(R"({"tags":{"t":[1,2]},"properties":{"desired":{"a":{"b":"c"}}}})");
    twin = patch_reported(twin, twin_section_patch(R"({"r":1.0})"), at(2))->twin;
    const Document document = document_of(twin);
    const std::string bytes = encode_document(document, 77, 5);
    const auto stored = decode_document(as_bytes(bytes));
    ASSERT_TRUE(stored.has_value());
    EXPECT_EQ(stored->sequence, 77U);
    EXPECT_EQ(stored->ordinal, 5U);
    std::string before;
    std::string after;
    append_twin_json(before, document, LiveState{}, Flavour::ga);
    append_twin_json(after, stored->document, LiveState{}, Flavour::ga);
    EXPECT_EQ(before, after);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode_document(as_bytes(std::string_view(bytes).substr(0, size)));
        ASSERT_FALSE(cut.has_value()) << size;
        EXPECT_EQ(cut.error().code, Errc::store_corrupt);
    }
    EXPECT_FALSE(decode_document(as_bytes(bytes + "x")).has_value());
}

}  // namespace
}  // namespace carillon
