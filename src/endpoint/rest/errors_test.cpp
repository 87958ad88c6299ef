#include "endpoint/rest/errors.hpp"

#include "base/json.hpp"

#include <gtest/gtest.h>

namespace carillon::rest {
namespace {

constexpr WallTime happened_at{WallTime::from_unix_s(1'795'514'400).ticks +
                               1};  // 2026-11-24T10:00:00.0000001Z

HttpResponse respond(Errc code, std::string detail, int connect_timeout_s = 0) {
    SeededRandom random(7);
    ErrorContext method;
    method.connect_timeout_s = connect_timeout_s;
    return error_response(Error{code, std::move(detail)}, happened_at, random, method);
}

/// `text` with each run of 32 upper-case hex digits replaced by `ID`.
std::string without_ids(std::string text) {
    for (std::size_t at = 0; at + 32 <= text.size(); ++at) {
        if (text.find_first_not_of("0123456789ABCDEF", at) >= at + 32) text.replace(at, 32, "ID");
    }
    return text;
}

TEST(Errors, WriteThePlainEnvelope) {
    const HttpResponse response = respond(Errc::device_not_found, "d1");
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.fields, "iothub-errorcode: DeviceNotFound\r\n");
    EXPECT_EQ(
        without_ids(response.body),
        R"({"Message":"ErrorCode:DeviceNotFound;d1","ExceptionMessage":"Tracking ID:ID-G:0-TimeStamp:11/24/2026 10:00:00"})");
}

TEST(Errors, WriteTheCodedEnvelopeForModuleConflicts) {
    const HttpResponse response =
        respond(Errc::module_already_exists_on_device, "Device d1 already contains Module m1.");
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.fields, "iothub-errorcode: ModuleAlreadyExistsOnDevice\r\n");
    EXPECT_EQ(
        without_ids(response.body),
        R"({"errorCode":409301,"message":"Device d1 already contains Module m1.","trackingId":"ID-G:0-TimeStamp:11/24/2026 10:00:00","timestampUtc":"2026-11-24T10:00:00.0000001Z"})");
}

TEST(Errors, WriteTheNestedEnvelopeForDirectMethods) {
    const HttpResponse response = respond(Errc::device_not_online, "", 75);
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.fields, "iothub-errorcode: DeviceNotOnline\r\n");
    EXPECT_EQ(
        without_ids(response.body),
        R"({"Message":"{\"errorCode\":404103,\"trackingId\":\"ID-G:0-TimeStamp:11/24/2026 10:00:00\",\"message\":\"Timed out waiting for device to connect.\",\"info\":{\"timeout\":\"00:01:15\"},\"timestampUtc\":\"2026-11-24T10:00:00.0000001Z\"}","ExceptionMessage":""})");
    EXPECT_EQ(respond(Errc::gateway_timeout, "").status, 504);
    EXPECT_NE(respond(Errc::gateway_timeout, "").body.find("Timed out waiting for the response from device."),
              std::string::npos);
}

TEST(Errors, HaveTextsThatNodeDoesNotCut) {
    const HttpResponse response = respond(Errc::argument_invalid, "a;b;c");
    EXPECT_NE(response.body.find("ErrorCode:ArgumentInvalid;a,b,c\""), std::string::npos);
}

TEST(Errors, NeverHaveEmptyTexts) {
    for (const Errc code :
         {Errc::argument_invalid, Errc::generic_not_found, Errc::throttling_exception, Errc::server_busy,
          Errc::precondition_failed, Errc::iot_hub_unauthorized_access}) {
        EXPECT_EQ(respond(code, "").body.find(";\""), std::string::npos) << errc_name(code);
    }
}

TEST(Errors, KeepWhatOnlyWeKnowToOurselves) {
    for (const Errc code : {Errc::store_failed, Errc::store_corrupt, Errc::io_failed}) {
        const HttpResponse response = respond(code, "/var/lib/secret: no space");
        EXPECT_EQ(response.status, 500);
        EXPECT_EQ(response.fields, "iothub-errorcode: ServerError\r\n");
        EXPECT_EQ(response.body.find("secret"), std::string::npos);
        EXPECT_NE(response.body.find("ErrorCode:ServerError;"), std::string::npos);
    }
}

TEST(Errors, AreJsonWhateverTheText) {
    const HttpResponse response = respond(Errc::argument_invalid, "quote \" back \\ line \n end \x01");
    const auto parsed = JsonDocument::parse(response.body);
    ASSERT_TRUE(parsed) << response.body;
    EXPECT_EQ(parsed->root().find("Message").string(),
              "ErrorCode:ArgumentInvalid;quote \" back \\ line \n end \x01");
}

}  // namespace
}  // namespace carillon::rest
