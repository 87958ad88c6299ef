#include "model/identity.hpp"

#include "base/text.hpp"
#include "model/etag_match.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

const WallTime now = WallTime::from_unix_s(1'790'000'000);

Result<Identity> read_identity(std::string_view json, const char* module = "",
                               const Identity* existing = nullptr, WallTime time = now) {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document.has_value()) << json;
    SeededRandom random(3);
    return parse_identity(document->root(), *IdentityKey::parse("d1", module), existing, time, random);
}

std::string json_of(const Identity& identity, const LiveState& live = {}) {
    std::string out;
    append_identity_json(out, identity, live);
    return out;
}

Errc code_of(std::string_view json, const char* module = "") {
    const auto identity = read_identity(json, module);
    EXPECT_FALSE(identity.has_value()) << json;
    return identity ? Errc::server_error : identity.error().code;
}

constexpr const char* keys_json =
    R"("symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"ZmVkY2JhOTg3NjU0MzIxMA=="})";

TEST(Identity, ADevicePrintsAsTheServicePrintsIt) {
    Identity identity =
        *read_identity(std::string("{\"deviceId\":\"d1\",\"authentication\":{") + keys_json + "}}");
    identity.etag = 123456789;
    EXPECT_EQ(
        json_of(identity),
        R"({"deviceId":"d1","generationId":"639255968000000000","etag":"MTIzNDU2Nzg5",)"
        R"("connectionState":"Disconnected","status":"enabled","statusReason":null,)"
        R"("connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"0001-01-01T00:00:00Z",)"
        R"("lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,)"
        R"("authentication":{"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==",)"
        R"("secondaryKey":"ZmVkY2JhOTg3NjU0MzIxMA=="},)"
        R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},)"
        R"("capabilities":{"iotEdge":false}})");
}

TEST(Identity, MakesNoKeysOfAnAuthenticationItDoesNotKnow) {
    const Identity upper =
        *read_identity(R"({"Authentication":{"SymmetricKey":{"PrimaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==",)"
                       R"("SECONDARYKEY":"ZmVkY2JhOTg3NjU0MzIxMA=="}},"Status":"Disabled"})");
    EXPECT_EQ(upper.auth.primary_key, "MDEyMzQ1Njc4OWFiY2RlZg==");
    EXPECT_EQ(upper.status, DeviceStatus::disabled);
    for (const char* unknown :
         {R"({"key":"x"})", R"({"symmetricKeys":{}})", R"({"symmetricKey":{"primary":""}})",
          R"({"type":"selfSigned","x509Thumbprint":{"sha1":""}})"})
        EXPECT_EQ(code_of(std::string("{\"authentication\":") + unknown + "}"), Errc::argument_invalid)
            << unknown;
    // What is known beside it decides, and a certificate of an authority needs nothing.
    EXPECT_TRUE(read_identity(std::string("{\"authentication\":{\"more\":1,") + keys_json + "}}"));
    EXPECT_TRUE(read_identity(R"({"authentication":{"type":"certificateAuthority","more":1}})"));
    EXPECT_TRUE(read_identity(R"({"authentication":{}})"));
}

TEST(Identity, AModuleHasNoStatusButAManager) {
    Identity identity = *read_identity(
        std::string(R"({"managedBy":"iotEdge","authentication":{"type":"selfSigned"}})"), "m1");
    EXPECT_EQ(
        json_of(identity,
                {.connected = true, .connection_updated = now, .last_activity = now, .c2d_count = 0}),
        R"({"moduleId":"m1","managedBy":"iotEdge","deviceId":"d1","generationId":"639255968000000000","etag":"MA==",)"
        R"("connectionState":"Connected","connectionStateUpdatedTime":"2026-09-21T14:13:20Z",)"
        R"("lastActivityTime":"2026-09-21T14:13:20Z","cloudToDeviceMessageCount":0,)"
        R"("authentication":{"symmetricKey":{"primaryKey":null,"secondaryKey":null},)"
        R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"selfSigned"}})");
}

