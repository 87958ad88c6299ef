#include "net/tls_context.hpp"

#include "base/openssl_reason.hpp"
#include "base/text.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <array>

namespace carillon {
namespace {

/// A ticket keeps the certificate of a device, but not those between it and its authority, without which it
/// would be refused; so who has shown one shakes hands in full.
SSL_TICKET_RETURN resumes(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                          SSL_TICKET_STATUS status, void*) {
    if (status == SSL_TICKET_FATAL_ERR_MALLOC || status == SSL_TICKET_FATAL_ERR_OTHER)
        return SSL_TICKET_RETURN_ABORT;
    const bool is_good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    if (!is_good || SSL_SESSION_get0_peer(session) != nullptr) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/// The ciphers of TLS 1.2. The CBC ones are for clients of 2016, Node 0.12 to 4 among them.
constexpr const char* ciphers_tls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384";
constexpr const char* ciphers_tls13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

/// Authorities without a list are taken as they are.
int pass_without_list(int ok, X509_STORE_CTX* chain) {
    if (ok == 1 || X509_STORE_CTX_get_error(chain) != X509_V_ERR_UNABLE_TO_GET_CRL) return ok;
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

/// Verifies, so that `SSL_get_verify_result` knows the outcome, and accepts in any case.
int verify_and_accept(X509_STORE_CTX* chain, void*) {
    if (X509_verify_cert(chain) <= 0 && X509_STORE_CTX_get_error(chain) == X509_V_OK) {
        X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
    }
    ERR_clear_error();
    return 1;
}

using ContextPtr = std::unique_ptr<ssl_ctx_st, SslFree>;

/// What both sides have in common. Fails with `tls_failed`.
Result<ContextPtr> make_context(const SSL_METHOD* side) {
    ERR_clear_error();
    ContextPtr made(SSL_CTX_new(side));
    SSL_CTX* context = made.get();
    if (context == nullptr) return fail(Errc::tls_failed, openssl_reason());
    bool ok = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
    ok = ok && SSL_CTX_set_cipher_list(context, ciphers_tls12) == 1;
    ok = ok && SSL_CTX_set_ciphersuites(context, ciphers_tls13) == 1;
    ok = ok && SSL_CTX_set1_groups_list(context, groups) == 1;
    if (!ok) return fail(Errc::tls_failed, openssl_reason());
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Buffers exist only while bytes move: 16 kB less for each idle connection.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return made;
}

/// From here on certificates are looked for in the lists of this file. False if there is none in it.
bool check_revocation(SSL_CTX* context, const std::string& file) {
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP* const reader = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (reader == nullptr || X509_load_crl_file(reader, file.c_str(), X509_FILETYPE_PEM) < 1) return false;
    X509_STORE_set_verify_cb(store, pass_without_list);
    return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

tl::unexpected<Error> file_failed(const char* what, const std::string& file) {
    return fail(Errc::tls_failed, std::string(what) + " " + file + ": " + openssl_reason());
}

Result<> use_key_pair(SSL_CTX* context, const TlsFiles::KeyPair& pair) {
    if (SSL_CTX_use_certificate_chain_file(context, pair.certificate.c_str()) != 1) {
        return file_failed("certificate", pair.certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, pair.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return file_failed("private key", pair.key);
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return file_failed("no pair with its certificate:", pair.key);
    }
    return {};
}

/// Takes these for authorities, whoever has signed them.
Result<> believe(SSL_CTX* context, const std::vector<std::string>& authorities) {
    if (authorities.empty()) return {};
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (const std::string& authority : authorities) {
        const auto der = base64_decode(authority);
        const auto* at = der ? reinterpret_cast<const unsigned char*>(der->data()) : nullptr;
        X509* const certificate = der ? d2i_X509(nullptr, &at, static_cast<long>(der->size())) : nullptr;
        const bool is_added = certificate != nullptr && X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
        if (!is_added) return fail(Errc::tls_failed, "an authority of devices: " + openssl_reason());
    }
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return {};
}

Result<ContextPtr> make_client_context(const std::string& ca_file) {
    auto made = make_context(TLS_client_method());
    if (!made) return made;
    SSL_CTX* context = made->get();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
        return fail(Errc::not_found_locally, "no certificates in " + ca_file + ": " + openssl_reason());
    }
    return made;
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const {
    SSL_free(ssl);
}
void SslFree::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
    auto begun = make_context(TLS_server_method());
    if (!begun) return fail(std::move(begun).error());
    ContextPtr made = *std::move(begun);
    SSL_CTX* context = made.get();
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // Tickets keep sessions with the client; one is enough, each costs its encryption.
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_ticket_cb(context, nullptr, resumes, nullptr);
    // Without it a session that was verified is refused on resumption.
    constexpr std::array<unsigned char, 8> session_name{'c', 'a', 'r', 'i', 'l', 'l', 'o', 'n'};
    SSL_CTX_set_session_id_context(context, session_name.data(), session_name.size());

    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, verify_and_accept, nullptr);
    if (!files.client_ca.empty() && SSL_CTX_load_verify_file(context, files.client_ca.c_str()) != 1) {
        return file_failed("client CAs", files.client_ca);
    }
    if (auto added = believe(context, files.client_authorities); !added) return fail(std::move(added).error());
    if (!files.client_crl.empty() && !check_revocation(context, files.client_crl)) {
        return file_failed("revocation lists", files.client_crl);
    }
    for (const TlsFiles::KeyPair& pair : files.key_pairs) {
        if (auto used = use_key_pair(context, pair); !used) return fail(std::move(used).error());
    }
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(made)));
}

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::load(const std::string& ca_file) {
    auto made = make_client_context(ca_file);
    if (!made) return fail(std::move(made).error());
    return std::shared_ptr<const TlsClientContext>(new TlsClientContext(*std::move(made)));
}

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::load(const std::string& ca_file,
                                                                       const TlsFiles::KeyPair& own) {
    auto made = make_client_context(ca_file);
    if (!made) return fail(std::move(made).error());
    if (auto used = use_key_pair(made->get(), own); !used) return fail(std::move(used).error());
    return std::shared_ptr<const TlsClientContext>(new TlsClientContext(*std::move(made)));
}

SslPtr TlsClientContext::new_connection(const std::string& host_name) const {
    SslPtr ssl(SSL_new(context_.get()));
    if (ssl == nullptr) return ssl;
    SSL_set_connect_state(ssl.get());
    // A literal address is proved by the certificate, too, but is never sent as a name (RFC 6066 §3).
    X509_VERIFY_PARAM* verified = SSL_get0_param(ssl.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(verified, host_name.c_str()) != 1) {
        SSL_set1_host(ssl.get(), host_name.c_str());
        SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host_name.c_str()));
    }
    ERR_clear_error();
    return ssl;
}

SslPtr TlsContext::new_connection() const {
    SslPtr ssl(SSL_new(context_.get()));
    if (ssl != nullptr) SSL_set_accept_state(ssl.get());
    return ssl;
}

}  // namespace carillon
