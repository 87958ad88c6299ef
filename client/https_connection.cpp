#include "https_connection.hpp"

#include "base/text.hpp"
#include "io/resolver.hpp"

#include <openssl/ssl.h>
#include <poll.h>
#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <filesystem>
#include <optional>

namespace carillon {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::ssl_stream<beast::tcp_stream>;

namespace {

constexpr std::size_t header_bytes_max = 64 * 1024;

bool is_address(const std::string& host) {
    error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

/// Bytes, or the end of the stream, on a connection on which nothing is due: it is being closed.
bool is_stale(Stream& stream) {
    pollfd descriptor{beast::get_lowest_layer(stream).socket().native_handle(), POLLIN, 0};
    return ::poll(&descriptor, 1, 0) != 0;
}

HttpAnswer head_of(const http::response<http::string_body>& response) {
    HttpAnswer answer;
    answer.status = static_cast<int>(response.result_int());
    for (const auto& field : response) {
        answer.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    return answer;
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (equals_ignoring_case(key, name)) return value;
    }
    return {};
}

struct HttpsConnection::Impl {
    explicit Impl(HttpsSettings s) : settings(std::move(s)) {}

    /// Starts an operation and runs it to its end; the stream's own expiry bounds it.
    template <class Start>
    error_code wait(Start start) {
        error_code outcome;
        start([&outcome](error_code ec, auto&&...) { outcome = ec; });
        io.restart();
        io.run();
        return outcome;
    }

    /// The same, with ticks meanwhile.
    template <class Start>
    error_code wait(Start start, const StreamTimes& times) {
        if (!times.tick && times.stop == nullptr) return wait(start);
        error_code outcome;
        start([&outcome](error_code ec, auto&&...) { outcome = ec; });
        io.restart();
        for (io.run_for(times.tick_interval); !io.stopped(); io.run_for(times.tick_interval)) {
            if (times.tick) times.tick();
            if (times.stop != nullptr && *times.stop) beast::get_lowest_layer(*stream).cancel();
        }
        return outcome;
    }

    void expires_after(std::chrono::milliseconds timeout) {
        beast::get_lowest_layer(*stream).expires_after(timeout);
    }

    Result<> connect();
    Result<HttpAnswer> attempt(const HttpRequest& request, std::chrono::milliseconds timeout);
    http::request<http::string_body> composed(const HttpRequest& request) const;
    tl::unexpected<Error> failed(error_code ec, std::string_view timeout_text);

    HttpsSettings settings;
    asio::io_context io{1};
    asio::ssl::context tls{asio::ssl::context::tls_client};
    std::optional<Stream> stream;
    beast::flat_buffer buffer;
};

Result<> HttpsConnection::Impl::connect() {
    stream.reset();
    buffer.clear();
    const auto& where = settings.address;
    asio::ip::tcp::resolver resolver(io);
    error_code ec;
    auto endpoints = resolver.resolve(client::looked_up_name(where), std::to_string(settings.port), ec);
    if (ec) return fail(Errc::unreachable, "the name " + where + " does not resolve: " + ec.message());

    stream.emplace(io, tls);
    expires_after(settings.connect_timeout);
    auto& socket = beast::get_lowest_layer(*stream);
    ec = wait([&](auto done) { socket.async_connect(endpoints, std::move(done)); });
    if (ec) {
        stream.reset();
        std::string why = ec == beast::error::timeout ? "no answer within the time limit" : ec.message();
        return fail(Errc::unreachable, where + ":" + std::to_string(settings.port) + ": " + why);
    }
    socket.socket().set_option(asio::ip::tcp::no_delay(true), ec);

    // An address is not a server name (RFC 6066 §3); the verification below knows both.
    if (!is_address(settings.tls_name)) {
        // The macro SSL_set_tlsext_host_name, without its C cast.
        SSL_ctrl(stream->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 settings.tls_name.data());
    }
    stream->set_verify_mode(asio::ssl::verify_peer);
    stream->set_verify_callback(asio::ssl::host_name_verification(settings.tls_name));
    ec = wait([&](auto done) { stream->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
    if (ec) {
        const long verdict = SSL_get_verify_result(stream->native_handle());
        std::string why = ec.message();
        if (verdict != X509_V_OK) {
            why = std::string("its certificate is refused: ") + X509_verify_cert_error_string(verdict);
        } else if (ec.category() == asio::error::get_ssl_category() && why.find("verify") != why.npos) {
            why = "its certificate is not for " + settings.tls_name;
        }
        stream.reset();
        return fail(Errc::tls_failed, where + ":" + std::to_string(settings.port) + ": " + why);
    }
    return {};
}

http::request<http::string_body> HttpsConnection::Impl::composed(const HttpRequest& request) const {
    http::request<http::string_body> out;
    out.method_string(request.method);
    out.target(request.target);
    out.set(http::field::host, settings.tls_name);
    for (const auto& [name, value] : request.headers) out.set(name, value);
    out.body() = request.body;
    if (!request.body.empty()) out.set(http::field::content_type, "application/json; charset=utf-8");
    // The hub wants a length even where there is no body: 411 otherwise.
    if (request.method != "GET") out.content_length(request.body.size());
    return out;
}

/// Gives the connection up.
tl::unexpected<Error> HttpsConnection::Impl::failed(error_code ec, std::string_view timeout_text) {
    stream.reset();
    if (ec == beast::error::timeout) return fail(Errc::gateway_timeout, std::string(timeout_text));
    if (ec == http::error::body_limit) return fail(Errc::message_too_large, "the answer is too large");
    return fail(Errc::connection_closed, ec.message());
}

Result<HttpAnswer> HttpsConnection::Impl::attempt(const HttpRequest& request,
                                                  std::chrono::milliseconds timeout) {
    const auto out = composed(request);
    expires_after(timeout);
    error_code ec = wait([&](auto done) { http::async_write(*stream, out, std::move(done)); });
    http::response_parser<http::string_body> parser;
    parser.body_limit(settings.answer_bytes_max);
    parser.header_limit(header_bytes_max);
    if (!ec) {
        ec = wait([&](auto done) { http::async_read(*stream, buffer, parser, std::move(done)); });
    }
    if (ec) return failed(ec, "no answer within " + std::to_string(timeout.count() / 1000) + " s");
    HttpAnswer answer = head_of(parser.get());
    answer.body = std::move(parser.get().body());
    if (!parser.get().keep_alive()) stream.reset();
    return answer;
}

HttpsConnection::HttpsConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsConnection::~HttpsConnection() = default;

Result<std::unique_ptr<HttpsConnection>> HttpsConnection::open(HttpsSettings settings) {
    auto impl = std::make_unique<Impl>(std::move(settings));
    error_code ec;
    const auto& ca_file = impl->settings.ca_file;
    if (ca_file.empty()) {
        impl->tls.set_default_verify_paths(ec);
    } else {
        std::error_code missing;
        if (!std::filesystem::exists(ca_file, missing)) {
            return fail(Errc::not_found_locally, "the CA file " + ca_file + " is not there");
        }
        impl->tls.load_verify_file(ca_file, ec);
    }
    if (ec) return fail(Errc::tls_failed, "the CA file " + ca_file + " has no certificate in it");
    SSL_CTX_set_min_proto_version(impl->tls.native_handle(), TLS1_2_VERSION);
    return std::unique_ptr<HttpsConnection>(new HttpsConnection(std::move(impl)));
}

Result<HttpAnswer> HttpsConnection::exchange(const HttpRequest& request, std::chrono::milliseconds timeout) {
    auto& impl = *impl_;
    const bool reused = impl.stream.has_value() && !is_stale(*impl.stream);
    if (!reused) {
        if (auto connected = impl.connect(); !connected) return fail(std::move(connected).error());
    }
    auto answer = impl.attempt(request, timeout);
    const bool may_repeat = reused && request.method == "GET";
    if (answer || !may_repeat || answer.error().code != Errc::connection_closed) return answer;
    if (auto connected = impl.connect(); !connected) return fail(std::move(connected).error());
    return impl.attempt(request, timeout);
}

Result<HttpAnswer> HttpsConnection::stream(const HttpRequest& request, const StreamTimes& times,
                                           const std::function<bool(std::string_view)>& take) {
    auto& impl = *impl_;
    // On a connection of its own, so that no other request's fate hangs on it.
    if (auto connected = impl.connect(); !connected) return fail(std::move(connected).error());
    const auto out = impl.composed(request);
    const auto limit = [&] {
        const auto now = std::chrono::steady_clock::now();
        const auto left = times.until > now ? times.until - now : std::chrono::steady_clock::duration::zero();
        beast::get_lowest_layer(*impl.stream)
            .expires_after(std::min<std::chrono::steady_clock::duration>(times.quiet_max, left));
    };
    const std::string quiet = "nothing came for " + std::to_string(times.quiet_max.count() / 1000) + " s";
    http::response_parser<http::string_body> parser;
    parser.header_limit(header_bytes_max);
    parser.body_limit(boost::none);
    limit();
    error_code ec = impl.wait([&](auto done) { http::async_write(*impl.stream, out, std::move(done)); });
    if (!ec) {
        ec = impl.wait(
            [&](auto done) { http::async_read_header(*impl.stream, impl.buffer, parser, std::move(done)); });
    }
    if (ec) return impl.failed(ec, quiet);
    HttpAnswer answer = head_of(parser.get());
    const bool is_whole = answer.status != 200;
    if (is_whole) parser.body_limit(impl.settings.answer_bytes_max);
    // Step by step: an eager parser holds a chunk back until it has seen what follows it.
    parser.eager(false);
    while (!parser.is_done()) {
        limit();
        ec = impl.wait(
            [&](auto done) { http::async_read_some(*impl.stream, impl.buffer, parser, std::move(done)); },
            times);
        if (ec) return impl.failed(ec, quiet);
        auto& body = parser.get().body();
        if (is_whole || body.empty()) continue;
        const bool goes_on = take(body);
        body.clear();
        if (!goes_on) break;
    }
    if (is_whole) answer.body = std::move(parser.get().body());
    impl.stream.reset();
    return answer;
}

}  // namespace carillon
