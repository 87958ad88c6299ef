#pragma once

#include "base/result.hpp"
#include "net/tls_context.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// The hub's own authority and server certificates, for who has none from elsewhere. In the data
/// folder: `ca.pem`, which clients trust, `ca-key.pem`, `server-ecdsa.pem`, `server-rsa.pem` and
/// their `-key.pem`. Keys are created with mode 0600.
struct HubCertificates {
    TlsFiles files;
    std::filesystem::path ca;
    /// Holds the folder of files that were made for this start only, if any were.
    std::shared_ptr<void> scratch;
    bool made_ca = false;      ///< Just now.
    bool made_server = false;  ///< Just now: none was there, or not for these names, or not for long.
};

/// How long they are valid, and how long before its end a server's certificate is made anew; an
/// authority is not, as clients know it.
inline constexpr int ca_valid_days = 3650;
inline constexpr int server_valid_days = 730;
inline constexpr int server_renewed_days_before = 30;

/// Looks at the authority in `dir` without changing anything: the certificate and its key are there, belong
/// together and are as they were made. There may be none before the first start of a hub came to its end.
/// Fails with `store_corrupt`, naming the file and the ways out: a new authority would lock out every client.
Result<> check_authority(const std::filesystem::path& dir);

/// Looks for the certificates in `dir` and makes what is missing or does not fit: server certificates
/// are for exactly `names` (host names and IP addresses), by the authority that is there.
/// Fails as `check_authority` does, or with `io_failed`.
Result<HubCertificates> prepare_certificates(const std::filesystem::path& dir,
                                             const std::vector<std::string>& names);

/// The same for a hub that changes nothing in `dir`: what does not fit is made in `scratch`. Fails with
/// `config_invalid` if `dir` has no authority.
Result<HubCertificates> prepare_certificates_beside(const std::filesystem::path& dir,
                                                    const std::vector<std::string>& names,
                                                    const std::filesystem::path& scratch);

/// Looks in `dir` for the certificate by which a node of a cluster proves to others, as server and as client,
/// that it is `name`, and makes it by the authority that is there if it is missing or does not fit. Fails
/// likewise.
Result<TlsFiles::KeyPair> prepare_node_certificate(const std::filesystem::path& dir, const std::string& name);

}  // namespace carillon
