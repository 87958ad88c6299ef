#include "model/configuration_content.hpp"

#include "model/twin.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Of = ConfigurationContent::Of;

Result<ConfigurationContent> parse_content(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    CARILLON_ASSERT(document);
    return ConfigurationContent::parse(document->root());
}

ConfigurationSettings settings(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    CARILLON_ASSERT(document);
    auto parsed = parse_configuration_settings(document->root());
    CARILLON_ASSERT(parsed);
    return *std::move(parsed);
}

LayeredSettings layered(const std::vector<ConfigurationSettings>& layers) {
    std::vector<const ConfigurationSettings*> pointers;
    for (const auto& layer : layers) pointers.push_back(&layer);
    auto made = layer_settings(pointers);
    CARILLON_ASSERT(made);
    return *std::move(made);
}

Section section_of(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    CARILLON_ASSERT(document);
    auto made = Section::fresh({}).merged(*SectionPatch::parse(document->root()), SectionKind::desired, {},
                                          Notification::omit);
    CARILLON_ASSERT(made);
    return made->section;
}

/// The patch, and that a second look finds nothing more to do.
std::string content_patch(std::string_view desired, std::string_view given, std::string_view taken = "{}") {
    const auto give = JsonDocument::parse(given);
    const auto take = JsonDocument::parse(taken);
    CARILLON_ASSERT(give && take);
    const Section before = section_of(desired);
    std::string text = settings_patch(before, give->root(), take->root());
    if (text.empty()) return text;
    const auto json = JsonDocument::parse(text);
    CARILLON_ASSERT(json);
    auto change =
        before.merged(*SectionPatch::parse(json->root()), SectionKind::desired, {}, Notification::omit);
    CARILLON_ASSERT(change);
    EXPECT_EQ(settings_patch(change->section, give->root(), take->root()), "") << text;
    return text;
}

TEST(ConfigurationContent, IsOfDevicesOrOfModules) {
    const auto of_devices = parse_content(R"({"deviceContent":{"properties.desired.a":1}})");
    ASSERT_TRUE(of_devices);
    EXPECT_EQ(of_devices->of, Of::devices);
    EXPECT_EQ(of_devices->settings[0].path, std::vector<std::string>{"a"});
    const auto of_modules =
        parse_content(R"({"moduleContent":{"properties.desired.a":1},"deviceContent":null})");
    ASSERT_TRUE(of_modules);
    EXPECT_EQ(of_modules->of, Of::modules);
}

TEST(ConfigurationContent, NamesAPathByDotsOrBySlashes) {
    const auto parsed =
        settings(R"({"properties.desired.a.b":1,"properties/desired/c/d":2,"properties.desired":{"e":3}})");
    ASSERT_EQ(parsed.size(), 3U);
    EXPECT_EQ(parsed[0].path, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(parsed[1].path, (std::vector<std::string>{"c", "d"}));
    EXPECT_TRUE(parsed[2].path.empty());
}

TEST(ConfigurationContent, IsRefusedWhereATwinCouldNotHoldIt) {
    const std::string deep = R"({"deviceContent":{"properties.desired.a.b.c.d.e.f.g.h.i.j.k":{}}})";
    const std::string large =
        R"({"deviceContent":{"properties.desired.a":")" + std::string(4097, 'x') + "\"}}";
    for (const std::string& content :
         {std::string("{}"), std::string(R"({"deviceContent":{}})"), std::string(R"({"deviceContent":[]})"),
          std::string(
              R"({"deviceContent":{"properties.desired.a":1},"moduleContent":{"properties.desired.a":1}})"),
          std::string(R"({"modulesContent":{"$edgeAgent":{"properties.desired":{}}}})"),
          std::string(R"({"deviceContent":{"properties.reported.a":1}})"),
          std::string(R"({"deviceContent":{"desired.a":1}})"),
          std::string(R"({"deviceContent":{"tags.a":1}})"),
          std::string(R"({"deviceContent":{"properties.desired.":1}})"),
          std::string(R"({"deviceContent":{"properties.desired.a..b":1}})"),
          std::string(R"({"deviceContent":{"properties.desired":1}})"),
          std::string(R"({"deviceContent":{"properties.desired.a":null}})"),
          std::string(R"({"deviceContent":{"properties.desired.a":{"b":{"c":null}}}})"),
          std::string(R"({"deviceContent":{"properties.desired.a":[null]}})"),
          std::string(R"({"deviceContent":{"properties.desired.a":{"b c":1}}})"), deep, large}) {
        const auto parsed = parse_content(content);
        ASSERT_FALSE(parsed) << content;
        EXPECT_EQ(parsed.error().code, Errc::invalid_configuration_content) << content;
        EXPECT_FALSE(parsed.error().detail.empty()) << content;
    }
}

