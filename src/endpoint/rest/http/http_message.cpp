#include "endpoint/rest/http/http_message.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <array>
#include <charconv>
#include <iterator>

namespace carillon::rest {

std::optional<std::string_view> HttpRequest::find(std::string_view name) const {
    for (const HttpField& field : fields) {
        if (equals_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
}

HttpResponse& HttpResponse::add(std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
    return *this;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 207:
            return "Multi-Status";
        case 302:
            return "Found";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Request Entity Too Large";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

namespace {

void append_number(std::string& out, std::size_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_status_line(std::string& out, int status) {
    out.append("HTTP/1.1 ");
    append_number(out, static_cast<std::size_t>(status));
    out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_end_of_head(std::string& out, const HttpResponse& response, std::string_view date) {
    out.append(response.fields);
    out.append("Date: ").append(date).append("\r\n");
    if (response.closes) out.append("Connection: close\r\n");
    out.append("\r\n");
}

}  // namespace

bool may_have_body(const HttpResponse& response) {
    return response.status != 204 && response.status != 304;
}

void append_head(std::string& out, const HttpResponse& response, std::string_view date) {
    append_status_line(out, response.status);
    if (may_have_body(response)) {
        const std::size_t length = response.content().size();
        out.append("Content-Length: ");
        append_number(out, length);
        out.append("\r\n");
        if (length > 0) out.append("Content-Type: ").append(response.content_type).append("\r\n");
    }
    append_end_of_head(out, response, date);
}

void append_sourced_head(std::string& out, const HttpResponse& response, std::string_view date,
                         BodyFraming framing) {
    append_status_line(out, response.status);
    if (framing == BodyFraming::chunked) out.append("Transfer-Encoding: chunked\r\n");
    out.append("Content-Type: ").append(response.content_type).append("\r\n");
    append_end_of_head(out, response, date);
}

void append_stream_head(std::string& out, const HttpResponse& response, std::string_view date,
                        BodyFraming framing) {
    append_status_line(out, response.status);
    if (framing == BodyFraming::chunked) out.append("Transfer-Encoding: chunked\r\n");
    out.append(response.fields);
    out.append("Date: ").append(date).append("\r\nConnection: close\r\n\r\n");
}

void append_piece(std::string& out, std::string_view piece, BodyFraming framing) {
    if (framing == BodyFraming::until_close) {
        out.append(piece);
        return;
    }
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", piece.size());
    out.append(piece).append("\r\n");
}

std::string http_date(std::int64_t unix_s) {
    static constexpr std::array<std::string_view, 7> days{"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::string iso = to_iso8601(WallTime::from_unix_s(unix_s));  // 2026-11-24T10:00:00Z
    const auto month = static_cast<std::size_t>((iso[5] - '0') * 10 + (iso[6] - '1'));
    const auto day = static_cast<std::size_t>(unix_s / 86'400 % 7);
    const std::string_view text = iso;
    return fmt::format("{}, {} {} {} {} GMT", days[day], text.substr(8, 2), months[month], text.substr(0, 4),
                       text.substr(11, 8));
}

}  // namespace carillon::rest
