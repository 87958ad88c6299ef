#include "server/certificates/hub_certificates.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
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

/// A folder for this process only, which goes with the last holder.
Result<std::shared_ptr<const std::filesystem::path>> make_scratch() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "carillon-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
        return fail(Errc::io_failed, "no folder for certificates can be made in the folder for temporary files: " +
                                         (error ? error.message() : std::strerror(errno)));
    }
    return std::shared_ptr<const std::filesystem::path>(new std::filesystem::path(name),
                                                        [](const std::filesystem::path* path) {
                                                            std::error_code ignored;
                                                            std::filesystem::remove_all(*path, ignored);
                                                            delete path;
                                                        });
}

Result<HubCertificates> prepare_for_reading(const ServerConfig& config, const DataDir& data_dir) {
    auto scratch = make_scratch();
    if (!scratch) return fail(std::move(scratch).error());
    auto made = prepare_certificates_beside(data_dir.path(), certificate_names(config), **scratch);
    if (made) made->scratch = std::const_pointer_cast<std::filesystem::path>(*scratch);
    return made;
}

}  // namespace

Result<HubCertificates> find_certificates(const ServerConfig& config, const DataDir& data_dir) {
    HubCertificates certificates;
    if (config.tls_certificate.empty()) {
        auto made = config.read_only ? prepare_for_reading(config, data_dir)
                                     : prepare_certificates(data_dir.path(), certificate_names(config));
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
