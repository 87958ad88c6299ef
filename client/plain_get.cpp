#include "plain_get.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace carillon {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

Result<HttpAnswer> plain_get(const HttpsSettings& settings, const std::string& target,
                             std::chrono::milliseconds timeout, const std::string& token) {
    asio::io_context io{1};
    beast::tcp_stream stream(io);
    const auto wait = [&io](auto start) {
        error_code outcome;
        start([&outcome](error_code ec, auto&&...) { outcome = ec; });
        io.restart();
        io.run();
        return outcome;
    };
    const std::string where = settings.address + ":" + std::to_string(settings.port);
    const auto failed = [&where](error_code ec) {
        if (ec == beast::error::timeout) return fail(Errc::gateway_timeout, where + ": no answer in time");
        if (ec == http::error::body_limit)
            return fail(Errc::message_too_large, where + ": the answer is too long");
        return fail(Errc::connection_closed, where + ": " + ec.message());
    };
    error_code ec;
    const auto address = asio::ip::make_address(settings.address, ec);
    if (ec) return fail(Errc::unreachable, settings.address + " is not an address");
    stream.expires_after(std::min(timeout, settings.connect_timeout));
    const asio::ip::tcp::endpoint endpoint(address, settings.port);
    ec = wait([&](auto done) { stream.async_connect(endpoint, std::move(done)); });
    if (ec) return fail(Errc::unreachable, where + ": " + ec.message());

    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, where);
    request.set(http::field::connection, "close");
    if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
    stream.expires_after(timeout);
    ec = wait([&](auto done) { http::async_write(stream, request, std::move(done)); });
    if (ec) return failed(ec);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(settings.answer_bytes_max);
    ec = wait([&](auto done) { http::async_read(stream, buffer, parser, std::move(done)); });
    if (ec) return failed(ec);
    HttpAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    answer.body = std::move(parser.get().body());
    return answer;
}

}  // namespace carillon
