#pragma once

#include "base/result.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
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

/// How long a body may take that comes over time.
struct StreamTimes {
    std::chrono::milliseconds quiet_max;  ///< Between two pieces.
    std::chrono::steady_clock::time_point until;
    std::chrono::milliseconds tick_interval;
    const std::function<void()>& tick;  ///< Called every `tick_interval` while nothing comes, unless empty.
    /// While it is true, unless null, the body ends with `connection_closed`, looked at as often.
    const std::atomic<bool>* stop = nullptr;
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

    /// Asks for a body that comes over time, and gives `take` each piece of it as it comes, until `take`
    /// returns false or the body is over; the answer is then without a body. An answer of another
    /// status than 200 is read whole instead. The connection serves nothing else afterwards.
    /// Fails as `exchange` does: with `gateway_timeout` if nothing comes for `times.quiet_max`, and
    /// also when it is `times.until`; with `connection_closed` if the body is cut off.
    Result<HttpAnswer> stream(const HttpRequest& request, const StreamTimes& times,
                              const std::function<bool(std::string_view)>& take);

private:
    struct Impl;
    explicit HttpsConnection(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
