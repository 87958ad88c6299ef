#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/key_tag.hpp"
#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon {
class Policies;
struct Identity;
struct PeerCertificate;
}  // namespace carillon

namespace carillon::device {

/// What a peer shows to prove that it is `key`.
struct Credentials {
    const IdentityKey& key;
    std::string_view host;                  ///< Whom it takes the hub for.
    std::optional<std::string_view> token;  ///< It wins over a certificate.
    const PeerCertificate* certificate = nullptr;
};

/// How an identity proved itself; stamped on its messages.
enum class AuthMethod : std::uint8_t { device_key, module_key, policy, certificate };

/// What credentials prove, if they prove anything.
struct Proof {
    AuthMethod method = AuthMethod::device_key;
    std::optional<WallTime> expires;  ///< When a token's time ends, the skew included.
    KeyTag key = KeyTag::none;        ///< Of the policy, which signed the token.
};

/// Judges credentials. `identity` is what is registered under the key, and `device` its device (the
/// same unless it is a module); null where there is none. Every failure is `iot_hub_unauthorized`, so
/// that a stranger does not learn which ids exist, but for a disabled device that proved itself:
/// `device_disabled`. The detail is for the log only.
/// Source: IoT Hub docs, "Control access to IoT Hub"; iotedge: DeviceIdentityProvider.cs (a token
/// before a certificate).
Result<Proof> judge(const Credentials& credentials, const Identity* identity, const Identity* device,
                    const Policies& policies, std::span<const std::string> host_names, WallTime now);

/// The text of `iothub-connection-auth-method` on messages.
/// Source: IoT Hub docs, "Create and read IoT Hub messages".
std::string_view auth_method_text(AuthMethod method);

}  // namespace carillon::device
