#pragma once

#include "https_connection.hpp"

namespace carillon {

/// One GET without TLS, for a listener on this machine; blocking. `settings` need no certificate, and a token
/// is shown (RFC 6750) unless it is empty. Fails with
/// `unreachable`, `gateway_timeout`, `connection_closed`, `message_too_large`.
Result<HttpAnswer> plain_get(const HttpsSettings& settings, const std::string& target,
                             std::chrono::milliseconds timeout, const std::string& token = {});

}  // namespace carillon
