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

SectionPatch section_patch(std::string_view json) {
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
    EXPECT_EQ(take(patch_reported(twin, section_patch(R"({"cfg":{"f":5}})"), at(3))), "");
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

}  // namespace
}  // namespace carillon
