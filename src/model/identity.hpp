#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/shared_bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class ConfigurationStates;  // model/configuration_states.hpp

enum class DeviceStatus : std::uint8_t { enabled, disabled };
enum class AuthType : std::uint8_t { sas, self_signed, certificate_authority, none };

/// Limits of identities. Source: IoT Hub docs, "Understand the identity registry", device identity
/// properties. Ours: scopes and `managedBy`, which the service makes itself, and model ids, of which the
/// DTDL specification allows an interface 128 characters.
struct IdentityLimits {
    static constexpr std::size_t status_reason_chars_max = 128;
    static constexpr std::size_t key_bytes_min = 16;  ///< Of a symmetric key, decoded.
    static constexpr std::size_t key_bytes_max = 64;
    static constexpr std::size_t managed_by_chars_max = 128;
    static constexpr std::size_t scope_bytes_max = 256;
    static constexpr std::size_t parent_scopes_max = 10;
    static constexpr std::size_t model_id_bytes_max = 256;
};

/// The words of the wire: `enabled`, `selfSigned`.
std::string_view device_status_text(DeviceStatus status);
std::string_view auth_type_text(AuthType type);

/// How an identity proves itself. Keys are base64 as given by the user; thumbprints hex as given.
struct Authentication {
    AuthType type = AuthType::sas;
    std::string primary_key;
    std::string secondary_key;
    std::string primary_thumbprint;
    std::string secondary_thumbprint;
};

/// What the registry stores of a device or module identity.
/// Source: IoT Hub docs, "Understand the identity registry"; azure-iot-hub-python: service.json.
struct Identity {
    IdentityKey key;
    std::uint64_t generation_id = 0;  ///< .NET ticks of creation; printed in decimal.
    std::uint64_t etag = 0;           ///< Printed as base64 of its decimal digits.
    DeviceStatus status = DeviceStatus::enabled;
    std::optional<std::string> status_reason;
    WallTime status_updated;
    Authentication auth;
    bool iot_edge = false;
    std::string device_scope;
    std::vector<std::string> parent_scopes;
    std::optional<std::string> managed_by;  ///< Modules only.
    /// The DTMI that the device named when it connected; empty if it never did. No part of what a
    /// service writes, so it does not move the etag.
    std::string model_id;

    explicit Identity(IdentityKey k) : key(std::move(k)) {}
    /// True if `scope` is among its `parent_scopes`.
    bool is_under(std::string_view scope) const;
};

/// What the hub knows about an identity from elsewhere than its registration: from its connections, and
/// from the configurations that select it.
struct LiveState {
    bool connected = false;
    WallTime connection_updated;
    WallTime last_activity;
    std::uint32_t c2d_count = 0;
    std::shared_ptr<const ConfigurationStates> configurations{};  ///< Null if there are none.
};

/// The modules of an edge device that are the hub's own: it makes them with the device, they go with it, and
/// only a deployment writes their twins.
/// Source: IoT Hub docs, "Properties of the IoT Edge agent and IoT Edge hub module twins".
inline constexpr std::array<std::string_view, 2> system_modules{"$edgeAgent", "$edgeHub"};
bool is_system_module(std::string_view module);

/// The device whose scope this is: `ms-azure-iot-edge://ID-NUMBER`. None if it is of another form.
std::optional<DeviceId> device_of_scope(std::string_view scope);

/// The scopes of edge devices that the body of an identity PUT puts the device under: the `deviceScope` of a
/// leaf, the `parentScopes` of an edge device. Nothing of a body that `parse_identity` refuses.
std::vector<std::string> named_parent_scopes(JsonValue body);

/// True for what may be stored as a model id: printable ASCII of at most `model_id_bytes_max` bytes.
bool is_model_id(std::string_view text);

/// The identity's etag as printed: base64 of decimal, such as `MQ==`.
std::string identity_etag_text(std::uint64_t etag);

/// Reads the body of an identity PUT (or an entry of a bulk request) for `key`. `existing` is what
/// is registered, if anything: its generation and creation stay, all else is replaced; members
/// left out are reset and missing keys are minted from `random`. Names in any case. Does not set `etag`.
/// An `authentication` that is there but not understood mints no keys. Ours: it would lock the device out.
/// Of a system module only the credentials are taken: the runtime on the device gives it keys of its own.
/// Fails with `argument_invalid` in the service's words, with `iot_hub_format_error` if `body` is no
/// object, with `invalid_device_scope` on an attempt to change the scope of an edge device, or to name a
/// parent by what is no scope.
/// Source: IoT Hub docs, "Understand the identity registry"; azure-iot-sdk-csharp: Device.cs,
/// AuthenticationMechanism.cs.
Result<Identity> parse_identity(JsonValue body, const IdentityKey& key, const Identity* existing,
                                WallTime now, Random& random);

/// Appends the device or module object, `authentication.type` last: the C# client's setters of the
/// members before it would reset it (azure-iot-sdk-csharp: AuthenticationMechanism.cs).
void append_identity_json(std::string& out, const Identity& identity, const LiveState& live);

/// An identity in one immutable shared block (8 bytes here, about 150 there); for residency.
class PackedIdentity {
public:
    PackedIdentity() = default;
    explicit PackedIdentity(const Identity& identity);

    explicit operator bool() const { return static_cast<bool>(block_); }
    Identity unpack() const;
    std::uint64_t etag() const;
    std::uint64_t generation_id() const;
    DeviceStatus status() const;
    AuthType auth_type() const;
    /// The same identity with another model id; everything else stays as it is.
    PackedIdentity with_model(std::string_view model_id) const;
    bool iot_edge() const;
    /// The block for the disk, and back. `decode` fails with `store_corrupt`. Format:
    /// docs/twin-encoding.md.
    Bytes encoded() const { return block_.bytes(); }
    static Result<PackedIdentity> decode(Bytes bytes);

private:
    SharedBytes block_;
};

}  // namespace carillon
