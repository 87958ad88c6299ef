#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// What the flags of `create` and `update`, of `carillon device` and `carillon module`, say; empty means
/// not given.
struct DeviceOrder {
    std::string id;
    std::string module;       ///< Not empty: the identity is this module's. Modules have no status.
    std::string auth_method;  ///< shared_private_key, x509_thumbprint or x509_ca.
    std::string primary_key;
    std::string secondary_key;
    std::string primary_thumbprint;
    std::string secondary_thumbprint;
    std::string status;
    std::string status_reason;
};

/// The identity to create. Fails with `config_invalid`.
Result<std::string> new_device_json(const DeviceOrder& order);

/// The identity `current_json` with the order's changes. The service replaces identities whole, so
/// what is not sent is lost. Fails with `config_invalid`, `malformed_packet`.
Result<std::string> changed_device_json(const DeviceOrder& order, std::string_view current_json);

/// The device's or module's own connection string, from its identity. Fails with `config_invalid` if it has
/// no key.
Result<std::string> device_connection_string(std::string_view host_name, std::string_view identity_json);

}  // namespace carillon
