#include "configuration_request.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr const char* content = R"({"deviceContent":{"properties.desired.x":1}})";

ConfigurationOrder order_with(std::string text) {
    ConfigurationOrder order;
    order.id = "c";
    order.content = std::move(text);
    return order;
}

TEST(NewConfiguration, IsWhatItsFlagsSay) {
    auto order = order_with(content);
    EXPECT_EQ(new_configuration_json(order).value_or("?"),
              R"({"id":"c","schemaVersion":"1.0","content":{"deviceContent":{"properties.desired.x":1}},)"
              R"("targetCondition":"","priority":0})");
    order.labels = R"({"by":"me"})";
    order.target_condition = "tags.x = 'y'";
    order.priority = 7;
    order.metrics = R"({"queries":{"m":"SELECT 1"}})";
    EXPECT_EQ(new_configuration_json(order).value_or("?"),
              R"({"id":"c","schemaVersion":"1.0","labels":{"by":"me"},"content":)"
              R"({"deviceContent":{"properties.desired.x":1}},"targetCondition":"tags.x = 'y'","priority":7,)"
              R"("metrics":{"queries":{"m":"SELECT 1"}}})");
}

TEST(NewConfiguration, TakesFilesOfOtherTools) {
    auto order = order_with(std::string(R"({"id":"other","content":)") + content + "}");
    order.metrics = R"({"metrics":{"queries":{"m":"q"}}})";
    const auto body = new_configuration_json(order).value_or("?");
    EXPECT_NE(body.find(R"("content":{"deviceContent")"), std::string::npos) << body;
    EXPECT_NE(body.find(R"("metrics":{"queries":{"m":"q"}})"), std::string::npos) << body;
}

TEST(NewConfiguration, NeedsObjects) {
    EXPECT_EQ(new_configuration_json(order_with("[]")).error().code, Errc::config_invalid);
    auto order = order_with(content);
    order.metrics = R"({"m":"q"})";
    EXPECT_EQ(new_configuration_json(order).error().code, Errc::config_invalid);
}

TEST(ChangedConfiguration, KeepsWhatIsNotNamed) {
    const std::string current =
        R"({"id":"c","schemaVersion":null,"labels":{"a":"b"},"content":{"deviceContent":{"properties.desired.x":1}},)"
        R"("targetCondition":"*","priority":3,"metrics":{"results":{"m":1},"queries":{"m":"q"}},"etag":"MQ=="})";
    ConfigurationOrder order;
    order.id = "c";
    order.sets = {"priority=9", "targetCondition=tags.x = 'a=b'"};
    ASSERT_TRUE(take_sets(order));
    EXPECT_EQ(
        changed_configuration_json(order, current).value_or("?"),
        R"({"id":"c","schemaVersion":null,"labels":{"a":"b"},"content":)"
        R"({"deviceContent":{"properties.desired.x":1}},"targetCondition":"tags.x = 'a=b'","priority":9,)"
        R"("metrics":{"queries":{"m":"q"}}})");
    EXPECT_FALSE(changed_configuration_json(order, "[]"));
}

TEST(ConfigurationSets, AreOfWhatMayChange) {
    for (const char* set : {"content={}", "priority", "priority=high", "labels=nonsense", "etag=x", "=x"}) {
        ConfigurationOrder order;
        order.sets = {set};
        EXPECT_FALSE(take_sets(order)) << set;
    }
}

TEST(MetricStatement, IsTheQueryOfThatName) {
    const std::string current =
        R"({"systemMetrics":{"queries":{"appliedCount":"select x from y"}},"metrics":{"queries":{"m":"select *"}}})";
    EXPECT_EQ(metric_statement(current, "appliedCount", true).value_or("?"), "select x from y");
    EXPECT_EQ(metric_statement(current, "m", false).value_or("?"), "select * FROM devices ");
    EXPECT_EQ(metric_statement(current, "appliedCount", false).error().code, Errc::not_found_locally);
}

TEST(MetricStatement, IsOfWhatTheContentIsFor) {
    const std::string current =
        R"({"content":{"moduleContent":{}},"metrics":{"queries":{"m":"SELECT moduleId WHERE tags.a = 'from'"}}})";
    EXPECT_EQ(metric_statement(current, "m", false).value_or("?"),
              "SELECT moduleId  FROM devices.modules WHERE tags.a = 'from'");
}

}  // namespace
}  // namespace carillon
