#include "endpoint/device/authentication.hpp"

#include "base/text.hpp"
#include "core/hub/policies.hpp"
#include "model/identity.hpp"
#include "net/channel.hpp"
#include "wire/sas/sas_token.hpp"

namespace carillon::device {

namespace {

constexpr std::size_t sha1_hex_digits = 40;

tl::unexpected<Error> login_refused(const char* why) {
    return fail(Errc::iot_hub_unauthorized, why);
}

/// What remains to be checked of an identity that proved itself.
Result<Proof> proved(AuthMethod method, const Identity& device, std::optional<WallTime> expires) {
    if (device.status == DeviceStatus::disabled) return fail(Errc::device_disabled, "device is disabled");
    return Proof{.method = method, .expires = expires};
}

bool is_signed_by_either(const sas::Token& token, std::string_view primary, std::string_view secondary) {
    // Both are tried, so that the time taken does not tell which one it was.
    const bool by_primary = sas::is_signed_by(token, primary);
    const bool by_secondary = sas::is_signed_by(token, secondary);
    return by_primary || by_secondary;
}

/// Which of the policy's keys signed the token; none if neither did.
KeyTag signing_key(const sas::Token& token, const SharedAccessPolicy& policy) {
    // Both are tried, so that the time taken does not tell which one it was.
    const bool by_primary = sas::is_signed_by(token, policy.primary_key);
    const bool by_secondary = sas::is_signed_by(token, policy.secondary_key);
    if (by_primary) return policy.primary_tag;
    return by_secondary ? policy.secondary_tag : KeyTag::none;
}

bool is_signed_by_key_of(const Identity& identity, const sas::Token& token) {
    const Authentication& auth = identity.auth;
    return auth.type == AuthType::sas && is_signed_by_either(token, auth.primary_key, auth.secondary_key);
}

Result<Proof> judge_token(const Credentials& credentials, const Identity* identity, const Identity* device,
                          const Policies& policies, std::span<const std::string> host_names, WallTime now) {
    const auto token = sas::parse_token(*credentials.token);
    if (!token) return login_refused("malformed token");
    if (sas::is_expired(*token, now)) return login_refused("expired token");
    const std::optional<WallTime> expires = token->expires.plus_s(sas::clock_skew_s);

    const bool is_covered =
        sas::covers_identity(*token, host_names, credentials.key.device.str(), credentials.key.module);

    const auto policy = token->key_name.empty() ? nullptr : policies.find(token->key_name);
    if (policy != nullptr) {
        if (!includes(policy->rights, AccessRights::device_connect))
            return login_refused("policy may not connect");
        if (!is_covered) return login_refused("token is for another");
        const KeyTag key = signing_key(*token, *policy);
        if (key == KeyTag::none) return login_refused("wrong policy key");
        if (identity == nullptr || device == nullptr) return login_refused("unknown identity");
        auto proof = proved(AuthMethod::policy, *device, expires);
        if (proof) proof->key = key;
        return proof;
    }
    // azure-iot-sdk-c puts the device id where a policy's name would stand.
    if (!token->key_name.empty() && token->key_name != credentials.key.device.str()) {
        return login_refused("unknown policy");
    }
    if (identity == nullptr || device == nullptr) return login_refused("unknown identity");
    // A system module that was given no keys of its own has its device's.
    const bool uses_tokens = identity->auth.type == AuthType::sas || identity->auth.type == AuthType::none;
    if (!uses_tokens) return login_refused("identity does not use tokens");
    if (!is_covered) return login_refused("token is for another");
    if (is_signed_by_key_of(*identity, *token)) {
        return proved(credentials.key.is_module() ? AuthMethod::module_key : AuthMethod::device_key, *device,
                      expires);
    }
    // A device's key opens its modules, too; a module's key opens nothing but the module.
    // Source: azure-iot-sdk-csharp#399, iotedge#249.
    if (credentials.key.is_module() && is_signed_by_key_of(*device, *token)) {
        return proved(AuthMethod::device_key, *device, expires);
    }
    return login_refused("wrong key");
}

/// Thumbprints are compared by the length registered: 40 digits SHA-1, 64 SHA-256.
bool has_thumbprint(const PeerCertificate& certificate, std::string_view registered) {
    if (registered.empty()) return false;
    const std::string& shown = registered.size() == sha1_hex_digits ? certificate.sha1 : certificate.sha256;
    return equals_ignoring_case(shown, registered);
}

Result<Proof> judge_certificate(const Credentials& credentials, const Identity* identity,
                                const Identity* device) {
    if (credentials.certificate == nullptr) return login_refused("neither token nor certificate");
    if (identity == nullptr || device == nullptr) return login_refused("unknown identity");
    const PeerCertificate& certificate = *credentials.certificate;
    const Authentication& auth = identity->auth;
    if (auth.type == AuthType::self_signed) {
        if (!has_thumbprint(certificate, auth.primary_thumbprint) &&
            !has_thumbprint(certificate, auth.secondary_thumbprint)) {
            return login_refused("wrong thumbprint");
        }
    } else if (auth.type == AuthType::certificate_authority) {
        if (!certificate.is_verified) return login_refused("certificate of an unknown CA");
        if (certificate.common_name != credentials.key.path()) return login_refused("certificate of another");
    } else {
        return login_refused("identity does not use certificates");
    }
    return proved(AuthMethod::certificate, *device, std::nullopt);
}

}  // namespace

Result<Proof> judge(const Credentials& credentials, const Identity* identity, const Identity* device,
                    const Policies& policies, std::span<const std::string> host_names, WallTime now) {
    if (!sas::is_hub_name(credentials.host, host_names)) return login_refused("user name of another hub");
    if (credentials.token) return judge_token(credentials, identity, device, policies, host_names, now);
    return judge_certificate(credentials, identity, device);
}

std::string_view auth_method_text(AuthMethod method) {
    switch (method) {
        case AuthMethod::device_key:
            break;
        case AuthMethod::module_key:
            return R"({"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null})";
        case AuthMethod::policy:
            return R"({"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null})";
        case AuthMethod::certificate:
            return R"({"scope":"device","type":"x509","issuer":"external","acceptingIpFilterRule":null})";
    }
    return R"({"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null})";
}

}  // namespace carillon::device
