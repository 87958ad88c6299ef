#pragma once

#include "base/result.hpp"
#include "https_connection.hpp"
#include "server/hub_file.hpp"

#include <chrono>
#include <string>

namespace carillon {

/// Asks the admin listener of the hub on this machine that `hub` describes; with the token, if it has one.
/// Fails with `not_found_locally` if the hub has no such listener, else as `HttpsConnection::exchange`.
Result<HttpAnswer> ask_admin(const HubFile& hub, const std::string& path, const std::string& token,
                             std::chrono::milliseconds timeout);
/// Whether the HTTPS port answers. Fails as `HttpsConnection::exchange`.
Result<> ask_https(const HubFile& hub, std::chrono::milliseconds timeout);

}  // namespace carillon
