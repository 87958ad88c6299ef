#include "model/reversal/twin_reversal.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TwinPatch patch_of(std::string_view text) {
    auto patch = parse_twin_patch_text(text);
    EXPECT_TRUE(patch) << text;
    return patch ? *std::move(patch) : TwinPatch{};
}

Twin twin_of(std::string_view text) {
    auto change = patch_twin(Twin::fresh({}), patch_of(text), {});
    EXPECT_TRUE(change) << text;
    return change ? std::move(change->twin) : Twin::fresh({});
}

Twin written(const Twin& twin, std::string_view patch) {
    auto change = patch_twin(twin, patch_of(patch), {});
    EXPECT_TRUE(change) << patch;
    return change ? std::move(change->twin) : twin;
}

std::string text_of(const Twin& twin) {
    std::string text = "{\"tags\":";
    twin.tags.append_json(text, SectionForm::plain);
    text += ",\"desired\":";
    twin.desired.append_json(text, SectionForm::plain);
    return text + "}";
}

/// What stood there, kept as it is stored, and the write that brings it back to `now`.
Result<std::string> restoring(const Twin& before, std::string_view wrote, const Twin& now) {
    const auto reversal = TwinReversal::parse(wrote, OverwrittenReader(patch_of(wrote)).text(before));
    EXPECT_TRUE(reversal) << wrote;
    return reversal->restoring_text(now);
}

struct Case {
    const char* before;
    const char* wrote;
    const char* overwritten;
};
constexpr Case cases[] = {
    {R"({"desired":{"mode":"day"}})", R"({"desired":{"mode":"night"}})", R"({"desired":{"mode":"day"}})"},
    {R"({"desired":{"mode":"day"}})", R"({"desired":{"mode":null}})", R"({"desired":{"mode":"day"}})"},
    {R"({})", R"({"desired":{"mode":"night"}})", R"({"desired":{"mode":null}})"},
    {R"({})", R"({"desired":{"mode":null}})", ""},
    {R"({})", R"({"desired":{"a":{"b":{"c":1}}}})", R"({"desired":{"a":null}})"},
    {R"({"desired":{"a":{"x":1}}})", R"({"desired":{"a":{"b":{"c":1}}}})", R"({"desired":{"a":{"b":null}}})"},
    {R"({"desired":{"a":{"b":1,"c":2}}})", R"({"desired":{"a":{"b":5,"d":null}}})",
     R"({"desired":{"a":{"b":1}}})"},
    {R"({"desired":{"a":5}})", R"({"desired":{"a":{"b":1}}})", R"({"desired":{"a":5}})"},
    {R"({"desired":{"a":{"b":{"c":[1,2]}}}})", R"({"desired":{"a":7}})",
     R"({"desired":{"a":{"b":{"c":[1,2]}}}})"},
    {R"({"tags":{"site":"1","ü":true},"desired":{"n":1.0}})",
     R"({"tags":{"site":"2","ü":false},"desired":{"n":2}})",
     R"({"tags":{"site":"1","ü":true},"desired":{"n":1.0}})"},
    {R"({"tags":{"a":1,"b":{"c":"x"}}})", R"({"tags":null})", R"({"tags":{"a":1,"b":{"c":"x"}}})"},
    {R"({"desired":{"a":{}}})", R"({"desired":{"a":{"b":1}}})", R"({"desired":{"a":{"b":null}}})"},
};

TEST(TwinReversal, KeepsWhatAWriteTakesThePlaceOf) {
    for (const auto& c : cases)
        EXPECT_EQ(OverwrittenReader(patch_of(c.wrote)).text(twin_of(c.before)), c.overwritten) << c.wrote;
}

TEST(TwinReversal, SaysWhenAWriteTakesThePlaceOfTheSameInTheNextTwin) {
    constexpr const char* more[] = {
        R"({"tags":{"site":"1"},"desired":{"mode":"day","n":1,"a":{"b":1}}})",
        R"({"tags":{"site":"1"},"desired":{"mode":"day","n":2,"a":{"b":1}}})",
        R"({"desired":{"mode":"dayx","a":{"b":{"c":2}}}})",
        R"({"desired":{"a":{"b":{"c":1,"e":2}}}})",
    };
    for (const auto& c : cases) {
        const OverwrittenReader reader(patch_of(c.wrote));
        OverwrittenReader::Seen seen;
        std::string last;
        bool is_first = true;
        const auto look = [&](const char* twin) {
            const auto text = reader.text(twin_of(twin));
            const bool is_as_before = reader.read(twin_of(twin), seen);
            EXPECT_EQ(seen.text, text) << c.wrote << " over " << twin;
            if (is_as_before) {
                EXPECT_TRUE(!is_first && text == last) << c.wrote << " over " << twin;
            }
            last = text;
            is_first = false;
            return is_as_before;
        };
        for (const auto& other : cases) {
            look(other.before);
            // The same twin once more; a section that was cleared as a whole is always read.
            if (c.wrote != std::string_view(R"({"tags":null})")) {
                EXPECT_TRUE(look(other.before)) << c.wrote;
            }
        }
        for (const char* twin : more) look(twin);
    }
}

