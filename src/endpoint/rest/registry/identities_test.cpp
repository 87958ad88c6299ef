#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

class Identities : public RestTest {};

TEST_F(Identities, AreCreatedReadReplacedAndRemoved) {
    const Answer created = create("d1");
    EXPECT_EQ(created.status, 200);
    EXPECT_EQ(member(created.body, "deviceId"), "\"d1\"");
    EXPECT_EQ("\"" + created.header("etag").substr(1), member(created.body, "etag"));
    EXPECT_EQ(created.header("content-type"), "application/json; charset=utf-8");
    EXPECT_EQ(created.header("x-ms-request-id").size(), 36U);

    const Answer read = call("GET", at("/devices/d1"));
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, created.body);
    EXPECT_EQ(read.header("etag"), created.header("etag"));

    const Answer replaced =
        call("PUT", at("/devices/d1"), R"({"deviceId":"d1","status":"disabled","statusReason":"why"})",
             "If-Match: \"*\"\r\n");
    EXPECT_EQ(replaced.status, 200);
    EXPECT_EQ(member(replaced.body, "status"), "\"disabled\"");
    EXPECT_NE(replaced.header("etag"), created.header("etag"));

    const Answer removed = call("DELETE", at("/devices/d1"), "", "If-Match: *\r\n");
    EXPECT_EQ(removed.status, 204);
    EXPECT_EQ(removed.body, "");
    EXPECT_FALSE(removed.has("content-type"));
    EXPECT_FALSE(removed.has("content-length"));
    const Answer gone = call("GET", at("/devices/d1"));
    EXPECT_EQ(gone.status, 404);
    EXPECT_TRUE(gone.contains("\"ErrorCode:DeviceNotFound;d1\""));
}

TEST_F(Identities, ReadIfMatchAsTheServiceDoes) {
    const std::string etag = create("d1").header("etag");
    const std::string bare = etag.substr(1, etag.size() - 2);
    const Answer again = create("d1");
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.error(), "DeviceAlreadyExists");
    EXPECT_TRUE(again.contains("A device with ID 'd1' is already registered."));

    EXPECT_EQ(call("PUT", at("/devices/d2"), "{}", "If-Match: *\r\n").status, 404);
    EXPECT_EQ(call("PUT", at("/devices/d1"), "{}", "If-Match: \"c3RhbGU=\"\r\n").error(),
              "PreconditionFailed");
    EXPECT_EQ(call("PUT", at("/devices/d1"), "{}", "If-Match: c3RhbGU=\r\n").status, 412);
    const Answer by_bare = call("PUT", at("/devices/d1"), "{}", "If-Match: " + bare + "\r\n");
    EXPECT_EQ(by_bare.status, 200);
    EXPECT_EQ(call("DELETE", at("/devices/d1"), "", "If-Match: " + etag + "\r\n").status, 412);
    const Answer missing = call("DELETE", at("/devices/d1"));
    EXPECT_EQ(missing.status, 412);
    EXPECT_TRUE(missing.contains("PreconditionFailed;Etag missing"));
    EXPECT_EQ(call("DELETE", at("/devices/d1"), "", "If-Match: " + by_bare.header("etag") + "\r\n").status,
              204);
}

TEST_F(Identities, TakeEveryLegalIdHoweverItIsSpelt) {
    for (const char* spelling : {"a+b", "a%2Bb", "+'!$*(),;=@:", "%2E%2e", "..", "%25", "a%23b"}) {
        const Answer created = create(spelling);
        EXPECT_EQ(created.status, 200) << spelling << created.body;
        call("DELETE", at("/devices/" + std::string(spelling)), "", "If-Match: *\r\n");
    }
    for (const char* spelling : {"a%20b", "%C3%A9", "a%00b", "a\"b", "%"}) {
        EXPECT_EQ(create(spelling).error(), "ArgumentInvalid") << spelling;
    }
    // Decoded before it is split, a slash ends the segment: this is not a route.
    EXPECT_EQ(create("a%2Fb").status, 404);
    EXPECT_EQ(create(std::string(128, 'a')).status, 200);
    EXPECT_EQ(create(std::string(129, 'a')).status, 400);
}

