// When a twin has what a job wrote. Cases G8 of the specification of rollouts.

#include "core/rollouts/confirm/confirm_rule.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using State = ConfirmRule::State;
constexpr WallTime noon = WallTime::from_unix_s(1'800'000'000);

TwinPatch patch_of(std::string_view desired) {
    const auto text = R"({"etag":"*","properties":{"desired":)" + std::string(desired) + "}}";
    const auto json = JsonDocument::parse(text);
    return *TwinPatch::parse_job(json->root(), Flavour::ga);
}

Twin report(const Twin& twin, std::string_view reported, WallTime at) {
    const auto json = JsonDocument::parse(reported);
    return patch_reported(twin, *SectionPatch::parse(json->root()), at)->twin;
}

struct Written {
    explicit Written(std::string_view desired, RolloutConfirm confirm = {}) {
        const auto patch = patch_of(desired);
        rule = *ConfirmRule::make(confirm, patch);
        twin = patch_twin(Twin::fresh(noon), patch, noon)->twin;
        version = twin.desired.version();
    }
    State after(std::string_view reported) {
        return rule->look(report(twin, reported, noon.plus_s(1)), version);
    }
    std::string other(std::string_view reported, std::int64_t after_s = 1) {
        return rule->other_value(report(twin, reported, noon.plus_s(after_s)), version, noon);
    }

    std::optional<ConfirmRule> rule;
    Twin twin;
    std::int64_t version = 0;
};

RolloutConfirm acknowledged() {
    RolloutConfirm confirm;
    confirm.by = ConfirmBy::acknowledged;
    return confirm;
}

TEST(ConfirmRule, ReportedIsEveryLeafAtTheSamePlace) {
    Written job(R"({"a":1,"b":{"c":"x","d":[1,{"e":true}]},"f":true})");
    EXPECT_EQ(job.after("{}"), State::waiting);
    EXPECT_EQ(job.after(R"({"a":1,"b":{"c":"x"},"f":true})"), State::waiting);
    EXPECT_EQ(job.after(R"({"a":1,"b":{"c":"x","d":[1,{"e":true}],"more":1},"f":true})"), State::converged);
    EXPECT_EQ(job.after(R"({"a":1.0,"b":{"c":"x","d":[ 1, {"e":true} ]},"f":true})"), State::converged)
        << "the number is the same";
    EXPECT_EQ(job.after(R"({"a":"1","b":{"c":"x","d":[1,{"e":true}]},"f":true})"), State::waiting);
    EXPECT_EQ(job.after(R"({"a":1,"b":{"c":"x","d":[1,{"e":true}]},"f":false})"), State::waiting);
}

TEST(ConfirmRule, APropertyThatIsRemovedIsToBeAbsent) {
    Written job(R"({"a":null,"b":2})");
    EXPECT_EQ(job.after(R"({"b":2})"), State::converged);
    EXPECT_EQ(job.after(R"({"a":0,"b":2})"), State::waiting);
}

TEST(ConfirmRule, G8_3AnAcknowledgementIsOfTheVersionThatWasWritten) {
    Written job(R"({"interval":60})", acknowledged());
    const auto with = [&job](std::int64_t version, int code) {
        return job.after(R"({"interval":{"value":60,"ac":)" + std::to_string(code) + R"(,"av":)" +
                         std::to_string(version) + R"(,"ad":"ok"}})");
    };
    EXPECT_EQ(with(job.version - 1, 200), State::waiting);
    EXPECT_EQ(with(job.version, 200), State::converged);
    EXPECT_EQ(with(job.version + 3, 204), State::converged);
    EXPECT_EQ(with(job.version, 202), State::converged);
    EXPECT_EQ(with(job.version, 500), State::refused);
    EXPECT_EQ(with(job.version - 1, 500), State::waiting) << "it is of an older write";
    EXPECT_EQ(job.after(R"({"interval":60})"), State::waiting) << "a value is no acknowledgement";
    EXPECT_EQ(job.other(R"({"interval":{"value":60,"ac":500,"av":1}})"),
              "properties.reported.interval acknowledges version 1 with 500");
}

TEST(ConfirmRule, AMapSaysWhereAPropertyIsReported) {
    RolloutConfirm confirm;
    confirm.map = {{"properties.desired.fw.version", "properties.reported.running"}};
    Written job(R"({"fw":{"version":"2.0","url":"x"}})", confirm);
    EXPECT_EQ(job.after(R"({"fw":{"version":"2.0"}})"), State::waiting);
    EXPECT_EQ(job.after(R"({"running":"2.0"})"), State::converged) << "the url is not watched";
    confirm.map = {{"properties.desired.fw.size", "properties.reported.size"}};
    const auto refused = ConfirmRule::make(confirm, patch_of(R"({"fw":{"version":"2.0"}})"));
    EXPECT_EQ(refused.error().detail,
              "rollout.confirm.map: updateTwin does not set properties.desired.fw.size");
}

TEST(ConfirmRule, WithoutDesiredPropertiesThereIsNothingToReport) {
    const auto json = JsonDocument::parse(R"({"etag":"*","tags":{"a":1}})");
    const auto patch = *TwinPatch::parse_job(json->root(), Flavour::ga);
    EXPECT_TRUE(ConfirmRule::make({}, patch).error().detail.starts_with("rollout.confirm.by: "));
}

TEST(ConfirmRule, G8_2WhatSomebodyElseHasWrittenSinceIsNoFailure) {
    Written job(R"({"interval":60})");
    const auto other = patch_of(R"({"level":7})");
    auto twin = patch_twin(job.twin, other, noon.plus_s(1))->twin;
    EXPECT_EQ(job.rule->look(twin, job.version), State::waiting) << "another property";
    twin = patch_twin(twin, patch_of(R"({"interval":30})"), noon.plus_s(2))->twin;
    EXPECT_EQ(job.rule->look(twin, job.version), State::superseded);
}

TEST(ConfirmRule, TellsAnotherValueFromAnOldOne) {
    Written job(R"({"interval":60,"name":"x"})");
    EXPECT_EQ(job.other(R"({"interval":30})"), "properties.reported.interval is 30");
    EXPECT_EQ(job.other(R"({"interval":60,"name":"y"})"), R"(properties.reported.name is "y")");
    EXPECT_EQ(job.other(R"({"interval":30})", -5), "") << "that was before the write";
    EXPECT_EQ(job.other(R"({"else":30})"), "");
}

}  // namespace
}  // namespace carillon
