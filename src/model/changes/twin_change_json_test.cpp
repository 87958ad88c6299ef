#include "model/changes/twin_change_json.hpp"

#include "base/json.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

const WallTime first = WallTime::from_unix_s(1'790'000'000);
const WallTime second = WallTime::from_unix_s(1'790'000'060);
const IdentityKey key = *IdentityKey::parse("pump-1");

Twin patched(const Twin& twin, std::string_view text, WallTime now) {
    const auto body = JsonDocument::parse(text);
    const auto patch = TwinPatch::parse(body->root(), key);
    return patch_twin(twin, *patch, now)->twin;
}

TEST(TwinUpdateJson, HoldsWhatWasWrittenWithItsMetadata) {
    const Twin before =
        patched(Twin::fresh(first), R"({"tags":{"site":"n","floor":1},"properties":{"desired":{
        "a":1,"b":{"c":2,"d":3}}}})",
                first);
    const Twin after =
        patched(before, R"({"tags":{"floor":2},"properties":{"desired":{"b":{"d":4}}}})", second);
    EXPECT_EQ(twin_update_json(before, after),
              R"({"version":4,"tags":{"floor":2},"properties":{"desired":{"b":{"d":4},)"
              R"("$metadata":{"$lastUpdated":"2026-09-21T14:14:20Z","$lastUpdatedVersion":3,)"
              R"("b":{"$lastUpdated":"2026-09-21T14:14:20Z","$lastUpdatedVersion":3,)"
              R"("d":{"$lastUpdated":"2026-09-21T14:14:20Z","$lastUpdatedVersion":3}}},"$version":3}}})");
}

TEST(TwinUpdateJson, HoldsEqualValuesAndNullsForWhatIsGone) {
    const Twin before =
        patched(Twin::fresh(first), R"({"tags":{"a":1,"b":{"c":1,"d":{"e":1}},"f":[1]}})", first);
    const Twin after = patched(before, R"({"tags":{"a":1,"b":{"d":null},"f":null,"none":null}})", first);
    EXPECT_EQ(twin_update_json(before, after), R"({"version":4,"tags":{"a":1,"b":{"d":null},"f":null}})");
}

TEST(TwinUpdateJson, HoldsAnObjectThatReplacesAValue) {
    const Twin before = patched(Twin::fresh(first), R"({"tags":{"a":1,"b":{"c":1}}})", first);
    const Twin after = patched(before, R"({"tags":{"a":{"x":{}},"b":7}})", second);
    EXPECT_EQ(twin_update_json(before, after), R"({"version":4,"tags":{"a":{"x":{}},"b":7}})");
}

TEST(TwinUpdateJson, HoldsTheReportedPropertiesAlone) {
    const Twin before = patched(Twin::fresh(first), R"({"tags":{"a":1}})", first);
    const auto body = JsonDocument::parse(R"({"t":21})");
    const Twin after = patch_reported(before, *SectionPatch::parse(body->root()), second)->twin;
    EXPECT_EQ(twin_update_json(before, after),
              R"({"version":4,"properties":{"reported":{"t":21,"$metadata":{"$lastUpdated":)"
              R"("2026-09-21T14:14:20Z","t":{"$lastUpdated":"2026-09-21T14:14:20Z"}},"$version":2}}})");
}

TEST(TwinUpdateJson, HoldsTheVersionWhereNothingWasTouched) {
    const Twin before = Twin::fresh(first);
    const Twin after = patched(before, R"({"tags":{"none":null}})", second);
    EXPECT_EQ(twin_update_json(before, after), R"({"version":3})");
}

TEST(WholeTwinJson, HoldsAllSections) {
    const Twin twin = patched(Twin::fresh(first), R"({"tags":{"a":1}})", first);
    EXPECT_EQ(whole_twin_json(*IdentityKey::parse("pump-1", "m"), twin),
              R"({"deviceId":"pump-1","moduleId":"m","etag":"AAAAAAAAAAI=","version":3,"tags":{"a":1},)"
              R"("properties":{"desired":{"$metadata":{"$lastUpdated":"2026-09-21T14:13:20Z"},"$version":1},)"
              R"("reported":{"$metadata":{"$lastUpdated":"2026-09-21T14:13:20Z"},"$version":1}}})");
}

}  // namespace
}  // namespace carillon
