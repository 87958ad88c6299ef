#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using testing::Answer;
using testing::member;
using testing::RestTest;

class ConfigurationRoutes : public RestTest {
protected:
    Answer put(std::string_view id, std::string_view body, std::string_view fields = {}) {
        return call("PUT", at("/configurations/" + std::string(id)), body, fields);
    }
    static constexpr const char* content =
        R"({"content":{"deviceContent":{"properties.desired.x":1}},"priority":3,)"
        R"("targetCondition":"tags.a = 1"})";
};

TEST_F(ConfigurationRoutes, CreateReadReplaceListAndRemove) {
    const Answer made = put("c", content);
    EXPECT_EQ(made.status, 200);
    EXPECT_EQ(made.header("etag"), "\"MQ==\"");
    EXPECT_EQ(member(made.body, "etag"), "\"MQ==\"");
    EXPECT_TRUE(made.contains(R"("systemMetrics":{"results":{},)"));
    create("d");
    call("PATCH", at("/twins/d"), R"({"tags":{"a":1}})");
    const Answer read = call("GET", at("/configurations/c"));
    EXPECT_EQ(read.status, 200);
    EXPECT_TRUE(read.contains(R"("results":{"targetedCount":1,"appliedCount":1})"));
    EXPECT_TRUE(call("GET", at("/twins/d")).contains(R"("configurations":{"c":{"status":"Applied"}})"));
    EXPECT_EQ(put("c", content, "If-Match: \"*\"\r\n").header("etag"), "\"Mg==\"");
    EXPECT_EQ(put("c", content, "If-Match: *\r\n").status, 200);
    put("b", content);
    const Answer list = call("GET", at("/configurations/?top=1"));
    EXPECT_EQ(list.status, 200);
    const auto json = JsonDocument::parse(list.body);
    ASSERT_TRUE(json && json->root().is_array());
    ASSERT_EQ(json->root().size(), 2U);
    EXPECT_EQ(json->root().first().find("id").string(), "b");
    EXPECT_EQ(call("DELETE", at("/configurations/c")).status, 204);
    EXPECT_EQ(call("DELETE", at("/configurations/c")).error(), "ConfigurationNotFound");
    EXPECT_FALSE(call("GET", at("/twins/d")).contains(R"("c":{"status")"));
}

TEST_F(ConfigurationRoutes, SayWhyTheyRefuse) {
    put("c", content);
    EXPECT_EQ(put("c", content).error(), "ConfigurationAlreadyExists");
    EXPECT_EQ(put("c", content).status, 409);
    EXPECT_EQ(put("c", content, "If-Match: MQ==\r\n").status, 409) << "an etag without quotes counts as none";
    EXPECT_EQ(put("c", content, "If-Match: \"Mg==\"\r\n").status, 412);
    EXPECT_EQ(put("other", content, "If-Match: \"MQ==\"\r\n").error(), "ConfigurationNotFound");
    EXPECT_EQ(put("Upper", content).error(), "ArgumentInvalid");
    EXPECT_EQ(put("d", "nonsense").error(), "IotHubFormatError");
    EXPECT_EQ(put("d", "{}").error(), "InvalidConfigurationContent");
    EXPECT_EQ(
        put("d", R"({"content":{"deviceContent":{"properties.desired.x":1}},"targetCondition":"tags.x ="})")
            .error(),
        "InvalidConfigurationTargetCondition");
    EXPECT_EQ(call("GET", at("/configurations/nobody")).error(), "ConfigurationNotFound");
    EXPECT_EQ(call("DELETE", at("/configurations/c"), {}, "If-Match: \"Mg==\"\r\n").status, 412);
}

TEST_F(ConfigurationRoutes, TryOutConditionsAndQueries) {
    const auto test = [this](std::string_view body) {
        return call("POST", at("/configurations/testQueries"), body);
    };
    EXPECT_EQ(
        test(R"({"targetCondition":"tags.a = 1","customMetricQueries":{"m":"SELECT * FROM devices"}})").body,
        R"({"targetConditionError":null,"customMetricQueryErrors":{}})");
    EXPECT_EQ(test("{}").body, R"({"targetConditionError":null,"customMetricQueryErrors":{}})");
    const Answer wrong = test(R"({"targetCondition":"tags.a =","customMetricQueries":{"m":"SELECT","n":7}})");
    EXPECT_EQ(wrong.status, 200);
    EXPECT_TRUE(wrong.contains("Line 1:")) << wrong.body;
    EXPECT_EQ(JsonDocument::parse(wrong.body)->root().find("customMetricQueryErrors").size(), 2U);
    EXPECT_EQ(test("[]").error(), "IotHubFormatError");
    EXPECT_EQ(test(R"({"targetCondition":7})").error(), "ArgumentInvalid");
}

TEST_F(ConfigurationRoutes, ApplyAContentToAnEdgeDevice) {
    const auto apply = [this](std::string_view id, std::string_view body) {
        return call("POST", at("/devices/" + std::string(id) + "/applyConfigurationContent"), body);
    };
    create("plain");
    call("PUT", at("/devices/edge"), R"({"capabilities":{"iotEdge":true}})");
    const std::string modules =
        R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"a":1,"b":{"c":2}}},"m":{"properties.desired.x":1}}})";
    EXPECT_EQ(apply("edge", modules).status, 204);
    EXPECT_TRUE(call("GET", at("/twins/edge/modules/m")).contains(R"("desired":{"x":1,)"));
    EXPECT_EQ(
        apply("edge", R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"b":{"d":3}}}}})").status,
        204);
    EXPECT_TRUE(call("GET", at("/twins/edge/modules/$edgeAgent")).contains(R"("desired":{"b":{"d":3},)"));
    EXPECT_EQ(apply("edge", R"({"deviceContent":{"properties.desired.y":1}})").status, 204);
    EXPECT_TRUE(call("GET", at("/twins/edge")).contains(R"("desired":{"y":1,)"));
    EXPECT_EQ(apply("plain", modules).error(), "ArgumentInvalid");
    EXPECT_EQ(apply("nobody", modules).error(), "DeviceNotFound");
    for (const char* body : {"{}", R"({"modulesContent":[]})", R"({"modulesContent":{"m":{"tags.x":1}}})",
                             R"({"moduleContent":{"properties.desired.x":1}})"}) {
        EXPECT_EQ(apply("edge", body).error(), "InvalidConfigurationContent") << body;
    }
    for (const char* module : {"", "$other", "a b"}) {
        const std::string body =
            R"({"modulesContent":{")" + std::string(module) + R"(":{"properties.desired.x":1}}})";
        EXPECT_EQ(apply("edge", body).error(), "ArgumentInvalid") << module;
    }
}

}  // namespace
}  // namespace carillon::rest
