#include "endpoint/device/authentication.hpp"

#include "base/text.hpp"
#include "core/hub/policies.hpp"
#include "model/identity.hpp"
#include "net/channel.hpp"
#include "wire/sas/sas_token.hpp"

#include <gtest/gtest.h>

namespace carillon::device {
namespace {

const std::vector<std::string> hosts{"hub.example.net"};
constexpr WallTime now = WallTime::from_unix_s(1'790'000'000);

std::string key_of(char letter) {
    return base64_encode(std::string(32, letter));
}

SharedAccessPolicy policy(std::string name, AccessRights rights, char letter) {
    return {.name = std::move(name),
            .rights = rights,
            .primary_key = key_of(letter),
            .secondary_key = key_of('z')};
}

/// Nothing if the credentials are accepted, else why not.
using Answer = std::optional<Errc>;
constexpr Answer yes = std::nullopt;
constexpr Answer no = Errc::iot_hub_unauthorized;
constexpr Answer disabled = Errc::device_disabled;

Answer answer(const Result<Proof>& judged) {
    return judged ? Answer() : Answer(judged.error().code);
}

class Authentication : public ::testing::Test {
protected:
    Authentication() {
        device.auth.primary_key = key_of('p');
        device.auth.secondary_key = key_of('s');
        module.auth.primary_key = key_of('m');
        module.auth.secondary_key = key_of('n');
    }

    Result<Proof> by_token(const std::string& token, const IdentityKey& key,
                           std::string_view host = "hub.example.net") {
        const Credentials credentials{.key = key, .host = host, .token = token};
        const Identity* identity = key.is_module() ? &module : &device;
        return judge(credentials, is_known ? identity : nullptr, is_known ? &device : nullptr, policies,
                     hosts, now);
    }
    Answer code(const std::string& token) { return answer(by_token(token, device.key)); }
    Answer module_code(const std::string& token) { return answer(by_token(token, module.key)); }
    Answer certificate_code(const PeerCertificate* certificate) {
        const Credentials credentials{
            .key = device.key, .host = hosts[0], .token = {}, .certificate = certificate};
        return answer(judge(credentials, &device, &device, policies, hosts, now));
    }
    static std::string token(std::string_view path, char key, std::string_view name = {},
                             std::int64_t in_s = 60) {
        return sas::make_token("hub.example.net" + std::string(path), key_of(key), now.plus_s(in_s), name);
    }

    Identity device{IdentityKey::parse("d1").value()};
    Identity module{IdentityKey::parse("d1", "m1").value()};
    bool is_known = true;
    Policies policies{{policy("device", AccessRights::device_connect, 'd'),
                       policy("service", AccessRights::service_connect, 'v'),
                       policy("iothubowner", AccessRights::all, 'o')}};
};

TEST_F(Authentication, EitherKeyOfTheDevice) {
    EXPECT_EQ(code(token("/devices/d1", 'p')), yes);
    EXPECT_EQ(code(token("/devices/d1", 's')), yes);
    EXPECT_EQ(code(token("/devices/d1", 'x')), no);
    EXPECT_EQ(code("SharedAccessSignature sr=x"), no);
}

// 'p' is the device's key, 'm' its module's.
TEST_F(Authentication, AScopeMayBeAnyPrefixAndTheKeyConfinesIt) {
    struct Row {
        std::string_view scope;
        Answer device_by_device_key, module_by_device_key, module_by_module_key;
    };
    for (const Row& row :
         {Row{"", yes, yes, yes}, Row{"/devices", yes, yes, yes}, Row{"/devices/d1", yes, yes, yes},
          Row{"/devices/d1/modules", no, yes, yes}, Row{"/devices/d1/modules/m1", no, yes, yes},
          Row{"/devices/d", no, no, no}, Row{"/devices/d2", no, no, no}, Row{"/device", no, no, no},
          Row{"/devices/d1/modules/m2", no, no, no}, Row{"/devices/d1/modules/m1/messages", no, no, no},
          Row{"/devices/d1/messages", no, no, no}}) {
        EXPECT_EQ(code(token(row.scope, 'p')), row.device_by_device_key) << row.scope;
        EXPECT_EQ(code(token(row.scope, 's')), row.device_by_device_key) << row.scope;
        EXPECT_EQ(module_code(token(row.scope, 'p')), row.module_by_device_key) << row.scope;
        EXPECT_EQ(module_code(token(row.scope, 's')), row.module_by_device_key) << row.scope;
        EXPECT_EQ(module_code(token(row.scope, 'm')), row.module_by_module_key) << row.scope;
        EXPECT_EQ(code(token(row.scope, 'm')), no) << row.scope;
        for (char stranger : {'q', 'x', 'v'}) {
            EXPECT_EQ(code(token(row.scope, stranger)), no) << row.scope;
            EXPECT_EQ(module_code(token(row.scope, stranger)), no) << row.scope;
        }
    }
}

TEST_F(Authentication, ADeviceKeyOpensNoModuleThatProvesItselfByCertificate) {
    module.auth = {};
    module.auth.type = AuthType::self_signed;
    EXPECT_EQ(module_code(token("/devices/d1/modules/m1", 'p')), no);
}

TEST_F(Authentication, ADeviceWithoutKeysOpensNoModuleByToken) {
    device.auth.type = AuthType::self_signed;  // Keys it had before count no longer.
    EXPECT_EQ(module_code(token("/devices/d1/modules/m1", 'p')), no);
    EXPECT_EQ(module_code(token("/devices/d1/modules/m1", 'm')), yes);
}

TEST_F(Authentication, PoliciesNeedTheRightToConnect) {
    for (std::string_view path : {"", "/devices", "/devices/d1"}) {
        EXPECT_EQ(code(token(path, 'd', "device")), yes) << path;
        EXPECT_EQ(code(token(path, 'o', "IotHubOwner")), yes) << path;
        EXPECT_EQ(code(token(path, 'z', "device")), yes) << path;
        EXPECT_EQ(code(token(path, 'v', "service")), no) << path;
        EXPECT_EQ(code(token(path, 'v', "device")), no) << path;
        EXPECT_EQ(code(token(path, 'd', "nobody")), no) << path;
        EXPECT_EQ(code(token(path, 'p', "device")), no) << path;
    }
    EXPECT_EQ(code(token("/devices/d2", 'd', "device")), no);
    EXPECT_EQ(code(token("/twins/d1", 'd', "device")), no);
    EXPECT_EQ(by_token(token("", 'd', "device"), device.key)->method, AuthMethod::policy);
}

TEST_F(Authentication, AKeyNameThatIsTheDeviceIdOrEmptyMeansTheDeviceKey) {
    EXPECT_EQ(code(token("/devices/d1", 'p', "d1")), yes);
    EXPECT_EQ(code(token("/devices/d1", 'p') + "&skn="), yes);
    EXPECT_EQ(code(token("/devices/d1", 'p', "d2")), no);
}

TEST_F(Authentication, ModulesProveThemselvesByTheirOwnKeyTheirDevicesOrAPolicys) {
    EXPECT_EQ(by_token(token("/devices/d1/modules/m1", 'm'), module.key)->method, AuthMethod::module_key);
    EXPECT_EQ(by_token(token("/devices/d1/modules/m1", 'p'), module.key)->method, AuthMethod::device_key);
    EXPECT_EQ(by_token(token("/devices/d1", 'd', "device"), module.key)->method, AuthMethod::policy);
    EXPECT_EQ(code(token("/devices/d1/modules/m1", 'm')), no);
}

TEST_F(Authentication, SaysThatADeviceIsDisabledOnlyAfterItsProof) {
    device.status = DeviceStatus::disabled;
    EXPECT_EQ(code(token("/devices/d1", 'p')), disabled);
    EXPECT_EQ(code(token("/devices/d1", 'x')), no);
    EXPECT_EQ(code(token("/devices/d1", 'd', "device")), disabled);
    EXPECT_EQ(module_code(token("/devices/d1/modules/m1", 'm')), disabled);
}

TEST_F(Authentication, UnknownIdentitiesLookLikeWrongKeys) {
    is_known = false;
    EXPECT_EQ(code(token("/devices/d1", 'p')), no);
    EXPECT_EQ(code(token("/devices/d1", 'd', "device")), no);
}

TEST_F(Authentication, TokensEndWithTheirSkew) {
    EXPECT_EQ(code(token("/devices/d1", 'p', {}, -300)), yes);
    EXPECT_EQ(code(token("/devices/d1", 'p', {}, -301)), no);
    EXPECT_EQ(by_token(token("/devices/d1", 'p', {}, 60), device.key)->expires, now.plus_s(360));
}

TEST_F(Authentication, TheUserNameMustNameThisHub) {
    EXPECT_EQ(answer(by_token(token("/devices/d1", 'p'), device.key, "HUB.example.net:8883")), yes);
    EXPECT_EQ(answer(by_token(token("/devices/d1", 'p'), device.key, "other.example.net")), no);
}

TEST_F(Authentication, ThumbprintsOfEitherLengthInAnyCase) {
    device.auth = {};
    device.auth.type = AuthType::self_signed;
    PeerCertificate certificate{
        .sha1 = std::string(40, 'a'), .sha256 = std::string(64, 'b'), .common_name = "d1"};
    EXPECT_EQ(certificate_code(&certificate), no);  // none registered
    device.auth.primary_thumbprint = std::string(40, 'A');
    EXPECT_EQ(certificate_code(&certificate), yes);
    device.auth.primary_thumbprint = std::string(40, 'b');
    EXPECT_EQ(certificate_code(&certificate), no);
    device.auth.secondary_thumbprint = std::string(64, 'B');
    EXPECT_EQ(certificate_code(&certificate), yes);
    EXPECT_EQ(certificate_code(nullptr), no);
    EXPECT_EQ(code(token("/devices/d1", 'p')), no);  // a device uses one method only
    device.status = DeviceStatus::disabled;
    EXPECT_EQ(certificate_code(&certificate), disabled);
}

TEST_F(Authentication, ASignedCertificateMustNameTheDeviceAndBeVerified) {
    device.auth = {};
    device.auth.type = AuthType::certificate_authority;
    PeerCertificate certificate{.sha1 = {}, .sha256 = {}, .common_name = "d1", .is_verified = true};
    EXPECT_EQ(certificate_code(&certificate), yes);
    certificate.common_name = "D1";
    EXPECT_EQ(certificate_code(&certificate), no);
    certificate.common_name = "d1";
    certificate.is_verified = false;
    EXPECT_EQ(certificate_code(&certificate), no);
}

TEST_F(Authentication, RefusesACertificateOfADeviceWithKeys) {
    const PeerCertificate certificate{.sha1 = {}, .sha256 = {}, .common_name = "d1", .is_verified = true};
    EXPECT_EQ(certificate_code(&certificate), no);
}

TEST_F(Authentication, AnEmptyKeyOpensNothing) {
    device.auth.primary_key.clear();
    device.auth.secondary_key.clear();
    EXPECT_EQ(code(sas::make_token("hub.example.net/devices/d1", "", now.plus_s(60))), no);
}

}  // namespace
}  // namespace carillon::device
