#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon {

/// How a device speaks to a provisioning service; all by TLS.
enum class ProvisioningTransport : std::uint8_t {
    https,           ///< Port 443.
    mqtt,            ///< Port 8883.
    mqtt_websocket,  ///< Port 443.
};

/// How to reach a provisioning service, which a Carillon hub is under its own name.
struct ProvisioningOptions {
    std::string host{};      ///< Such as `hub.example.net`, or `global.azure-devices-provisioning.net`.
    std::string id_scope{};  ///< The service's, such as `0ne00ABCDEF`.
    /// PEM file of the authorities to trust; empty means the system's.
    std::string ca_file{};
    /// Where to connect instead of `host`, which stays the name that the server's certificate is for.
    std::string address{};
    ProvisioningTransport transport = ProvisioningTransport::https;
    std::uint16_t port = 0;  ///< 0: the transport's.
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds request_timeout{30'000};
    /// For a registration in all, with what the service tells to wait.
    std::chrono::milliseconds registration_timeout{120'000};
};

/// Where a device belongs.
struct ProvisionedDevice {
    std::string hub{};  ///< A host name.
    std::string device_id{};
    std::string substatus{};  ///< `initialAssignment`, …
    std::string payload{};    ///< What an allocator added, JSON; empty if it added nothing.
    /// What a `DeviceClient` connects with.
    std::string connection_string{};
};

/// The device side of provisioning: asks to which hub a device belongs, which makes its identity there.
/// Blocks; movable; used by one thread at a time. Keeps a connection of HTTPS between calls; over MQTT each
/// device has its own.
/// Source: DPS docs, "How to use the HTTPS device API", "Communicate with your DPS using the MQTT protocol";
/// DPS device.json.
class ProvisioningClient {
public:
    /// Connects to nothing yet. Fails with `argument_invalid` where no host or id scope is named, with
    /// `not_found_locally` or `tls_failed` for the CA file, with `io_failed` when no descriptor is left.
    static Result<ProvisioningClient> open(ProvisioningOptions options);

    ProvisioningClient(ProvisioningClient&&) noexcept;
    ProvisioningClient& operator=(ProvisioningClient&&) noexcept;
    ~ProvisioningClient();

    /// Registers a device that proves itself by `key`, base64: its own, or the one that is derived for it
    /// from a group's. `payload` is JSON for an allocator, or empty. 429 and 5xx are retried.
    /// Fails with `argument_invalid` for an id of more than 128 bytes or a payload of more than 96 KB; with
    /// `iot_hub_unauthorized_access` (unknown, disabled or of another key), `gateway_timeout` after
    /// `registration_timeout`, and with what the service names, such as `generic_not_found` for an id scope
    /// that it has not, which over MQTT is `iot_hub_unauthorized_access`; with `unreachable`, `tls_failed`,
    /// `connection_closed` where there is no talking to it.
    Result<ProvisionedDevice> register_device(std::string_view registration_id, std::string_view key,
                                              std::string_view payload = {});

private:
    struct Impl;
    explicit ProvisioningClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// The key of one device of a group: HMAC-SHA256 of its registration id under the group's key, all base64;
/// empty if that is not base64. Source: DPS docs, "Symmetric key attestation".
std::string derive_device_key(std::string_view group_key, std::string_view registration_id);

}  // namespace carillon