TEST_F(Identities, RefuseBodiesThatDoNotFit) {
    EXPECT_EQ(call("PUT", at("/devices/d1"), "{").error(), "IotHubFormatError");
    EXPECT_EQ(call("PUT", at("/devices/d1"), "").error(), "IotHubFormatError");
    EXPECT_EQ(call("PUT", at("/devices/d1"), "[]").status, 400);
    EXPECT_EQ(call("PUT", at("/devices/d1"), R"({"deviceId":"d2"})").error(), "ArgumentInvalid");
    EXPECT_EQ(call("PUT", at("/devices/d1"),
                   R"({"authentication":{"symmetricKey":{"primaryKey":"AAAA","secondaryKey":"AAAA"}}})")
                  .error(),
              "ArgumentInvalid");
    EXPECT_EQ(call("GET", at("/devices/d1")).status, 404);
}

TEST_F(Identities, AreListedUpToTheirNumber) {
    for (const char* id : {"c", "a", "b"}) create(id);
    call("PUT", at("/devices/a/modules/m"), "{}");
    const auto count = [this](const std::string& path) {
        const Answer list = call("GET", at(path));
        EXPECT_EQ(list.status, 200);
        const auto parsed = JsonDocument::parse(list.body);
        return parsed && parsed->root().is_array() ? static_cast<int>(parsed->root().size()) : -1;
    };
    EXPECT_EQ(count("/devices"), 3);
    EXPECT_EQ(count("/devices/"), 3);
    EXPECT_EQ(count("/devices?top=2"), 2);
    EXPECT_EQ(count("/devices?top=0"), 1);
    EXPECT_EQ(count("/devices?top=9999999999"), 3);
    EXPECT_EQ(count("/devices?top=x"), 3);
}

TEST_F(Identities, OfModulesLiveUnderTheirDevice) {
    EXPECT_EQ(call("PUT", at("/devices/d1/modules/m1"), "{}").error(), "DeviceNotFound");
    EXPECT_EQ(call("GET", at("/devices/d1/modules")).error(), "DeviceNotFound");
    create("d1");
    const Answer created = call("PUT", at("/devices/d1/modules/m1"), R"({"moduleId":"m1","deviceId":"d1"})");
    EXPECT_EQ(created.status, 200) << created.body;
    EXPECT_EQ(member(created.body, "moduleId"), "\"m1\"");
    EXPECT_EQ(call("GET", at("/devices/d1/modules/m1")).body, created.body);
    EXPECT_EQ(call("GET", at("/devices/d1/modules")).body, "[" + created.body + "]");

    const Answer again = call("PUT", at("/devices/d1/modules/m1"), "{}");
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.error(), "ModuleAlreadyExistsOnDevice");
    EXPECT_EQ(member(again.body, "errorCode"), "409301");

    EXPECT_EQ(call("GET", at("/devices/d1/modules/m2")).error(), "ModuleNotFound");
    EXPECT_EQ(call("GET", at("/devices/d2/modules/m1")).error(), "DeviceNotFound");
    EXPECT_EQ(call("DELETE", at("/devices/d1/modules/m1")).status, 412);
    EXPECT_EQ(call("DELETE", at("/devices/d1/modules/m1"), "", "If-Match: \"*\"\r\n").status, 204);
    EXPECT_EQ(call("DELETE", at("/devices/d1/modules/m1"), "", "If-Match: \"*\"\r\n").error(),
              "ModuleNotFound");
    EXPECT_EQ(call("GET", at("/devices/d1/modules")).body, "[]");
    EXPECT_EQ(call("PUT", at("/devices/d1/modules/$edgeAgent"), "{}").status, 400);
}

