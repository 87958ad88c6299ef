#pragma once

#include "base/result.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace carillon {

struct SslFree {
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_ctx_st* context) const;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;

/// Where a server's certificates lie, as PEM.
struct TlsFiles {
    struct KeyPair {
        std::string certificate;  ///< With its chain behind it.
        std::string key;
    };
    std::vector<KeyPair> key_pairs;  ///< At most one for each kind of key; the client's offer decides.
    std::string client_ca;           ///< CAs that sign device certificates; empty for none.
    /// More of them, each as DER in base64: those between an authority and the devices serve too, without it.
    std::vector<std::string> client_authorities{};
    /// Their revocation lists; empty for none. An authority that has no list here is not asked for one; one whose
    /// list is out of date has no certificate accepted.
    std::string client_crl;
};

/// How the server speaks TLS: versions, ciphers, certificates. Immutable, any thread.
///
/// TLS 1.2 and 1.3; X25519 first, AES-128-GCM first; tickets, but no renegotiation and no compression.
/// A client certificate is asked for and whatever is shown is accepted here: devices with a
/// self-signed one are known by its thumbprint, and a token may follow an unknown one.
/// Source: IoT Hub docs, "Transport Layer Security (TLS) support in IoT Hub".
class TlsContext {
public:
    /// Fails with `tls_failed`, naming the file.
    static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
    /// The server's side of a new connection.
    SslPtr new_connection() const;

private:
    explicit TlsContext(std::unique_ptr<ssl_ctx_st, SslFree> context) : context_(std::move(context)) {}
    std::unique_ptr<ssl_ctx_st, SslFree> context_;
};

/// How a client of ours speaks TLS to a hub: the same versions, and a server that proves its name.
/// Immutable, any thread.
class TlsClientContext {
public:
    /// Trusts the authorities of the PEM file, or the system's if `ca_file` is empty. Fails with
    /// `not_found_locally`, naming the file, or `tls_failed`.
    static Result<std::shared_ptr<const TlsClientContext>> load(const std::string& ca_file);
    /// The same, and shows the certificate of `own` to servers that ask for one.
    static Result<std::shared_ptr<const TlsClientContext>> load(const std::string& ca_file,
                                                                const TlsFiles::KeyPair& own);
    /// The client's side of a new connection to `host_name`, which the certificate must be for; null
    /// if OpenSSL has no memory.
    SslPtr new_connection(const std::string& host_name) const;

private:
    explicit TlsClientContext(std::unique_ptr<ssl_ctx_st, SslFree> context) : context_(std::move(context)) {}
    std::unique_ptr<ssl_ctx_st, SslFree> context_;
};

/// The context of new connections, exchanged whole when certificates are read again; connections
/// keep the one they began with. Any thread.
class TlsContexts {
public:
    explicit TlsContexts(std::shared_ptr<const TlsContext> context) : context_(std::move(context)) {}
    std::shared_ptr<const TlsContext> current() const {
        const std::lock_guard lock(mutex_);
        return context_;
    }
    void replace(std::shared_ptr<const TlsContext> context) {
        const std::lock_guard lock(mutex_);
        context_.swap(context);
    }

private:
    mutable std::mutex mutex_;  ///< Guards `context_`.
    std::shared_ptr<const TlsContext> context_;
};

}  // namespace carillon
