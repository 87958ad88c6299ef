#include "service_errors.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ServiceError, TheHeaderNamesTheCode) {
    const auto error = service_error(404, "DeviceNotFound", R"({"Message":"ErrorCode:DeviceNotFound;d1"})");
    EXPECT_EQ(error.code, Errc::device_not_found);
    EXPECT_EQ(error.detail, "d1");
}

TEST(ServiceError, TheMessageNamesTheCodeWhereNoHeaderDoes) {
    const auto error = service_error(
        409, "",
        R"({"Message":"ErrorCode:JobAlreadyExists;Job j1 is known.","ExceptionMessage":"Tracking ID:0"})");
    EXPECT_EQ(error.code, Errc::job_already_exists);
    EXPECT_EQ(error.detail, "Job j1 is known.");
}

TEST(ServiceError, ANumberInTheBodyDecides) {
    const auto error = service_error(409, "", R"({"errorCode":409301,"message":"it has m1"})");
    EXPECT_EQ(error.code, Errc::module_already_exists_on_device);
    EXPECT_EQ(error.detail, "it has m1");
}

TEST(ServiceError, AnErrorInsideTheMessageIsRead) {
    const auto error = service_error(
        404, "", R"({"Message":"{\"errorCode\":404103,\"message\":\"Timed out\"}","ExceptionMessage":""})");
    EXPECT_EQ(error.code, Errc::device_not_online);
    EXPECT_EQ(error.detail, "Timed out");
}

TEST(ServiceError, ANumberOfAnotherStatusIsNotBelieved) {
    EXPECT_EQ(service_error(401, "", R"({"errorCode":404001,"message":"x"})").code,
              static_cast<Errc>(401000));
}

TEST(ServiceError, WithoutABodyTheStatusIsTheCode) {
    EXPECT_EQ(http_status(service_error(503, "", "").code), 503);
    EXPECT_EQ(service_error(404, "", "").code, Errc::generic_not_found);
}

TEST(ServiceError, ATextThatIsNoJsonIsTheDetail) {
    EXPECT_EQ(service_error(502, "", "<html>bad gateway</html>").detail, "<html>bad gateway</html>");
}

TEST(ServiceError, AServerErrorKeepsItsNumber) {
    EXPECT_EQ(service_error(500, "ServerError", "").code, Errc::server_error);
}

}  // namespace
}  // namespace carillon
