#pragma once

#include <cstdint>

namespace carillon {

enum class AccessRights : std::uint16_t;

/// What a policy allows of provisioning: flags beside those of the hub, which `AccessRights` names. To write
/// implies to read. The service's ServiceConfig is left out: what it covers stands in the configuration file.
/// Source: DPS docs, "Control access to the Device Provisioning Service".
struct ProvisioningRights {
    static constexpr AccessRights enrollment_read{0x10};
    static constexpr AccessRights enrollment_write{0x30};
    static constexpr AccessRights registration_status_read{0x40};
    static constexpr AccessRights registration_status_write{0xC0};
    static constexpr AccessRights all{0xF0};
};

/// What an owner has: the rights of the hub, which are the lower four flags, and of provisioning.
inline constexpr AccessRights every_right{0xFF};

}  // namespace carillon