TEST(Identity, KeysAreMintedWhereNoneAreGiven) {
    for (const char* json :
         {"{}", R"({"authentication":null})", R"({"authentication":{}})",
          R"({"authentication":{"symmetricKey":null}})",
          R"({"authentication":{"symmetricKey":{"primaryKey":"","secondaryKey":null}}})"}) {
        const auto identity = read_identity(json);
        ASSERT_TRUE(identity.has_value()) << json;
        EXPECT_EQ(identity->auth.type, AuthType::sas);
        EXPECT_EQ(base64_decode(identity->auth.primary_key)->size(), 32U);
        EXPECT_EQ(base64_decode(identity->auth.secondary_key)->size(), 32U);
        EXPECT_NE(identity->auth.primary_key, identity->auth.secondary_key);
    }
}

TEST(Identity, KeysHave16To64BytesAndComeInPairs) {
    const auto with_key = [](std::size_t bytes) {
        const std::string key = base64_encode(std::string(bytes, 'k'));
        return R"({"authentication":{"symmetricKey":{"primaryKey":")" + key + R"(","secondaryKey":")" + key +
               R"("}}})";
    };
    EXPECT_TRUE(read_identity(with_key(16)).has_value());
    EXPECT_TRUE(read_identity(with_key(64)).has_value());
    EXPECT_EQ(read_identity(with_key(15)).error().detail, "Invalid device key length");
    EXPECT_EQ(read_identity(with_key(65)).error().detail, "Invalid device key length");
    EXPECT_EQ(read_identity(
                  R"({"authentication":{"symmetricKey":{"primaryKey":"not base64!","secondaryKey":"x"}}})")
                  .error()
                  .code,
              Errc::argument_invalid);
    EXPECT_EQ(
        read_identity(R"({"authentication":{"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}})")
            .error()
            .detail,
        "Either no keys or both keys can be set");
}

TEST(Identity, ThumbprintsAre40Or64HexDigits) {
    const auto with_print = [](const std::string& print) {
        return R"({"authentication":{"x509Thumbprint":{"primaryThumbprint":")" + print + R"("}}})";
    };
    const auto identity = read_identity(with_print(std::string(40, 'a')));
    EXPECT_EQ(identity->auth.type, AuthType::self_signed);
    EXPECT_EQ(identity->auth.primary_thumbprint, std::string(40, 'a'));
    EXPECT_EQ(identity->auth.primary_key, "");
    EXPECT_TRUE(read_identity(with_print(std::string(64, 'F'))).has_value());
    for (const std::string& print :
         {std::string(39, 'a'), std::string(41, 'a'), std::string(40, 'g'), "aa:" + std::string(37, 'a')})
        EXPECT_EQ(read_identity(with_print(print)).error().detail, "StringIsNotThumbprint");
    EXPECT_EQ(read_identity(R"({"authentication":{"x509Thumbprint":{"SecondaryThumbprint":")" +
                            std::string(40, 'b') + R"("}}})")
                  ->auth.secondary_thumbprint,
              std::string(40, 'b'));
}

TEST(Identity, TheTypeOfAuthenticationIsReadInAnyCase) {
    EXPECT_EQ(read_identity(R"({"authentication":{"type":"CertificateAuthority"}})")->auth.type,
              AuthType::certificate_authority);
    EXPECT_EQ(read_identity(R"({"authentication":{"type":"SELFSIGNED"}})")->auth.type, AuthType::self_signed);
    EXPECT_EQ(read_identity(R"({"authentication":{"type":"none"}})").error().detail,
              "DeviceAuthenticationTypeIsMissing");
    EXPECT_EQ(read_identity(R"({"authentication":{"type":"none"}})", "m")->auth.type, AuthType::sas);
    EXPECT_EQ(code_of(R"({"authentication":{"type":"magic"}})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"authentication":{"type":1}})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"authentication":[]})"), Errc::argument_invalid);
}