TEST(TwinReversal, OfTheSameWriteIntoAnotherTwinIsMadeOfTheFirst) {
    for (const auto& c : cases) {
        const auto first = TwinReversal::parse(c.wrote, R"({"tags":{"z":1},"desired":{"z":1}})");
        ASSERT_TRUE(first);
        const Twin before = twin_of(c.before);
        const Twin after = written(before, c.wrote);
        const auto made = first->with(c.overwritten);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->restoring_text(after).value(), restoring(before, c.wrote, after).value()) << c.wrote;
        EXPECT_FALSE(first->with("[")) << "no JSON";
    }
}

TEST(TwinReversal, TakesAWriteBack) {
    for (const auto& c : cases) {
        const Twin before = twin_of(c.before);
        const Twin after = written(before, c.wrote);
        const auto patch = restoring(before, c.wrote, after);
        ASSERT_TRUE(patch) << c.wrote << ": " << patch.error().detail;
        if (patch->empty()) continue;
        // Members that come back stand behind those that stayed.
        EXPECT_EQ(text_of(written(after, *patch)).size(), text_of(before).size()) << c.wrote << " " << *patch;
        const auto again = restoring(after, *patch, written(after, *patch));
        ASSERT_TRUE(again) << *patch << ": " << again.error().detail;
        EXPECT_EQ(text_of(written(written(after, *patch), *again)).size(), text_of(after).size()) << *again;
    }
}

TEST(TwinReversal, LeavesWhatOthersWroteBesideIt) {
    const Twin before = twin_of(R"({"desired":{"mode":"day"}})");
    const Twin now =
        written(written(before, R"({"desired":{"mode":"night"}})"), R"({"desired":{"level":3}})");
    EXPECT_EQ(restoring(before, R"({"desired":{"mode":"night"}})", now).value(),
              R"({"desired":{"mode":"day"}})");
}

TEST(TwinReversal, AnObjectThatWasMadeGoesOnlyWhenNothingElseHasComeIntoIt) {
    const Twin before = twin_of("{}");
    constexpr auto wrote = R"({"desired":{"a":{"b":1,"c":{"d":2}}}})";
    const Twin after = written(before, wrote);
    EXPECT_EQ(restoring(before, wrote, after).value(), R"({"desired":{"a":null}})");
    EXPECT_EQ(restoring(before, wrote, written(after, R"({"desired":{"a":{"x":1}}})")).value(),
              R"({"desired":{"a":{"b":null,"c":null}}})");
    EXPECT_EQ(restoring(before, wrote, written(after, R"({"desired":{"a":{"c":{"x":1}}}})")).value(),
              R"({"desired":{"a":{"b":null,"c":{"d":null}}}})");
}

TEST(TwinReversal, AValueThatIsNoLongerTheJobsIsAConflictThatNamesIt) {
    struct Conflict {
        const char* before;
        const char* wrote;
        const char* others;
        const char* path;
    };
    constexpr Conflict conflicts[] = {
        {R"({"desired":{"mode":"day"}})", R"({"desired":{"mode":"night"}})", R"({"desired":{"mode":"dusk"}})",
         "properties.desired.mode"},
        {R"({})", R"({"desired":{"mode":"night"}})", R"({"desired":{"mode":null}})",
         "properties.desired.mode"},
        {R"({"desired":{"mode":"day"}})", R"({"desired":{"mode":null}})", R"({"desired":{"mode":"dusk"}})",
         "properties.desired.mode"},
        {R"({})", R"({"desired":{"a":{"b":{"c":1}}}})", R"({"desired":{"a":{"b":{"c":2}}}})",
         "properties.desired.a.b.c"},
        {R"({"desired":{"a":5}})", R"({"desired":{"a":{"b":1}}})", R"({"desired":{"a":{"x":1}}})",
         "properties.desired.a"},
        {R"({"desired":{"a":{"x":1}}})", R"({"desired":{"a":{"b":1}}})", R"({"desired":{"a":9}})",
         "properties.desired.a"},
        {R"({"tags":{"a":1}})", R"({"tags":null})", R"({"tags":{"b":1}})", "tags"},
    };
    for (const auto& c : conflicts) {
        const Twin before = twin_of(c.before);
        const auto patch = restoring(before, c.wrote, written(written(before, c.wrote), c.others));
        ASSERT_FALSE(patch) << c.wrote << " " << *patch;
        EXPECT_EQ(patch.error().code, Errc::precondition_failed);
        EXPECT_EQ(patch.error().detail.substr(0, patch.error().detail.find(' ')), c.path)
            << patch.error().detail;
    }
}

TEST(TwinReversal, WhatIsStoredOfAWriteReadsAsTheSameWrite) {
    for (const auto& c : cases) EXPECT_EQ(twin_patch_text(patch_of(c.wrote)), c.wrote);
    EXPECT_FALSE(parse_twin_patch_text("[")) << "no JSON";
}

}  // namespace
}  // namespace carillon
