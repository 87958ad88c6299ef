#include "identity_flags.hpp"

#include "base/json.hpp"

#include <iostream>

namespace carillon {

void add_credential_flags(CLI::App& verb, DeviceOrder& order) {
    verb.add_option("--auth-method,--am", order.auth_method,
                    "shared_private_key, x509_thumbprint or x509_ca [shared_private_key]");
    verb.add_option("--primary-key,--pk", order.primary_key, "Base64 of 16 to 64 bytes [the hub makes one]");
    verb.add_option("--secondary-key,--sk", order.secondary_key, "Likewise; both or neither");
    verb.add_option("--primary-thumbprint,--ptp", order.primary_thumbprint,
                    "SHA-1 or SHA-256 of a certificate");
    verb.add_option("--secondary-thumbprint,--stp", order.secondary_thumbprint, "Of the next certificate");
}

void add_connection_string_flag(CLI::App& verb, bool& prints_connection_string) {
    verb.add_flag("--connection-string", prints_connection_string,
                  "Print its connection string and nothing else");
}

Result<Exit> show_identity(const HubFlags& flags, bool prints_connection_string, const ServiceClient& client,
                           const std::string& identity_json) {
    if (!prints_connection_string) return show_document(flags, identity_json);
    const auto text = device_connection_string(client.host_name(), identity_json);
    if (!text) return fail(text.error());
    std::cout << *text << '\n';
    return Exit::ok;
}

std::string etag_to_replace(const std::string& asked, const std::string& current_json) {
    if (!asked.empty()) return asked;
    const auto document = JsonDocument::parse(current_json);
    return document ? std::string(document->root().find("etag").string()) : asked;
}

}  // namespace carillon
