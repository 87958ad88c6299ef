#include "yaml_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

std::string yaml_of(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    return document ? yaml_text(document->root()) : "not JSON";
}

TEST(YamlText, WritesBlocks) {
    EXPECT_EQ(yaml_of(R"({"deviceId":"pump-a1","tags":{"floor":2,"rooms":["a","b",{"c":1,"d":[]}]},"e":{}})"),
              "deviceId: pump-a1\n"
              "tags:\n"
              "  floor: 2\n"
              "  rooms:\n"
              "    - a\n"
              "    - b\n"
              "    - c: 1\n"
              "      d: []\n"
              "e: {}\n");
    EXPECT_EQ(yaml_of("[[1,2],[]]"), "- - 1\n  - 2\n- []\n");
}

TEST(YamlText, QuotesWhatWouldBeReadAsAnotherThing) {
    for (const char* text : {"yes", "No", "TRUE", "null", "on", "1", "1e3", "2026-01-01", "", " a", "a: b",
                             "a #b", "-", "*a", "~", ".inf", "a\\nb"}) {
        const std::string json = '"' + std::string(text) + '"';
        EXPECT_EQ(yaml_of(json), json + "\n");
    }
    EXPECT_EQ(yaml_of(R"({"no":1,"$version":2})"), "\"no\": 1\n\"$version\": 2\n");
}

TEST(YamlText, KeepsNumbersAndWords) {
    EXPECT_EQ(yaml_of("1.0"), "1.0\n");
    EXPECT_EQ(yaml_of(R"({"a":null,"b":true,"c":"plain"})"), "a: null\nb: true\nc: plain\n");
}

}  // namespace
}  // namespace carillon
