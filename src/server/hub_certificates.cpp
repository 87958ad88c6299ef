#include "server/hub_certificates.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace carillon {

namespace {

/// What the certificates are for: every name and address a client on this machine may use.
std::vector<std::string> certificate_names(const ServerConfig& config) {
    std::vector<std::string> names = config.hostnames;
    names.insert(names.end(), config.bind.begin(), config.bind.end());
    names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
    std::vector<std::string> distinct;
    for (const std::string& name : names) {
        if (name == "0.0.0.0" || name == "::") continue;
        if (std::find(distinct.begin(), distinct.end(), name) == distinct.end()) distinct.push_back(name);
    }
    return distinct;
}

}  // namespace

Result<HubCertificates> find_certificates(const ServerConfig& config, const DataDir& data_dir) {
    HubCertificates certificates;
    if (config.tls_certificate.empty()) {
        auto made = prepare_certificates(data_dir.path(), certificate_names(config));
        if (!made) return made;
        certificates = *std::move(made);
    } else {
        certificates.files.key_pairs.push_back({config.tls_certificate, config.tls_key});
    }
    certificates.files.client_ca = config.tls_client_ca;
    certificates.files.client_crl = config.tls_client_crl;
    return certificates;
}

}  // namespace carillon
