#pragma once

#include "server/admin_endpoint.hpp"
#include "server/settings/config.hpp"

namespace carillon {

/// Where the admin listener is and what it asks for. `tls` are the hub's own contexts, taken if the
/// configuration says so. Fails with `config_invalid` for an address that others reach without TLS and a
/// token, and for a token that cannot be read or is too short.
Result<AdminOptions> admin_options(const ServerConfig& config, const TlsContexts* tls);

}  // namespace carillon
