#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace carillon::client {

struct SslFree {
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_ctx_st* context) const;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;

/// What a client trusts, and how it proves itself.
struct TlsSettings {
    std::string ca_file;           ///< PEM of the authorities to trust; empty: the system's.
    std::string certificate_file;  ///< PEM of our certificate with its chain; empty: none.
    std::string key_file;          ///< PEM of its key.

    auto operator<=>(const TlsSettings&) const = default;
};

/// How a device client speaks TLS: 1.2 and up, and a server that proves its name. Immutable, any thread.
class TlsClient {
public:
    /// Fails with `not_found_locally`, naming the file that is missing, or `tls_failed`.
    static Result<std::shared_ptr<const TlsClient>> load(const TlsSettings& settings);
    /// The client's side of a connection on `descriptor`, to `host_name`, which the certificate must be for;
    /// null if OpenSSL has no memory. It never raises SIGPIPE.
    SslPtr new_connection(int descriptor, const std::string& host_name) const;

private:
    explicit TlsClient(std::unique_ptr<ssl_ctx_st, SslFree> context) : context_(std::move(context)) {}
    std::unique_ptr<ssl_ctx_st, SslFree> context_;
};

}  // namespace carillon::client
