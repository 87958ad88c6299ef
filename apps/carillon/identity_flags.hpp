#pragma once

#include "device_request.hpp"
#include "hub_flags.hpp"

#include <string>

namespace carillon {

// What the identities of devices and of modules have in common.

/// How the identity proves itself. Source: Azure CLI docs, "az iot hub device-identity create".
void add_credential_flags(CLI::App& verb, DeviceOrder& order);
void add_connection_string_flag(CLI::App& verb, bool& prints_connection_string);

/// Prints an identity, or its connection string alone. Fails with `config_invalid` if it has no key.
Result<Exit> show_identity(const HubFlags& flags, bool prints_connection_string, const ServiceClient& client,
                           const std::string& identity_json);

/// The etag to replace `current_json` by: the one asked for, else the one it has, so that a change in
/// between is a conflict and not lost.
std::string etag_to_replace(const std::string& asked, const std::string& current_json);

}  // namespace carillon
