#include "io/tls_client.hpp"

#include "base/openssl_owner.hpp"
#include "base/openssl_reason.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <cerrno>
#include <cstdint>
#include <filesystem>

namespace carillon::client {

namespace {

// A BIO of ours on a socket: OpenSSL's own writes by write(2), which raises SIGPIPE in a program that we
// are only a guest in.

int descriptor_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

/// What OpenSSL wants to hear of a system call's outcome.
int outcome(BIO* bio, ssize_t count, int retry_flag) {
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return static_cast<int>(count);
}

int socket_write(BIO* bio, const char* data, int size) {
    return outcome(bio, ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL),
                   BIO_FLAGS_WRITE);
}

int socket_read(BIO* bio, char* data, int size) {
    return outcome(bio, ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0), BIO_FLAGS_READ);
}

long socket_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
    static const OpensslOwner<BIO_METHOD, BIO_meth_free> method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "carillon socket");
        if (made != nullptr) {
            BIO_meth_set_write(made, socket_write);
            BIO_meth_set_read(made, socket_read);
            BIO_meth_set_ctrl(made, socket_control);
        }
        return OpensslOwner<BIO_METHOD, BIO_meth_free>(made);
    }();
    return method.get();
}

Result<> check_file(const std::string& file) {
    std::error_code unreadable;
    if (std::filesystem::exists(file, unreadable)) return {};
    return fail(Errc::not_found_locally, "the file " + file + " is not there");
}

Result<> trust(SSL_CTX* context, const std::string& ca_file) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (ca_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
        return fail(Errc::tls_failed, "the system's authorities: " + openssl_reason());
    }
    if (auto there = check_file(ca_file); !there) return there;
    if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
    return fail(Errc::tls_failed, "the CA file " + ca_file + ": " + openssl_reason());
}

Result<> show(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
    if (certificate_file.empty()) return {};
    for (const std::string& file : {certificate_file, key_file}) {
        if (auto there = check_file(file); !there) return there;
    }
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
        return fail(Errc::tls_failed, "the certificate " + certificate_file + ": " + openssl_reason());
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return fail(Errc::tls_failed, "the key " + key_file + ": " + openssl_reason());
    }
    return {};
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const {
    SSL_free(ssl);
}
void SslFree::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

Result<std::shared_ptr<const TlsClient>> TlsClient::load(const TlsSettings& settings) {
    ERR_clear_error();
    std::unique_ptr<ssl_ctx_st, SslFree> made(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* context = made.get();
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        return fail(Errc::tls_failed, openssl_reason());
    }
    // Buffers exist only while bytes move: 16 kB less for each idle connection.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (auto trusted = trust(context, settings.ca_file); !trusted) return fail(trusted.error());
    auto shown = show(context, settings.certificate_file, settings.key_file);
    if (!shown) return fail(shown.error());
    return std::shared_ptr<const TlsClient>(new TlsClient(std::move(made)));
}

SslPtr TlsClient::new_connection(int descriptor, const std::string& host_name) const {
    SslPtr ssl(SSL_new(context_.get()));
    const BIO_METHOD* method = socket_method();
    BIO* bio = method == nullptr ? nullptr : BIO_new(method);
    if (ssl == nullptr || bio == nullptr) {
        BIO_free(bio);
        return nullptr;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    SSL_set_connect_state(ssl.get());
    // A literal address is proved by the certificate, too, but is never sent as a name (RFC 6066 §3).
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host_name.c_str()) != 1) {
        SSL_set1_host(ssl.get(), host_name.c_str());
        SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host_name.c_str()));
    }
    ERR_clear_error();
    return ssl;
}

}  // namespace carillon::client