TEST_F(Identities, OfEdgeDevicesHaveTheirSystemModules) {
    const std::string is_edge = R"({"capabilities":{"iotEdge":true}})";
    const std::string agent = "/devices/edge/modules/$edgeAgent";
    create("edge");
    EXPECT_EQ(call("PUT", at(agent), "{}").error(), "ArgumentInvalid");
    EXPECT_EQ(call("PUT", at("/devices/edge"), is_edge, "If-Match: *\r\n").status, 200);
    const Answer shown = call("GET", at(agent));
    EXPECT_EQ(shown.status, 200);
    EXPECT_EQ(member(shown.body, "managedBy"), "\"iotEdge\"");
    EXPECT_TRUE(shown.contains(R"("primaryKey":null)")) << shown.body;
    EXPECT_TRUE(shown.contains(R"("type":"none")")) << shown.body;
    const Answer hub = call("GET", at("/devices/edge/modules/%24edgeHub"));
    EXPECT_EQ(call("GET", at("/devices/edge/modules")).body, "[" + shown.body + "," + hub.body + "]");
    EXPECT_EQ(call("GET", at("/twins/edge/modules/$edgeAgent")).status, 200);
    // Made once: another write of the device leaves them as they are.
    call("PUT", at("/devices/edge"), is_edge, "If-Match: *\r\n");
    EXPECT_EQ(call("GET", at(agent)).body, shown.body);

    EXPECT_EQ(call("PUT", at(agent), "{}").error(), "ModuleAlreadyExistsOnDevice");
    EXPECT_EQ(call("PUT", at("/devices/edge/modules/$other"), "{}").error(), "ArgumentInvalid");
    EXPECT_EQ(call("DELETE", at(agent), "", "If-Match: *\r\n").error(),
              "SystemModuleModifyUnauthorizedAccess");
    for (const char* method : {"PATCH", "PUT"}) {
        const Answer refused = call(method, at("/twins/edge/modules/$edgeHub"), R"({"tags":{"a":1}})");
        EXPECT_EQ(refused.status, 401);
        EXPECT_TRUE(
            refused.contains("SystemModuleModifyUnauthorizedAccess;Unauthorized to modify reserved "
                             "module."))
            << refused.body;
    }
    EXPECT_EQ(call("DELETE", at("/devices/edge"), "", "If-Match: *\r\n").status, 204);
    EXPECT_EQ(create("edge").status, 200);
    EXPECT_EQ(call("GET", at("/devices/edge/modules")).body, "[]");
}

TEST_F(Identities, OfSystemModulesTakeTheKeysThatTheirRuntimeGivesThem) {
    call("PUT", at("/devices/edge"), R"({"capabilities":{"iotEdge":true}})");
    const std::string agent = at("/devices/edge/modules/$edgeAgent");
    const auto put = [this, &agent](std::string_view body) {
        return call("PUT", agent, body, "If-Match: *\r\n").body;
    };
    const std::string keys =
        R"("symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="})";
    const std::string with_keys = put(R"({"authentication":{"type":"sas",)" + keys + "}}");
    EXPECT_NE(with_keys.find(keys), std::string::npos) << with_keys;
    EXPECT_EQ(member(with_keys, "managedBy"), "\"iotEdge\"");
    EXPECT_NE(put("{}").find(keys), std::string::npos);
    EXPECT_NE(put(R"({"authentication":{"type":"none"}})").find(R"("type":"none")"), std::string::npos);
}

TEST_F(Identities, StayWithADeviceThatIsNoLongerAnEdgeDevice) {
    call("PUT", at("/devices/edge"), R"({"capabilities":{"iotEdge":true}})");
    call("PUT", at("/devices/edge"), "{}", "If-Match: *\r\n");
    EXPECT_EQ(call("GET", at("/devices/edge/modules/$edgeHub")).status, 200);
    EXPECT_EQ(call("DELETE", at("/devices/edge/modules/$edgeHub"), "", "If-Match: *\r\n").status, 204);
    EXPECT_EQ(call("GET", at("/devices/edge/modules/$edgeHub")).error(), "ModuleNotFound");
    call("PUT", at("/devices/edge"), R"({"capabilities":{"iotEdge":true}})", "If-Match: *\r\n");
    EXPECT_EQ(call("GET", at("/devices/edge/modules/$edgeHub")).status, 200);
}

