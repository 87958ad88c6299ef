#include "net/peer_certificate.hpp"

#include "base/text.hpp"
#include "base/x509_der.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <array>
#include <string>

namespace carillon {
namespace {

std::string thumbprint(const X509* certificate, const EVP_MD* digest) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    if (X509_digest(certificate, digest, bytes.data(), &size) != 1) return {};
    return hex_encode({reinterpret_cast<const char*>(bytes.data()), size});
}

std::string common_name(const X509* certificate) {
    const X509_NAME* subject = X509_get_subject_name(certificate);
    const int position = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (position < 0) return {};
    // Of two names it would be a matter of taste which one counts.
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, position) >= 0) return {};
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, value);
    if (size < 0) return {};
    std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    return name.find('\0') == std::string::npos ? name : std::string();
}

}  // namespace

std::unique_ptr<PeerCertificate> read_peer_certificate(const ssl_st* ssl) {
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr) return nullptr;
    auto peer = std::make_unique<PeerCertificate>();
    peer->sha1 = thumbprint(certificate, EVP_sha1());
    peer->sha256 = thumbprint(certificate, EVP_sha256());
    peer->common_name = common_name(certificate);
    peer->is_verified = SSL_get_verify_result(ssl) == X509_V_OK;
    return peer;
}

std::vector<std::string> read_peer_chain(const ssl_st* ssl) {
    std::vector<std::string> chain;  // Bound: what TLS takes for a chain, 100 KB
    const X509* const own = SSL_get0_peer_certificate(ssl);
    if (own == nullptr) return chain;
    chain.push_back(der_of(own));
    // A server's list leaves the peer's own certificate out (SSL_get_peer_cert_chain(3)).
    const STACK_OF(X509)* const above = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; above != nullptr && i < sk_X509_num(above); ++i)
        chain.push_back(der_of(sk_X509_value(above, i)));
    return chain;
}

}  // namespace carillon
