#include "wire/sas/connection_string.hpp"

#include <gtest/gtest.h>

namespace carillon::sas {
namespace {

TEST(ConnectionString, EveryDocumentedFormIsReadAndWrittenBack) {
    for (const std::string form : {
             "HostName=hub.example.net;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5IQ==",
             "HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==",
             "HostName=hub.example.net;DeviceId=d1;ModuleId=m1;SharedAccessKey=a2V5IQ==",
             "HostName=hub.example.net;DeviceId=d1;x509=true",
             "HostName=hub.example.net;DeviceId=d1;SharedAccessSignature=SharedAccessSignature "
             "sr=a&sig=b%3D&se=1",
             "HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==;GatewayHostName=edge.local",
             "HostName=localhost:18883;DeviceId=d1;SharedAccessKeyName=device;SharedAccessKey=a2V5IQ==",
         }) {
        const auto parts = parse_connection_string(form);
        ASSERT_TRUE(parts) << form << ": " << parts.error().detail;
        EXPECT_EQ(to_text(*parts), form);
    }
}

TEST(ConnectionString, MembersComeInAnyOrder) {
    const auto parts = parse_connection_string(
        "SharedAccessKey=a2V5IQ==;ModuleId=m=1;HostName=hub.example.net;DeviceId=d=1;\n");
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->key, "a2V5IQ==");
    EXPECT_EQ(parts->device_id, "d=1");
    EXPECT_EQ(parts->module_id, "m=1");
    EXPECT_FALSE(parts->x509);
}

TEST(ConnectionString, MalformedOnesAreRefused) {
    for (const std::string& bad : {
             std::string(),
             std::string(";"),
             std::string("HostName"),
             std::string("HostName=;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net"),
             std::string("HostName=hub.example.net;DeviceId=d1"),
             std::string("HostName=hub.example.net;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;SharedAccessKeyName=service"),
             std::string("HostName=hub.example.net;x509=true"),
             std::string("hostname=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=a;HostName=a;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;SharedAccessKey=not*base64"),
             std::string("HostName=hub.example.net;DeviceId=d 1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d/1;SharedAccessKey=a2V5IQ=="),
             std::string(
                 "HostName=hub.example.net;ModuleId=m1;SharedAccessKeyName=x;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;ModuleId=m/1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;x509=True"),
             std::string("HostName=hub.example.net;DeviceId=d1;x509=false"),
             std::string("HostName=hub.example.net;DeviceId=d1;x509=true;x509=true"),
             std::string("HostName=hub.example.net;DeviceId=d1;x509=true;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==;;"),
             std::string("HostName=hub.example.net;;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub.example.net;DeviceId=d1;SharedAccessKey=a2V5IQ==;Endpoint=x"),
             std::string("HostName=hub example;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=hub/x;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=h;GatewayHostName=g/x;DeviceId=d1;SharedAccessKey=a2V5IQ=="),
             std::string("HostName=h;DeviceId=d1;SharedAccessKeyName=x;x509=true"),
             "HostName=hub.example.net;DeviceId=" + std::string(129, 'd') + ";SharedAccessKey=a2V5IQ==",
         }) {
        const auto parts = parse_connection_string(bad);
        ASSERT_FALSE(parts) << bad;
        EXPECT_EQ(parts.error().code, Errc::argument_invalid) << bad;
    }
}

TEST(ConnectionString, LongerThanTheLimitIsRefused) {
    const std::string rest = ";DeviceId=d1;SharedAccessKey=a2V5IQ==";
    std::string at_limit = "HostName=";
    at_limit.resize(connection_string_bytes_max - rest.size(), 'h');
    at_limit += rest;
    EXPECT_TRUE(parse_connection_string(at_limit));
    EXPECT_FALSE(parse_connection_string("HostName=h" + at_limit.substr(9)));
}

TEST(ConnectionString, TheKeyIsNeverInTheMessage) {
    const auto parts = parse_connection_string("HostName=h;DeviceId=d1;SharedAccessKey=secret*");
    ASSERT_FALSE(parts);
    EXPECT_EQ(parts.error().detail.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace carillon::sas