TEST(LayeredSettings, AStrongerOneReplacesWhatStandsAtItsPathAndBelow) {
    const auto made = layered({settings(R"({"properties.desired.a":{"x":1,"y":2},"properties.desired.b":1})"),
                               settings(R"({"properties.desired.a":{"z":3}})")});
    EXPECT_EQ(made.json, R"({"a":{"z":3},"b":1})");
    EXPECT_EQ(made.is_in_force, (std::vector<bool>{true, true}));
}

TEST(LayeredSettings, AnInnerPathLeavesWhatIsBesideIt) {
    const auto made = layered({settings(R"({"properties.desired.a":{"x":1,"y":2}})"),
                               settings(R"({"properties.desired.a.x":{"deep":true}})")});
    EXPECT_EQ(made.json, R"({"a":{"x":{"deep":true},"y":2}})");
    EXPECT_EQ(made.is_in_force, (std::vector<bool>{true, true}));
}

TEST(LayeredSettings, OneThatIsReplacedWhollyIsNotInForce) {
    const auto made =
        layered({settings(R"({"properties.desired.a":1})"), settings(R"({"properties.desired.a.b":2})"),
                 settings(R"({"properties.desired":{"a":{"b":3}}})")});
    EXPECT_EQ(made.json, R"({"a":{"b":3}})");
    EXPECT_EQ(made.is_in_force, (std::vector<bool>{false, false, true}));
}

TEST(LayeredSettings, KeepNumbersAsTheyAreWritten) {
    EXPECT_EQ(
        layered({settings(R"({"properties.desired.a":[1, 1.0,"\u00e9"],"properties.desired.b":1.50})")}).json,
        "{\"a\":[1,1.0,\"\xC3\xA9\"],\"b\":1.50}");
}

TEST(LayeredSettings, FailWhereTogetherTheyHaveNoRoom) {
    std::vector<ConfigurationSettings> layers;
    for (int i = 0; i < 9; ++i) {
        const std::string path = "properties.desired.p" + std::to_string(i);
        layers.push_back(settings("{\"" + path + "\":\"" + std::string(4000, 'x') + "\"}"));
    }
    std::vector<const ConfigurationSettings*> pointers;
    for (const auto& layer : layers) pointers.push_back(&layer);
    EXPECT_FALSE(layer_settings(pointers));
    pointers.pop_back();
    EXPECT_TRUE(layer_settings(pointers));
}

TEST(SettingsPatch, SaysOnlyWhatDiffers) {
    EXPECT_EQ(content_patch("{}", R"({"a":{"x":1},"b":2})"), R"({"a":{"x":1},"b":2})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1},"own":5})", R"({"a":{"x":1},"b":2})"), R"({"b":2})");
    EXPECT_EQ(content_patch(R"({"a":{"x":0,"own":5}})", R"({"a":{"x":1}})"), R"({"a":{"x":1}})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1}})", R"({"a":{"x":1}})"), "");
    EXPECT_EQ(content_patch(R"({"a":1.0})", R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(content_patch(R"({"a":[1,2]})", R"({"a":[1,2]})"), "");
}

TEST(SettingsPatch, ReplacesWhatIsOfAnotherKind) {
    EXPECT_EQ(content_patch(R"({"a":5})", R"({"a":{"x":1}})"), R"({"a":{"x":1}})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1}})", R"({"a":5})"), R"({"a":5})");
    EXPECT_EQ(content_patch("{}", R"({"a":{}})"), R"({"a":{}})");
    EXPECT_EQ(content_patch(R"({"a":{"own":1}})", R"({"a":{}})"), "");
}

TEST(SettingsPatch, TakesBackWhatIsNotGivenAnyMore) {
    EXPECT_EQ(content_patch(R"({"a":1,"own":2})", "{}", R"({"a":1})"), R"({"a":null})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1,"y":2}})", "{}", R"({"a":{"x":1,"y":2}})"), R"({"a":null})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1,"own":2}})", "{}", R"({"a":{"x":1}})"), R"({"a":{"x":null}})");
    EXPECT_EQ(content_patch(R"({"a":{"x":{"y":1}},"b":{"own":1}})", R"({"b":{"z":1}})",
                            R"({"a":{"x":{"y":1}},"b":{"z":0}})"),
              R"({"b":{"z":1},"a":null})");
    EXPECT_EQ(content_patch("{}", "{}", R"({"a":{"x":1}})"), "");
    EXPECT_EQ(content_patch(R"({"a":7})", "{}", R"({"a":{"x":1}})"), "")
        << "somebody put something else there";
    EXPECT_EQ(content_patch(R"({"a":{}})", "{}", R"({"a":{}})"), R"({"a":null})");
}

TEST(SettingsPatch, GivesWhatAWeakerOneHasInstead) {
    EXPECT_EQ(content_patch(R"({"a":{"z":3}})", R"({"a":{"x":1,"y":2}})", R"({"a":{"z":3}})"),
              R"({"a":{"x":1,"y":2,"z":null}})");
    EXPECT_EQ(content_patch(R"({"a":{"x":1}})", R"({"a":5})", R"({"a":{"x":1}})"), R"({"a":5})");
}

}  // namespace
}  // namespace carillon