TEST(Identity, FaultsOfTheBodyAreRefused) {
    EXPECT_EQ(code_of("[]"), Errc::iot_hub_format_error);
    EXPECT_EQ(code_of(R"({"deviceId":"d2"})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"status":"broken"})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"status":1})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"statusReason":1})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"capabilities":{"iotEdge":"yes"}})"), Errc::argument_invalid);
    EXPECT_EQ(code_of(R"({"moduleId":"m2"})", "m1"), Errc::argument_invalid);
    EXPECT_EQ(code_of("{}", "$edgeAgent"), Errc::argument_invalid);
}

TEST(Identity, AStatusReasonHasUpTo128Characters) {
    std::string umlauts;
    for (int i = 0; i < 128; ++i) umlauts += "\xC3\xBC";
    EXPECT_TRUE(read_identity("{\"statusReason\":\"" + umlauts + "\"}").has_value());
    EXPECT_FALSE(read_identity("{\"statusReason\":\"" + umlauts + "x\"}").has_value());
}

TEST(Identity, AnUpdateKeepsTheGenerationAndResetsTheRest) {
    Identity first = *read_identity(R"({"status":"Disabled","statusReason":"lost"})");
    first.etag = 7;
    EXPECT_EQ(first.status_updated, WallTime{});
    const auto later = now.plus_s(60);
    const Identity second = *read_identity("{}", "", &first, later);
    EXPECT_EQ(second.generation_id, first.generation_id);
    EXPECT_EQ(second.etag, 7U);
    EXPECT_EQ(second.status, DeviceStatus::enabled);
    EXPECT_FALSE(second.status_reason.has_value());
    EXPECT_EQ(second.status_updated, later);
    const Identity third = *read_identity("{}", "", &second, later.plus_s(60));
    EXPECT_EQ(third.status_updated, later);
}

