#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

class Requests : public RestTest {};

TEST_F(Requests, NeedAnApiVersion) {
    for (const char* query :
         {"", "?", "?api-version=", "?api-version=1", "?api-version=2016-9-30", "?api-version=20160930",
          "?api-version=2016-09-30-", "?api-version=2016-09-30-beta", "?apiversion=2016-09-30"}) {
        const Answer answer = call("GET", std::string("/devices") + query);
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_EQ(answer.error(), "InvalidProtocolVersion") << query;
    }
    for (const char* version :
         {"2016-02-03", "2016-11-14", "2018-06-30", "2020-05-31-preview", "2024-03-31"}) {
        EXPECT_EQ(call("GET", std::string("/devices?top=1&api-version=") + version + "&x").status, 200)
            << version;
        EXPECT_EQ(call("GET", std::string("/devices/?API-Version=") + version).status, 200) << version;
    }
}

TEST_F(Requests, AreJudgedByRouteThenRightsThenVersion) {
    EXPECT_EQ(call("GET", "/nothing", "", "Authorization: none\r\n").status, 404);
    EXPECT_EQ(call("PATCH", "/devices/d", "", "Authorization: none\r\n").status, 405);
    const Answer refused = call("GET", "/devices", "", "Authorization: none\r\n");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.error(), "IotHubUnauthorizedAccess");
    EXPECT_FALSE(wire_.is_authenticated);
    EXPECT_EQ(call("GET", "/devices").status, 400);
    EXPECT_TRUE(wire_.is_authenticated);
}

TEST_F(Requests, MayNameTheHubInTheirTarget) {
    create("d1");
    EXPECT_EQ(call("GET", "https://hub.example.net" + at("/devices/d1")).status, 200);
    EXPECT_EQ(call("GET", "https://HUB.example.net:443" + at("/devices%2Fd1")).status, 200);
    const Answer refused = call("GET", "https://other.example.net" + at("/devices/d1"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.error(), "GenericBadRequest");
    EXPECT_EQ(call("GET", "https://hub.example.net.evil" + at("/devices/d1")).status, 400);
    EXPECT_EQ(call("GET", "https://other.example.net/ui").status, 400);
}

TEST_F(Requests, WithoutRightsChangeNothing) {
    create("d1");
    const std::string reader = "Authorization: " + token("registryRead") + "\r\nIf-Match: *\r\n";
    EXPECT_EQ(call("DELETE", at("/devices/d1"), "", reader).status, 401);
    EXPECT_EQ(call("PUT", at("/devices/d2"), "{}", reader).status, 401);
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a":1}})", reader).status, 401);
    EXPECT_EQ(call("PUT", at("/jobs/v2/j"), "{}", reader).status, 401);
    EXPECT_EQ(call("GET", at("/devices/d1")).status, 200);
    EXPECT_EQ(call("GET", at("/devices/d2")).status, 404);
    EXPECT_EQ(member(call("GET", at("/twins/d1")).body, "version"), "2");
}

TEST_F(Requests, WithBodiesNeedALength) {
    wire_.receive("PUT /devices/d?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\nAuthorization: " + token() +
                  "\r\n\r\n");
    hub_.settle();
    const Answer answer = take();
    EXPECT_EQ(answer.status, 411);
    EXPECT_NE(answer.body, "");
    EXPECT_EQ(call("POST", at("/jobs/v2/none/cancel"), "").status, 404);
}

TEST_F(Requests, AreHeldToTheirRoutesLimit) {
    const std::string large = "{\"tags\":{\"a\":\"" + std::string(300 * 1024, 'x') + "\"}}";
    EXPECT_EQ(call("PATCH", at("/twins/d1"), large).status, 413);
    EXPECT_TRUE(wire_.is_closed);
    const std::string job =
        R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"deviceIds":[")" +
        std::string(300 * 1024, 'x') + "\"]}";
    EXPECT_EQ(call("PUT", at("/jobs/v2/j", preview), job).error(), "ArgumentInvalid");
    EXPECT_EQ(call("PUT", at("/jobs/v2/j", preview), std::string(9 * 1024 * 1024, ' ')).status, 413);
}

TEST_F(Requests, ForAnUnknownResourceAreAnsweredOnlyToAKnownCaller) {
    const Answer made = create("d");
    const auto parsed = JsonDocument::parse(made.body);
    const auto key = parsed->root().find("authentication").find("symmetricKey").find("primaryKey").string();
    const auto signed_by = [this](std::string_view with, std::string_view device) {
        const std::string resource = "hub.example.net/devices/" + std::string(device);
        return "Authorization: " + sas::make_token(resource, with, clock_.wall_now().plus_s(3600)) + "\r\n";
    };
    for (const auto& [method, path] :
         std::vector<std::pair<const char*, const char*>>{{"GET", "/digitaltwins/d"},
                                                          {"PATCH", "/digitaltwins/d"},
                                                          {"POST", "/digitaltwins/d/commands/c"}}) {
        const Answer answer = call(method, at(path));
        EXPECT_EQ(answer.status, 501) << path;
        EXPECT_EQ(answer.error(), "GenericNotImplemented") << path;
        EXPECT_TRUE(answer.contains("not supported")) << answer.body;
        EXPECT_EQ(call(method, at(path), "", signed_by(key, "d")).status, 401) << path;
        EXPECT_EQ(call(method, at(path), "", signed_by(key, "e")).status, 401) << path;
        EXPECT_EQ(call(method, at(path), "", "Authorization: none\r\n").status, 401) << path;
    }
}

TEST_F(Requests, EachHaveAnIdOfTheirOwn) {
    const std::string first = call("GET", at("/devices")).header("x-ms-request-id");
    const std::string second = call("GET", "/nothing").header("x-ms-request-id");
    EXPECT_EQ(first.size(), 36U);
    EXPECT_EQ(second.size(), 36U);
    EXPECT_NE(first, second);
}

TEST_F(Requests, CutOffByTheirLengthFailAndEndTheConnection) {
    // The 2016 client's Content-Length counts characters: two bytes are missing here.
    create("d1");
    std::string text =
        text_of("PATCH", at("/twins/d1", preview), "{\"tags\":{\"a\":\"\xc3\xa4\xc3\xb6\"}}", "");
    const std::size_t at_length = text.find("Content-Length: 21");
    ASSERT_NE(at_length, std::string::npos);
    text.replace(at_length, 18, "Content-Length: 19");
    wire_.receive(text);
    hub_.settle();
    EXPECT_EQ(take().error(), "IotHubFormatError");
    EXPECT_EQ(wire_.sent, "");
    EXPECT_TRUE(wire_.is_closed);
}

}  // namespace
}  // namespace carillon::rest
