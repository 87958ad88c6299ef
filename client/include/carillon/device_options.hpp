#pragma once

#include "base/result.hpp"
#include "carillon/retry_policy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace carillon {

class EventLoop;

/// How a device speaks to its hub; both by TLS.
enum class DeviceTransport : std::uint8_t {
    mqtt,            ///< Port 8883.
    mqtt_websocket,  ///< Port 443, through firewalls that let only HTTPS pass.
    amqp,            ///< Port 5671. A message that was received can be abandoned and rejected.
    amqp_websocket,  ///< Port 443.
};
constexpr bool is_amqp(DeviceTransport transport) {
    return transport == DeviceTransport::amqp || transport == DeviceTransport::amqp_websocket;
}

/// How to be a device of a hub, this one or Azure's.
struct DeviceOptions {
    /// `HostName=…;DeviceId=…;SharedAccessKey=…`, with `ModuleId` for a module; instead of the key
    /// `SharedAccessSignature=…`, which cannot be renewed, or `x509=true` with the two files below.
    std::string connection_string{};
    std::string certificate_file{};  ///< PEM, with its chain.
    std::string key_file{};          ///< PEM.
    std::string ca_file{};           ///< PEM of the authorities to trust; empty: the system's.
    DeviceTransport transport = DeviceTransport::mqtt;
    /// Where to connect instead of the host name, which stays what the certificate and the token are for.
    std::string address{};
    std::uint16_t port = 0;  ///< 0: the transport's.
    std::string model_id{};  ///< DTMI of a Plug and Play model.
    /// Silence on the line after which the hub is asked whether it is there. At most 1177 s.
    std::chrono::seconds keep_alive{240};
    /// A token is made anew, and shown on a new connection, when four fifths of this are over.
    /// Source: azure-iot-sdk-csharp: DeviceAuthenticationWithTokenRefresh.cs, an hour and a buffer of 15 %.
    std::chrono::seconds token_lifetime{3600};
    /// Never after the hub refused the device, or its certificate is not to be trusted.
    RetryPolicy retry;
    /// How long a message or a twin request may take with all reconnecting, before its fate is told.
    /// Source: azure-iot-sdk-node: device/core, MAX_OPERATION_TIMEOUT.
    std::chrono::milliseconds operation_timeout{240'000};
    std::size_t messages_max = 1000;                     ///< Waiting or on their way; more are refused.
    std::size_t message_bytes_max = 16UL * 1024 * 1024;  ///< All of these together.
    /// Who runs the client: null gives it a thread of its own. Many clients share a loop; it outlives them.
    EventLoop* loop = nullptr;
};

/// Where a client stands.
enum class ConnectionState : std::uint8_t {
    idle,        ///< `connect` was not called yet.
    connecting,  ///< An attempt is under way.
    connected,
    waiting,  ///< For the next attempt.
    stopped,  ///< It gave up; `connect` begins anew.
    closed,   ///< For good.
};

/// A client's new state, and why.
struct ConnectionStatus {
    ConnectionState state = ConnectionState::idle;
    /// In `waiting` and `stopped`: `unreachable`, `connection_closed`, `gateway_timeout`,
    /// `service_unavailable` (the hub asks to come later, or the device is disabled), `malformed_packet`;
    /// `iot_hub_unauthorized`, `tls_failed` and `invalid_protocol_version` stop it.
    Errc reason = Errc::connection_closed;
    std::string detail{};
};

}  // namespace carillon
