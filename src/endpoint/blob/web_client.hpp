#pragma once

#include "base/result.hpp"
#include "endpoint/blob/web_reach.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Whom outbound connections go to, and by which certificates they know them: the system's, and those of a
/// PEM file if one is named.
class WebTrust {
public:
    /// Fails with `tls_failed` if the file does not serve.
    static Result<std::shared_ptr<const WebTrust>> load(const std::string& ca_file, WebReach reach);
    ~WebTrust();
    void* context() const { return context_; }  ///< The `SSL_CTX`.
    const WebReach& reach() const { return reach_; }

private:
    WebTrust(void* context, WebReach reach) : context_(context), reach_(std::move(reach)) {}
    void* context_;
    const WebReach reach_;
};

struct WebAnswer {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;

    /// A header's value, the name in any case; empty if absent.
    std::string_view find(std::string_view name) const;
};

/// A keep-alive connection to one web server, opened when it is needed. Verifies the server's
/// certificate against its name. Blocking, and given up within a quarter of a second once `stops` is
/// true; one thread at a time.
class WebClient {
public:
    static constexpr std::chrono::seconds wait_max{30};    ///< For bytes to move, either way.
    static constexpr std::chrono::seconds connect_max{5};  ///< For a connection, and for TLS on it.
    static constexpr std::size_t header_bytes_max = 64 * 1024;

    WebClient(WebServer server, std::shared_ptr<const WebTrust> trust, const std::atomic<bool>& stops);
    ~WebClient();

    /// From `moment` on nothing is waited for any longer, however slowly bytes still move.
    void give_up_at(std::chrono::steady_clock::time_point moment) { given_up_at_ = moment; }

    /// `fields` are header lines, each ended by CR LF. Fails with `unreachable`, whatever it is that hinders
    /// a connection, as who named the host is not to learn what is there; the log says it. Fails with
    /// `connection_closed`, `gateway_timeout`, or `message_too_large` for an answer beyond
    /// `body_bytes_max`.
    Result<WebAnswer> exchange(std::string_view method, std::string_view target, std::string_view fields,
                               std::string_view body, std::size_t body_bytes_max);

private:
    class Connection;
    WebServer server_;
    std::shared_ptr<const WebTrust> trust_;
    const std::atomic<bool>& stops_;
    std::chrono::steady_clock::time_point given_up_at_ = std::chrono::steady_clock::time_point::max();
    std::unique_ptr<Connection> connection_;
};

}  // namespace carillon
