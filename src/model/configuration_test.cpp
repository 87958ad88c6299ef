#include "model/configuration.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Result<Configuration> parse(std::string_view json, std::string_view id = "fw-1") {
    const auto document = JsonDocument::parse(json);
    CARILLON_ASSERT(document);
    return Configuration::parse(id, document->root());
}

constexpr std::string_view whole =
    R"({"id":"fw-1","schemaVersion":"1.0","labels":{"by":"me"},"content":{"deviceContent":{"properties.desired.a":1}},)"
    R"("targetCondition":"tags.x = 1","priority":10,"metrics":{"queries":{"m":"SELECT deviceId FROM devices"}},)"
    R"("etag":"x","createdTimeUtc":"2020-01-01T00:00:00Z"})";

TEST(Configuration, IsReadAndPrinted) {
    auto configuration = parse(whole);
    ASSERT_TRUE(configuration);
    EXPECT_EQ(configuration->priority, 10);
    configuration->created = WallTime::from_unix_s(1'790'000'000);
    configuration->updated = configuration->created.plus_s(1);
    std::string text;
    append_configuration_json(text, *configuration, std::nullopt);
    const std::string expected =
        R"x({"id":"fw-1","schemaVersion":"1.0","labels":{"by":"me"},)x"
        R"x("content":{"deviceContent":{"properties.desired.a":1}},"targetCondition":"tags.x = 1",)x"
        R"x("createdTimeUtc":"2026-09-21T14:13:20Z","lastUpdatedTimeUtc":"2026-09-21T14:13:21Z","priority":10,)x"
        R"x("systemMetrics":{"results":{},"queries":{)x"
        R"x("targetedCount":"SELECT deviceId FROM devices WHERE IS_DEFINED(configurations.[[fw-1]].status)",)x"
        R"x("appliedCount":"SELECT deviceId FROM devices WHERE configurations.[[fw-1]].status = 'Applied'"}},)x"
        R"x("metrics":{"results":{},"queries":{"m":"SELECT deviceId FROM devices"}},"etag":"MQ=="})x";
    EXPECT_EQ(text, expected);
    text.clear();
    append_configuration_json(text, *configuration, ConfigurationCounts{5, 3, {{"m", 2}}});
    EXPECT_NE(text.find(R"("results":{"targetedCount":5,"appliedCount":3})"), std::string::npos);
    EXPECT_NE(text.find(R"("results":{"m":2})"), std::string::npos);
}

TEST(Configuration, IsStoredAndReadBack) {
    auto configuration = parse(whole);
    ASSERT_TRUE(configuration);
    configuration->created = WallTime::from_unix_s(1'790'000'000);
    configuration->updated = configuration->created.plus_s(1);
    configuration->etag = 7;
    const auto decoded = Configuration::decode(configuration->encode());
    ASSERT_TRUE(decoded);
    std::string before;
    std::string after;
    append_configuration_json(before, *configuration, std::nullopt);
    append_configuration_json(after, *decoded, std::nullopt);
    EXPECT_EQ(before, after);
    EXPECT_FALSE(Configuration::decode("{}"));
    EXPECT_FALSE(Configuration::decode("nonsense"));
}

TEST(Configuration, MayLeaveOutAllButItsContent) {
    const auto bare =
        parse(R"({"content":{},"labels":null,"metrics":null,"targetCondition":null,"priority":null})");
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->priority, 0);
    EXPECT_EQ(bare->target_condition, "");
    EXPECT_TRUE(bare->metric_queries.empty());
}

TEST(Configuration, IsRefusedForWhatIsNoneOfItsMembers) {
    const std::string content = R"("content":{"deviceContent":{}})";
    const auto refusal = [](const std::string& json, std::string_view id = "fw-1") {
        const auto parsed = parse(json, id);
        return parsed ? Errc::server_error : parsed.error().code;
    };
    EXPECT_EQ(refusal("[]"), Errc::iot_hub_format_error);
    EXPECT_EQ(refusal("{}"), Errc::invalid_configuration_content);
    EXPECT_EQ(refusal(R"({"content":[]})"), Errc::invalid_configuration_content);
    for (const char* member :
         {R"("id":"other")", R"("priority":"high")", R"("priority":1.5)", R"("priority":2147483648)",
          R"("labels":[])", R"("targetCondition":7)", R"("schemaVersion":{})", R"("metrics":{"queries":[]})",
          R"("metrics":{"queries":{"m":7}})", R"("metrics":{"queries":{"":"SELECT"}})"}) {
        EXPECT_EQ(refusal("{" + content + "," + member + "}"), Errc::argument_invalid) << member;
    }
    std::string many;
    for (int i = 0; i <= 20; ++i) many += (i > 0 ? ",\"m" : "\"m") + std::to_string(i) + "\":\"q\"";
    EXPECT_EQ(refusal("{" + content + R"(,"metrics":{"queries":{)" + many + "}}}"), Errc::argument_invalid);
    for (const std::string& id : {std::string("Upper"), std::string("a b"), std::string("a.b"),
                                  std::string("a/b"), std::string(129, 'a')}) {
        EXPECT_EQ(refusal("{" + content + "}", id), Errc::argument_invalid) << id;
    }
    EXPECT_TRUE(parse("{" + content + "}", "a-z+0%9_*!'"));
    EXPECT_TRUE(parse("{" + content + "}", std::string(128, 'a')));
}

}  // namespace
}  // namespace carillon
