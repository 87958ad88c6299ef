#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon::sas {

/// A service, device or module connection string. Exactly one credential is present: `key`,
/// `signature` or `x509`. Without a `device_id` it is a service's, and `key_name` is present.
/// Source: IoT Hub docs, "Understand the identity registry" and "Control access to IoT Hub by using
/// shared access signatures"; azure-iot-sdk-node: common/core/src/connection_string.ts.
struct ConnectionString {
    std::string host_name;
    std::string key_name;   ///< `SharedAccessKeyName`
    std::string key;        ///< `SharedAccessKey`, base64
    std::string signature;  ///< `SharedAccessSignature`, a ready token
    std::string device_id;
    std::string module_id;
    std::string gateway_host_name;
    bool x509 = false;
};

/// Longest text looked at. Ours: real ones are some 200 bytes, with a ready token twice that.
inline constexpr std::size_t connection_string_bytes_max = 4 * 1024;

/// `Name=value` pairs split on `;`, then on the first `=`; names compare exactly; one `;` and white
/// space at the end are accepted. Fails with `argument_invalid` if `HostName` or the credential is
/// missing, a name repeats or is unknown, a value is empty or no id, or a key is not base64.
Result<ConnectionString> parse_connection_string(std::string_view text);

/// The text of `parts`, in the order the service prints it; empty members are left out.
std::string to_text(const ConnectionString& parts);

}  // namespace carillon::sas
