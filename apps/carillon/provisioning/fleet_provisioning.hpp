#pragma once

#include "carillon/service_client.hpp"
#include "fleet/registration.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace carillon {

/// How the devices of a simulated fleet register.
struct FleetProvisioning {
    std::string id_scope;
    std::string host_name;  ///< Of the provisioning service, and what must be assigned.
    std::string group_key;  ///< base64.
    fleet::RegistrationOrder devices;
};

/// Registrations under way at once, each on a thread and, as a device's is, a connection of its own.
inline constexpr std::uint64_t provisioned_at_once = 16;

/// Makes the enrollment group of the fleet, or gives it this key: its id is the prefix, without the dashes at
/// its end. Fails with `config_invalid` where that is no id of a group.
Result<> enroll_fleet(const ServiceOptions& hub, const FleetProvisioning& order);

/// Registers every device; blocks. `done` counts and may be read meanwhile; `is_stopped` ends it early,
/// without an error. Fails with the first error of any device, and with `config_invalid` if one is assigned
/// elsewhere.
Result<> provision_devices(const ServiceOptions& hub, const FleetProvisioning& order,
                           std::atomic<std::uint64_t>& done, const std::atomic<bool>& is_stopped);

}  // namespace carillon