TEST_F(Identities, ArePutUnderEdgeDevicesThatExist) {
    const auto scope_of = [this](const std::string& id) {
        const Answer made = call("PUT", at("/devices/" + id), R"({"capabilities":{"iotEdge":true}})");
        return member(made.body, "deviceScope");
    };
    const std::string parent = scope_of("parent");
    create("plain");
    const auto put_under = [this](const std::string& id, const std::string& scope) {
        return call("PUT", at("/devices/" + id), R"({"deviceScope":)" + scope + "}", "If-Match: *\r\n");
    };
    create("leaf");
    for (const char* none : {R"("ms-azure-iot-edge://absent-1")", R"("ms-azure-iot-edge://plain-1")",
                             R"("ms-azure-iot-edge://parent-1")", R"("ms-azure-iot-edge://parent")",
                             R"("7c9e6679-7425-40de-944b-e07fc1f90ae7")"}) {
        const Answer refused = put_under("leaf", none);
        EXPECT_EQ(refused.status, 400) << none;
        EXPECT_EQ(refused.error(), "InvalidDeviceScope") << none;
    }
    EXPECT_EQ(put_under("leaf", parent).status, 200);
    const std::string under = R"({"capabilities":{"iotEdge":true},"parentScopes":[)";
    EXPECT_EQ(call("PUT", at("/devices/middle"), under + parent + "]}").status, 200);
    EXPECT_EQ(call("PUT", at("/devices/low"), under + R"("ms-azure-iot-edge://absent-1"]})").error(),
              "InvalidDeviceScope");

    const Answer bulk =
        call("POST", at("/devices"),
             R"([{"id":"one","deviceScope":)" + parent +
                 R"(},{"id":"two","deviceScope":"ms-azure-iot-edge://absent-1"},{"id":"three"}])");
    EXPECT_TRUE(bulk.contains(R"([{"deviceId":"two","errorCode":"InvalidDeviceScope",)")) << bulk.body;
    EXPECT_EQ(call("GET", at("/devices/one")).status, 200);
    EXPECT_EQ(call("GET", at("/devices/two")).status, 404);
    EXPECT_EQ(call("GET", at("/devices/three")).status, 200);

    // A device whose parent went can still be written, as long as it stays where it is.
    call("DELETE", at("/devices/parent"), "", "If-Match: *\r\n");
    EXPECT_EQ(put_under("leaf", parent).status, 200);
    EXPECT_EQ(put_under("plain", parent).error(), "InvalidDeviceScope");
}

TEST_F(Identities, OfSystemModulesMayNotBeChangedInBulk) {
    const Answer made = call("POST", at("/devices"), R"([{"id":"edge","capabilities":{"iotEdge":true}}])");
    EXPECT_TRUE(made.contains(R"("isSuccessful":true)")) << made.body;
    EXPECT_EQ(call("GET", at("/devices/edge/modules/$edgeAgent")).status, 200);
    for (const char* mode : {"delete", "updateTwin"}) {
        const Answer refused = call("POST", at("/devices"),
                                    R"([{"id":"edge","moduleId":"$edgeAgent","tags":{"a":1},"importMode":")" +
                                        std::string(mode) + "\"}]");
        EXPECT_TRUE(refused.contains("SystemModuleModifyUnauthorizedAccess")) << refused.body;
    }
    EXPECT_TRUE(call("POST", at("/devices"), R"([{"id":"edge","importMode":"delete"}])").contains("true"));
    EXPECT_EQ(call("GET", at("/twins/edge/modules/$edgeAgent")).status, 404);
}

TEST_F(Identities, AreCounted) {
    create("a");
    create("b");
    call("PUT", at("/devices/c"), R"({"status":"disabled"})");
    call("PUT", at("/devices/a/modules/m"), "{}");
    EXPECT_EQ(call("GET", at("/statistics/devices")).body,
              R"({"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1})");
    EXPECT_EQ(call("GET", at("/statistics/service")).body, R"({"connectedDeviceCount":0})");
    carillon::testing::FakeLink link;
    Record& record = *hub_.find("a");
    Shard& owner = hub_->shards().owner(record.key.device);
    owner.attach(record, link);
    EXPECT_EQ(call("GET", at("/statistics/service")).body, R"({"connectedDeviceCount":1})");
    EXPECT_EQ(member(call("GET", at("/devices/a")).body, "connectionState"), "\"Connected\"");
    owner.detach(record, link);
}

TEST_F(Identities, HaveNoMessagesToPurge) {
    create("a");
    const Answer purged = call("DELETE", at("/devices/a/commands"));
    EXPECT_EQ(purged.status, 200);
    EXPECT_EQ(purged.body, R"({"totalMessagesPurged":0,"deviceId":"a","moduleId":null})");
    const Answer unknown = call("DELETE", at("/devices/b/commands"));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.error(), "DeviceNotFound");
}