TEST(Identity, AnEdgeDevicesScopeIsMadeOnceAndNeverChanges) {
    const Identity edge = *read_identity(R"({"capabilities":{"iotEdge":true}})");
    EXPECT_EQ(edge.device_scope, "ms-azure-iot-edge://d1-639255968000000000");
    std::string shown;
    append_identity_json(shown, edge, LiveState{});
    EXPECT_TRUE(
        shown.ends_with(R"("deviceScope":"ms-azure-iot-edge://d1-639255968000000000","parentScopes":[]})"))
        << shown;
    const std::string echo =
        R"({"capabilities":{"iotEdge":true},"deviceScope":")" + edge.device_scope + R"("})";
    EXPECT_EQ(read_identity(echo, "", &edge)->device_scope, edge.device_scope);
    EXPECT_EQ(read_identity(R"({"capabilities":{"iotEdge":true}})", "", &edge)->device_scope,
              edge.device_scope);
    EXPECT_EQ(
        read_identity(R"({"capabilities":{"iotEdge":true},"deviceScope":"other"})", "", &edge).error().code,
        Errc::invalid_device_scope);
    const Identity leaf = *read_identity(R"({"deviceScope":"ms-azure-iot-edge://p-1","parentScopes":["x"]})");
    EXPECT_EQ(leaf.parent_scopes, std::vector<std::string>{"ms-azure-iot-edge://p-1"});
    EXPECT_EQ(read_identity(R"({"deviceScope":""})", "", &leaf)->device_scope, "");
}

TEST(PackedIdentity, ReadsBackTheSameAndGivesFieldsInPlace) {
    Identity identity =
        *read_identity(R"({"status":"disabled","statusReason":"lost","capabilities":{"iotEdge":true}})");
    identity.etag = 99;
    const PackedIdentity packed(identity);
    EXPECT_EQ(json_of(packed.unpack()), json_of(identity));
    EXPECT_EQ(packed.etag(), 99U);
    EXPECT_EQ(packed.generation_id(), identity.generation_id);
    EXPECT_EQ(packed.status(), DeviceStatus::disabled);
    EXPECT_EQ(packed.auth_type(), AuthType::sas);
    EXPECT_TRUE(packed.iot_edge());
    const auto decoded = PackedIdentity::decode(packed.encoded());
    EXPECT_EQ(json_of(decoded->unpack()), json_of(identity));

    const Identity module = *read_identity(R"({"managedBy":"me"})", "m1");
    EXPECT_EQ(json_of(PackedIdentity(module).unpack()), json_of(module));
    EXPECT_FALSE(static_cast<bool>(PackedIdentity()));
}

TEST(PackedIdentity, KeepsAModelBesideAllElse) {
    const PackedIdentity plain(*read_identity(R"({"authentication":{"type":"selfSigned"}})"));
    const PackedIdentity packed = plain.with_model("dtmi:example:Thermostat;1");
    EXPECT_EQ(packed.unpack().model_id, "dtmi:example:Thermostat;1");
    EXPECT_EQ(packed.auth_type(), AuthType::self_signed);
    EXPECT_EQ(packed.etag(), plain.etag());
    EXPECT_EQ(json_of(packed.unpack()), json_of(plain.unpack()));
    EXPECT_EQ(packed.with_model("").encoded().size(), plain.encoded().size());
    EXPECT_TRUE(is_model_id("dtmi:example:Thermostat;1"));
    EXPECT_FALSE(is_model_id("dtmi:example:\xC3\x84;1"));
    EXPECT_FALSE(is_model_id("dtmi:a b;1"));
    EXPECT_TRUE(is_model_id(std::string(256, 'm')));
    EXPECT_FALSE(is_model_id(std::string(257, 'm')));
}

TEST(PackedIdentity, BytesCutAnywhereAreCorrupt) {
    const PackedIdentity packed =
        PackedIdentity(*read_identity(R"({"statusReason":"x"})")).with_model("dtmi:m;1");
    for (std::size_t size = 0; size < packed.encoded().size(); ++size) {
        const auto decoded = PackedIdentity::decode(packed.encoded().first(size));
        ASSERT_FALSE(decoded.has_value()) << size;
        EXPECT_EQ(decoded.error().code, Errc::store_corrupt);
    }
}

TEST(EtagMatch, ReadsTheHeaderAsEachKindOfRouteDoes) {
    using Kind = EtagMatch::Kind;
    const auto parse = [](std::optional<std::string_view> header, EtagMatch::Unquoted unquoted) {
        return EtagMatch::parse(header, unquoted);
    };
    for (auto unquoted : {EtagMatch::Unquoted::compare, EtagMatch::Unquoted::ignore}) {
        EXPECT_EQ(parse(std::nullopt, unquoted).kind, Kind::absent);
        EXPECT_EQ(parse("*", unquoted).kind, Kind::any);
        EXPECT_EQ(parse("\"*\"", unquoted).kind, Kind::any);
        EXPECT_EQ(parse("\"AAAA=\"", unquoted).etag, "AAAA=");
        EXPECT_EQ(parse(" W/\"x\" ", unquoted).etag, "x");
    }
    EXPECT_EQ(parse("AAAA=", EtagMatch::Unquoted::compare).kind, Kind::exact);
    EXPECT_EQ(parse("AAAA=", EtagMatch::Unquoted::ignore).kind, Kind::absent);
    EXPECT_TRUE(parse("\"a\"", EtagMatch::Unquoted::ignore).accepts("a"));
    EXPECT_FALSE(parse("\"a\"", EtagMatch::Unquoted::ignore).accepts("b"));
    EXPECT_TRUE(parse("*", EtagMatch::Unquoted::ignore).accepts("b"));
    EXPECT_TRUE(EtagMatch().accepts("b"));
}

}  // namespace
}  // namespace carillon
