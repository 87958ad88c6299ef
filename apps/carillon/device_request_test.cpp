#include "device_request.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

DeviceOrder order_for(std::string id) {
    DeviceOrder order;
    order.id = std::move(id);
    return order;
}

TEST(NewDevice, IsEnabledWithKeysOfTheHubsMaking) {
    EXPECT_EQ(new_device_json(order_for("d1")).value_or("?"),
              R"({"deviceId":"d1","status":"enabled","authentication":{"type":"sas"}})");
}

TEST(NewDevice, AThumbprintMakesItSelfSigned) {
    auto order = order_for("d1");
    order.primary_thumbprint = "AB";
    EXPECT_EQ(new_device_json(order).value_or("?"),
              R"({"deviceId":"d1","status":"enabled","authentication":{"x509Thumbprint":)"
              R"({"primaryThumbprint":"AB"},"type":"selfSigned"}})");
}

TEST(NewDevice, OneKeyAloneIsAMistake) {
    auto order = order_for("d1");
    order.primary_key = "a2V5";
    EXPECT_EQ(new_device_json(order).error().code, Errc::config_invalid);
}

constexpr const char* current_device =
    R"({"deviceId":"d1","etag":"MQ==","status":"disabled","statusReason":"lost","authentication":)"
    R"({"symmetricKey":{"primaryKey":"YQ==","secondaryKey":"Yg=="},"type":"sas"},"capabilities":{"iotEdge":true}})";

TEST(NewModule, HasNoStatus) {
    auto order = order_for("d1");
    order.module = "m1";
    EXPECT_EQ(new_device_json(order).value_or("?"),
              R"({"deviceId":"d1","moduleId":"m1","authentication":{"type":"sas"}})");
    EXPECT_EQ(changed_device_json(order, R"({"deviceId":"d1","moduleId":"m1","managedBy":"IoTEdge"})")
                  .value_or("?"),
              R"({"deviceId":"d1","moduleId":"m1","managedBy":"IoTEdge"})");
}

TEST(ConnectionStringOf, AModuleNamesItToo) {
    const char* identity =
        R"({"deviceId":"d","moduleId":"m","authentication":{"symmetricKey":{"primaryKey":"YQ=="}}})";
    EXPECT_EQ(device_connection_string("h", identity).value_or("?"),
              "HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=YQ==");
}

TEST(ChangedDevice, KeepsItsKeysAndCapabilities) {
    auto order = order_for("d1");
    order.status = "enabled";
    EXPECT_EQ(changed_device_json(order, current_device).value_or("?"),
              R"({"deviceId":"d1","status":"enabled","authentication":{"symmetricKey":{"primaryKey":"YQ==",)"
              R"("secondaryKey":"Yg=="},"type":"sas"},"capabilities":{"iotEdge":true}})");
}

TEST(ChangedDevice, KeepsTheReasonWhileTheStatusStays) {
    EXPECT_NE(
        changed_device_json(order_for("d1"), current_device).value_or("?").find(R"("statusReason":"lost")"),
        std::string::npos);
}

TEST(DeviceConnectionString, HasTheFirstKey) {
    EXPECT_EQ(device_connection_string("hub.localhost", current_device).value_or("?"),
              "HostName=hub.localhost;DeviceId=d1;SharedAccessKey=YQ==");
}

TEST(DeviceConnectionString, NeedsAKey) {
    EXPECT_FALSE(
        device_connection_string("h", R"({"deviceId":"d1","authentication":{"type":"selfSigned"}})"));
}

}  // namespace
}  // namespace carillon
