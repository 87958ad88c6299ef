#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "wire/mqtt/packet.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon {
class Policies;
struct Identity;
struct PeerCertificate;
}  // namespace carillon

namespace carillon::mqtt {

/// What a peer shows to prove that it is `key`.
struct Credentials {
    const IdentityKey& key;
    std::string_view host;                  ///< Of the user name.
    std::optional<std::string_view> token;  ///< The password; it wins over a certificate.
    const PeerCertificate* certificate = nullptr;
};

/// How an identity proved itself; stamped on its messages.
enum class AuthMethod : std::uint8_t { device_key, module_key, policy, certificate };

/// The answer to credentials: accepted if `code` is.
struct Verdict {
    ConnectCode code = ConnectCode::not_authorized;
    Errc reason = Errc::iot_hub_unauthorized;
    const char* why = "";  ///< For the log.
    AuthMethod method = AuthMethod::device_key;
    std::optional<WallTime> expires;  ///< When a token's time ends, the skew included.
};

/// Judges credentials. `identity` is what is registered under the key, and `device` its device (the
/// same unless it is a module); null where there is none. Every failure is answered with 5, so that
/// a stranger does not learn which ids exist, but for a disabled device that proved itself: 3, which
/// the SDKs take as a reason to try again later.
/// Source: IoT Hub docs, "Control access to IoT Hub"; azure-iot-sdk-c#314 (3 for disabled devices);
/// iotedge: DeviceIdentityProvider.cs (password before certificate).
Verdict judge(const Credentials& credentials, const Identity* identity, const Identity* device,
              const Policies& policies, std::span<const std::string> host_names, WallTime now);

/// The text of `iothub-connection-auth-method` on messages.
/// Source: IoT Hub docs, "Create and read IoT Hub messages".
std::string_view auth_method_text(AuthMethod method);

}  // namespace carillon::mqtt
