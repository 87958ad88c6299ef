#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What `carillon trust` knows to explain, in the order in which it does.
const std::vector<std::string>& trust_languages();

/// How programs of `language`, one of `trust_languages()`, come to trust the authority in `ca_file`, an
/// absolute path, of the hub `host_name`: lines that a shell can run, which are comments where there is
/// nothing to run. Source: Node.js docs, "Command-line API"; azure-iot-sdk-python: abstract_clients.py;
/// azure-iot-sdk-c: iothub_client_options.h; azure-iot-sdk-java: IotHubSSLContext.java;
/// dotnet/runtime: pal_x509_root.c; Debian: update-ca-certificates(8).
std::string trust_text(std::string_view language, const std::string& ca_file, const std::string& host_name);

}  // namespace carillon
