#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
    std::string method;
    std::string target;
    HttpHeaders headers;
    std::string body;
};

struct HttpAnswer {
    int status = 0;
    HttpHeaders headers;
    std::string body;

    /// A header's value, the name in any case; empty if absent.
    std::string_view header(std::string_view name) const;
};

struct HttpsSettings {
    std::string tls_name;  ///< What the certificate must be for: a host name or an address.
    std::string address;   ///< What to connect to.
    std::uint16_t port = 443;
    std::string ca_file;  ///< Empty: the system's.
    std::chrono::milliseconds connect_timeout{10'000};
    std::size_t answer_bytes_max = 64 * 1024 * 1024;
};

/// A keep-alive HTTPS connection, opened when it is first needed and again whenever it is gone.
/// Blocking; one thread at a time.
///
/// A request is repeated by itself only where the server cannot have acted on it: when a connection
/// that had been idle turns out to be closed before the request was written, or when a GET meets
/// that fate later.
class HttpsConnection {
public:
    /// Fails with `not_found_locally` or `tls_failed` if the CA file does not serve.
    static Result<std::unique_ptr<HttpsConnection>> open(HttpsSettings settings);
    ~HttpsConnection();

    /// Fails with `unreachable`, `tls_failed`, `connection_closed`, `gateway_timeout`, or
    /// `message_too_large` for an answer beyond its limit.
    Result<HttpAnswer> exchange(const HttpRequest& request, std::chrono::milliseconds timeout);

private:
    struct Impl;
    explicit HttpsConnection(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
