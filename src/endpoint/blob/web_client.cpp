#include "endpoint/blob/web_client.hpp"

#include "base/log.hpp"
#include "base/log_rate.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

namespace carillon {

namespace http = boost::beast::http;

namespace {

constexpr std::chrono::milliseconds between_looks{250};

/// Names below `localhost` are this machine wherever they are asked for (RFC 6761 §6.3), which not
/// every resolver knows.
std::string looked_up(const std::string& host) {
    return to_lower(host).ends_with(".localhost") ? "localhost" : host;
}

bool is_address(const std::string& host) {
    return host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

Result<std::shared_ptr<const WebTrust>> WebTrust::load(const std::string& ca_file, WebReach reach) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (context == nullptr) return fail(Errc::tls_failed, "no TLS context");
    std::shared_ptr<const WebTrust> trust(new WebTrust(context, std::move(reach)));
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_verify_paths(context);
    if (!ca_file.empty() && SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1) {
        return fail(Errc::tls_failed,
                    "storage.ca_file " + ca_file + " is not there or has no certificate in it");
    }
    return trust;
}

WebTrust::~WebTrust() {
    SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

std::string_view WebAnswer::find(std::string_view name) const {
    for (const auto& [key, value] : fields) {
        if (equals_ignoring_case(key, name)) return value;
    }
    return {};
}

/// One socket, with TLS on it or without.
class WebClient::Connection {
public:
    Connection(const std::atomic<bool>& stops, std::chrono::steady_clock::time_point given_up_at)
        : stops_(stops), given_up_at_(given_up_at) {}
    ~Connection() {
        SSL_free(tls_);
        if (fd_ >= 0) ::close(fd_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Fails with `unreachable`.
    Result<> open(const WebServer& server, const WebTrust& trust);
    Result<> write(std::string_view bytes);
    /// Nothing at the end of the stream.
    Result<std::size_t> read(char* into, std::size_t size);

private:
    Result<> wait(short events);
    /// Connects; the error says why not.
    Result<> reach(const WebServer& server, const WebTrust& trust);
    Result<> handshake(const WebServer& server, const WebTrust& trust);
    /// Waits for what TLS wants after `result`; an error if it wants nothing.
    Result<> wait_for_tls(int result);

    const std::atomic<bool>& stops_;
    const std::chrono::steady_clock::time_point given_up_at_;
    std::chrono::seconds patience_ = connect_max;
    int fd_ = -1;
    SSL* tls_ = nullptr;
};

Result<> WebClient::Connection::wait(short events) {
    const auto end = std::min(std::chrono::steady_clock::now() + patience_, given_up_at_);
    while (!stops_ && std::chrono::steady_clock::now() < end) {
        pollfd descriptor{fd_, events, 0};
        const int ready = ::poll(&descriptor, 1, static_cast<int>(between_looks.count()));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return fail(Errc::connection_closed, std::strerror(errno));
    }
    return fail(Errc::gateway_timeout, stops_ ? "the hub stops" : "no answer in time");
}

Result<> WebClient::Connection::open(const WebServer& server, const WebTrust& trust) {
    const auto reached = reach(server, trust);
    patience_ = wait_max;
    if (reached) return {};
    static LogRate rate{std::chrono::seconds(1)};
    if (const auto count = rate.count(std::chrono::steady_clock::now())) {
        log.warn("blob container not reached host={} port={} reason=\"{}\" count={}", server.host,
                 server.port, reached.error().detail, *count);
    }
    return fail(Errc::unreachable, "The host cannot be reached, or is not one that the hub may connect to.");
}

Result<> WebClient::Connection::reach(const WebServer& server, const WebTrust& trust) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int unresolved =
        ::getaddrinfo(looked_up(server.host).c_str(), std::to_string(server.port).c_str(), &hints, &found);
    if (unresolved != 0) return fail(Errc::unreachable, server.host + ": " + ::gai_strerror(unresolved));
    std::string why = "it has no address";
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
        // Of this address, not of the name: another look-up might give another.
        if (!trust.reach().permits(server, *address->ai_addr)) {
            why = "the configuration does not allow its address";
            continue;
        }
        fd_ = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd_ < 0) continue;
        int error = ::connect(fd_, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
        if (error == EINPROGRESS) {
            auto waited = wait(POLLOUT);
            socklen_t size = sizeof(error);
            ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
            if (!waited) error = ETIMEDOUT;
        }
        why = std::strerror(error);
        if (error != 0) continue;
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        ::freeaddrinfo(found);
        return server.is_tls ? handshake(server, trust) : Result<>{};
    }
    ::freeaddrinfo(found);
    return fail(Errc::unreachable, server.host + ":" + std::to_string(server.port) + ": " + why);
}

Result<> WebClient::Connection::handshake(const WebServer& server, const WebTrust& trust) {
    tls_ = SSL_new(static_cast<SSL_CTX*>(trust.context()));
    if (tls_ == nullptr || SSL_set_fd(tls_, fd_) != 1) return fail(Errc::tls_failed, "no TLS connection");
    if (is_address(server.host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_), server.host.c_str());
    } else {
        SSL_set1_host(tls_, server.host.c_str());
        std::string name = server.host;
        // The macro SSL_set_tlsext_host_name, without its C cast.
        SSL_ctrl(tls_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    }
    for (;;) {
        const int result = SSL_connect(tls_);
        if (result == 1) return {};
        auto waited = wait_for_tls(result);
        if (waited) continue;
        const long verdict = SSL_get_verify_result(tls_);
        if (verdict != X509_V_OK) {
            return fail(Errc::tls_failed, server.host + ": its certificate is refused: " +
                                              X509_verify_cert_error_string(verdict));
        }
        return fail(Errc::tls_failed, server.host + ": " + waited.error().detail);
    }
}

Result<> WebClient::Connection::wait_for_tls(int result) {
    switch (SSL_get_error(tls_, result)) {
        case SSL_ERROR_WANT_READ:
            return wait(POLLIN);
        case SSL_ERROR_WANT_WRITE:
            return wait(POLLOUT);
        default:
            return fail(Errc::connection_closed, "the connection was closed");
    }
}

Result<> WebClient::Connection::write(std::string_view bytes) {
    while (!bytes.empty()) {
        Result<> waited;
        if (tls_ != nullptr) {
            const int put = SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
            if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
            if (put <= 0) waited = wait_for_tls(put);
        } else {
            const ssize_t put = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (put >= 0) bytes.remove_prefix(static_cast<std::size_t>(put));
            if (put < 0)
                waited =
                    errno == EAGAIN ? wait(POLLOUT) : fail(Errc::connection_closed, std::strerror(errno));
        }
        if (!waited) return waited;
    }
    return {};
}

Result<std::size_t> WebClient::Connection::read(char* into, std::size_t size) {
    for (;;) {
        Result<> waited;
        if (tls_ != nullptr) {
            const int got = SSL_read(tls_, into, static_cast<int>(size));
            if (got > 0) return static_cast<std::size_t>(got);
            if (SSL_get_error(tls_, got) == SSL_ERROR_ZERO_RETURN) return 0U;
            waited = wait_for_tls(got);
        } else {
            const ssize_t got = ::recv(fd_, into, size, 0);
            if (got >= 0) return static_cast<std::size_t>(got);
            waited = errno == EAGAIN ? wait(POLLIN) : fail(Errc::connection_closed, std::strerror(errno));
        }
        if (!waited) return fail(std::move(waited).error());
    }
}

WebClient::WebClient(WebServer server, std::shared_ptr<const WebTrust> trust, const std::atomic<bool>& stops)
    : server_(std::move(server)), trust_(std::move(trust)), stops_(stops) {}
WebClient::~WebClient() = default;

Result<WebAnswer> WebClient::exchange(std::string_view method, std::string_view target,
                                      std::string_view fields, std::string_view body,
                                      std::size_t body_bytes_max) {
    // Taken for this exchange; put back if the server keeps it open.
    std::unique_ptr<Connection> connection = std::move(connection_);
    if (connection == nullptr) {
        connection = std::make_unique<Connection>(stops_, given_up_at_);
        if (auto opened = connection->open(server_, *trust_); !opened) return fail(std::move(opened).error());
    }
    const bool is_v6 = server_.host.find(':') != std::string::npos;
    const bool is_default_port = server_.port == (server_.is_tls ? 443 : 80);
    std::string head(method);
    head.append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
    head += is_v6 ? "[" + server_.host + "]" : server_.host;
    if (!is_default_port) head += ":" + std::to_string(server_.port);
    head.append("\r\nUser-Agent: carillon/" CARILLON_VERSION "\r\n").append(fields);
    if (method == "PUT" || !body.empty()) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    head += "\r\n";
    if (auto sent = connection->write(head); !sent) return fail(std::move(sent).error());
    if (auto sent = connection->write(body); !sent) return fail(std::move(sent).error());

    http::response_parser<http::string_body> parser;
    parser.body_limit(body_bytes_max);
    parser.header_limit(header_bytes_max);
    parser.skip(method == "HEAD");
    parser.eager(true);
    std::string buffer;
    std::array<char, 16 * 1024> bytes{};
    while (!parser.is_done()) {
        auto got = connection->read(bytes.data(), bytes.size());
        if (!got) return fail(std::move(got).error());
        boost::system::error_code ec;
        if (*got == 0) {
            parser.put_eof(ec);
            if (ec || !parser.is_done()) return fail(Errc::connection_closed, "the answer was cut off");
            break;
        }
        buffer.append(bytes.data(), *got);
        const std::size_t used = parser.put(boost::asio::buffer(buffer), ec);
        buffer.erase(0, used);
        if (ec == http::error::body_limit) return fail(Errc::message_too_large, "the answer is too large");
        if (ec && ec != http::error::need_more)
            return fail(Errc::connection_closed, "no HTTP answer: " + ec.message());
    }
    WebAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
        answer.fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    answer.body = std::move(parser.get().body());
    if (parser.get().keep_alive() && buffer.empty()) connection_ = std::move(connection);
    return answer;
}

}  // namespace carillon