TEST_F(Identities, AreWrittenInBulkSeparately) {
    create("old");
    const Answer mixed = call("POST", at("/devices/"), R"([
        {"id":"n1","importMode":"create"},
        {"id":"n1","moduleId":"m","importMode":"Create"},
        {"id":"n2","tags":{"a":1},"properties":{"desired":{"x":2}}},
        {"id":"old","importMode":"create"},
        {"id":"missing","importMode":"Update"},
        {"id":"gone","importMode":"Delete"},
        {"id":"what","importMode":"explode"},
        {"id":"bad id","importMode":"create"}])");
    EXPECT_EQ(mixed.status, 400);
    EXPECT_EQ(mixed.error(), "BulkRegistryOperationFailure");
    EXPECT_EQ(mixed.header("iothuberrorcode"), "BulkRegistryOperationFailure");
    EXPECT_EQ(member(mixed.body, "isSuccessful"), "false");
    EXPECT_EQ(member(mixed.body, "warnings"), "[]");
    for (
        const char* part :
        {R"({"deviceId":"old","errorCode":"DeviceAlreadyExists","errorStatus":"A device with ID 'old' is already registered."})",
         R"({"deviceId":"missing","errorCode":"DeviceNotFound")",
         R"({"deviceId":"gone","errorCode":"DeviceNotFound")",
         R"({"deviceId":"what","errorCode":"ArgumentInvalid")",
         R"({"deviceId":"bad id","errorCode":"ArgumentInvalid")"}) {
        EXPECT_TRUE(mixed.contains(part)) << part << "\n" << mixed.body;
    }
    EXPECT_EQ(call("GET", at("/devices/n1/modules/m")).status, 200);
    EXPECT_EQ(member(call("GET", at("/twins/n2")).body, "tags"), R"({"a":1})");

    const std::string etag = call("GET", at("/devices/n1")).header("etag");
    const Answer good =
        call("POST", at("/devices"),
             R"([{"id":"n1","importMode":"UpdateIfMatchETag","etag":)" +
                 member(call("GET", at("/devices/n1")).body, "etag") +
                 R"(,"status":"disabled"},{"id":"n2","importMode":"updateTwin","tags":{"b":2}},
                                 {"id":"old","importMode":"deleteIfMatchETag","eTag":"*"}])");
    EXPECT_EQ(good.status, 200) << good.body;
    EXPECT_EQ(good.body, R"({"isSuccessful":true,"errors":[],"warnings":[]})");
    EXPECT_EQ(member(call("GET", at("/devices/n1")).body, "status"), "\"disabled\"");
    EXPECT_EQ(member(call("GET", at("/twins/n2")).body, "tags"), R"({"a":1,"b":2})");
    EXPECT_EQ(call("GET", at("/devices/old")).status, 404);

    const Answer stale = call("POST", at("/devices"),
                              R"([{"id":"n1","importMode":"DeleteIfMatchETag","eTag":"c3RhbGU="},
                                  {"id":"n2","importMode":"updateTwinIfMatchETag","twinETag":"AAAAAAAAAH8=","tags":{"c":3}}])");
    EXPECT_EQ(stale.status, 400);
    EXPECT_TRUE(stale.contains(R"({"deviceId":"n1","errorCode":"PreconditionFailed")")) << stale.body;
    EXPECT_TRUE(stale.contains(R"({"deviceId":"n2","errorCode":"PreconditionFailed")")) << stale.body;
}

TEST_F(Identities, AreRefusedInBulkAsAWholeIfTheListIsMalformed) {
    EXPECT_EQ(call("POST", at("/devices"), "{}").error(), "IotHubFormatError");
    EXPECT_EQ(call("POST", at("/devices"), "[]").error(), "ArgumentInvalid");
    EXPECT_EQ(call("POST", at("/devices"), R"([{"id":"a"},{"id":"a"}])").error(),
              "DeviceDefinedMultipleTimes");
    std::string many = "[";
    for (int i = 0; i < 101; ++i) many += (i ? ",{\"id\":\"d" : "{\"id\":\"d") + std::to_string(i) + "\"}";
    EXPECT_EQ(call("POST", at("/devices"), many + "]").error(), "ArgumentInvalid");
    EXPECT_EQ(call("GET", at("/devices")).body, "[]");
}

}  // namespace
}  // namespace carillon::rest
