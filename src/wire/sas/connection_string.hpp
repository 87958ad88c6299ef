#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon::sas {

/// A service, device or module connection string. Source: contract auth.md 7.
struct ConnectionString {
    std::string host_name;
    std::string key_name;  ///< `SharedAccessKeyName`
    std::string key;       ///< `SharedAccessKey`, base64
    std::string device_id;
    std::string module_id;
    std::string gateway_host_name;
    bool x509 = false;
};

inline constexpr std::size_t connection_string_bytes_max = 4 * 1024;

/// `Name=value` pairs split on `;`, then on the first `=`; names compare exactly. Fails with
/// `argument_invalid` if `HostName` or any credential is missing, a name repeats or is unknown, or a
/// key is no base64.
Result<ConnectionString> parse_connection_string(std::string_view text);
std::string to_text(const ConnectionString& parts);

}  // namespace carillon::sas
