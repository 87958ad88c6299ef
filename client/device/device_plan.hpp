#pragma once

#include "base/clock.hpp"
#include "carillon/device_options.hpp"
#include "device/device_agent.hpp"
#include "io/tls_client.hpp"
#include "wire/sas/connection_string.hpp"

#include <cstdint>
#include <string>

namespace carillon::client {

/// A device's options, read and found to be without contradiction.
class DevicePlan {
public:
    /// Fails with `argument_invalid`.
    static Result<DevicePlan> make(const DeviceOptions& options);

    const IdentityKey& identity() const { return identity_; }
    AgentSettings agent_settings(const DeviceOptions& options) const;
    TlsSettings tls_settings(const DeviceOptions& options) const;
    /// The hub's own name, or that of the gateway before it.
    const std::string& server_name() const;
    bool has_certificate() const { return parts_.x509; }
    /// A token made at `now`; the one that was given; or empty where a certificate proves the device.
    std::string token(WallTime now, std::chrono::seconds lifetime) const;

private:
    DevicePlan(sas::ConnectionString parts, IdentityKey identity)
        : parts_(std::move(parts)), identity_(std::move(identity)) {}

    sas::ConnectionString parts_;
    IdentityKey identity_;
};

/// The port of a transport.
constexpr std::uint16_t port_of(DeviceTransport transport) {
    if (transport == DeviceTransport::mqtt) return 8883;
    return transport == DeviceTransport::amqp ? 5671 : 443;
}

}  // namespace carillon::client
