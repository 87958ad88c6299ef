#include "wire/mqtt/user_name.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

TEST(UserName, EveryGenerationOfClientsIsUnderstood) {
    struct Case {
        std::string_view user_name;
        std::string_view client_id;
        std::string_view api_version;
        std::string_view client_type;
        std::string_view model_id = {};
    };
    for (const Case& c : std::initializer_list<Case>{
             {"localhost/myDeviceId/"
              "DeviceClientType=azure-iot-device%2F1.1.0-dtpreview&api-version=2016-09-30-preview",
              "myDeviceId", "2016-09-30-preview", "azure-iot-device/1.1.0-dtpreview"},
             {"hub/d/DeviceClientType=com.microsoft.azure.sdk", "d", "2016-11-14", "com.microsoft.azure.sdk"},
             {"hub/d/api-version=2016-11-14&DeviceClientType=iothubclient%2F1.1.12", "d", "2016-11-14",
              "iothubclient/1.1.12"},
             {"localhost/myDeviceId/"
              "?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20)",
              "myDeviceId", "2021-04-12", "azure-iot-device/1.18.4 (node v20)"},
             {"hub/d/"
              "?api-version=2020-09-30&DeviceClientType=x&auth-chain=a;b&model-id=dtmi%3Acom%3Aexample%3Bv1",
              "d", "2020-09-30", "x", "dtmi:com:example;v1"},
             {"localhost/myDeviceId/mod1/?api-version=2021-04-12", "myDeviceId/mod1", "2021-04-12", ""},
             {"hub/d/m/api-version=2017-06-30/DeviceClientType=a/b", "d/m", "2017-06-30", "a/b"},
             {"hub/d", "d", "2016-11-14", ""},
             {"hub/d/", "d", "2016-11-14", ""},
             {"hub/d/m", "d/m", "2016-11-14", ""},
             {"hub/d/?", "d", "2016-11-14", ""},
             {"hub/d/?foo=bar&api-version=2018-06-30&flag", "d", "2018-06-30", ""},
             {"hub/d/?api-version=2018-06-30&api-version=2019-10-01", "d", "2018-06-30", ""},
             {"hub/d/?DeviceClientType=%zz&api-version=2018-06-30", "d", "2018-06-30", "%zz"},
             {"hub:8883/d", "d", "2016-11-14", ""},
             {"hub/api-version=1/?api-version=2018-06-30", "api-version=1", "2018-06-30", ""},
             {"hub/?x/?api-version=2018-06-30", "?x", "2018-06-30", ""},
             {"hub/a%b+c#/?api-version=2018-06-30", "a%b+c#", "2018-06-30", ""},
         }) {
        const auto user = parse_user_name(c.user_name, c.client_id);
        ASSERT_TRUE(user) << c.user_name;
        EXPECT_EQ(user->api_version, c.api_version) << c.user_name;
        EXPECT_EQ(user->client_type, c.client_type) << c.user_name;
        EXPECT_EQ(user->model_id, c.model_id) << c.user_name;
        const std::string id(user->device);
        EXPECT_EQ(user->module.empty() ? id : id + "/" + std::string(user->module), c.client_id);
    }
}

TEST(UserName, WhatDoesNotFitTheClientIdIsRefused) {
    struct Case {
        std::string_view user_name;
        std::string_view client_id;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"", "d"},
             {"hub", "d"},
             {"hub/", "d"},
             {"/d", "d"},
             {"hub/d", ""},
             {"hub/", ""},
             {"hub//", ""},
             {"hub/D", "d"},
             {"hub/d2", "d"},
             {"hub/dd/?api-version=2018-06-30", "d"},
             {"hub/d/m/?api-version=2018-06-30", "d"},
             {"hub/d/m", "d"},
             {"hub/d/?api-version=2018-06-30", "d/m"},
             {"hub/d", "d/m"},
             {"hub/d/", "d/"},
             {"hub/d/m/x/?a=b", "d/m/x"},
             {"hub/d/foo=bar", "d"},
             {"hub/d//?api-version=2018-06-30", "d"},
             {"hub/d%20", "d "},
             {"d", "d"},
             {"hub\\d", "d"},
         }) {
        const auto user = parse_user_name(c.user_name, c.client_id);
        ASSERT_FALSE(user) << c.user_name << " / " << c.client_id;
        EXPECT_EQ(user.error().code, Errc::iot_hub_unauthorized);
    }
}

TEST(UserName, UnknownApiVersionsAreRefused) {
    for (std::string_view bad :
         {"2099-01-01", "2021-04-13", "2021-13-01", "2021-00-01", "2021-01-32", "latest", "2021-4-12",
          "2021/04/12", "2021-04-12-preview2", "2021-04-12 ", "20210412"}) {
        EXPECT_FALSE(is_known_api_version(bad)) << bad;
        const auto user = parse_user_name("hub/d/?api-version=" + std::string(bad), "d");
        ASSERT_FALSE(user) << bad;
        EXPECT_EQ(user.error().code, Errc::invalid_protocol_version);
    }
    for (std::string_view good :
         {"2015-08-15-preview", "2016-02-03", "2016-09-30-preview", "2016-11-14", "2017-06-30", "2018-06-30",
          "2019-10-01", "2020-05-31-preview", "2020-09-30", "2021-04-12"}) {
        EXPECT_TRUE(is_known_api_version(good)) << good;
    }
}

TEST(UserName, ClientsInCAreKnownByTheirType) {
    for (std::string_view type : {"iothubclient/1.1.12", "iothubclient/1.9.1 (native; Linux; x86_64)",
                                  "pump iothubclient/1.9.1 (native)", "azsdk-c/1.5.0",
                                  "azsdk-c/1.3.0 (azrtos 6.1.2;0;0;U)", "c/1.1.0", "c/1.5.0(FreeRTOS)"}) {
        EXPECT_TRUE(is_c_client(type)) << type;
    }
    for (std::string_view type :
         {"", "azure-iot-device/1.18.3 (node v20.1.0; Ubuntu)",
          "azure-iot-device-iothub-py/2.12.0(3.10;Linux)", ".NET/1.41.2 (.NET Core; WindowsProduct)",
          "com.microsoft.azure.sdk.iot.iot-device-client/2.1.2", "carillon/0.1.0", "abc/1", "iothubclient",
          "misc/2"}) {
        EXPECT_FALSE(is_c_client(type)) << type;
    }
}

}  // namespace
}  // namespace carillon::mqtt
