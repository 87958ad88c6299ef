#include "endpoint/rest/http/http_parser.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <optional>

namespace carillon::rest {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

/// RFC 9110 §5.6.2
bool is_token_char(char c) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           marks.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// Judged as soon as the line is there, so that the greeting of another protocol is not waited behind: its
/// rest never comes. What the grammar says of the parts is for the whole header.
bool is_request_line(std::string_view line) {
    const std::size_t space = line.rfind(' ');
    return space != std::string_view::npos && line.substr(space + 1).starts_with("HTTP/");
}

/// Beast's grammar for a header, telling what it finds without copying it.
struct HeadGrammar final : http::basic_parser<true> {
    explicit HeadGrammar(HttpRequest& r) : request(r) {
        eager(false);
        body_limit(boost::none);  // the body is not for it
        header_limit(HttpLimits::header_bytes_max);
    }

    void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                         beast::error_code&) override {
        request.method = {method.data(), method.size()};
        request.target = {target.data(), target.size()};
        request.keeps_alive = version >= 11;
        request.is_http_1_0 = version < 11;
    }
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                       beast::error_code&) override {
        request.fields.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
    }
    void on_header_impl(beast::error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
        return 0;
    }
    void on_finish_impl(beast::error_code&) override {}

    HttpRequest& request;
};

}  // namespace

HttpParser::HttpParser() = default;
HttpParser::~HttpParser() = default;

void HttpParser::reset() {
    state_ = State::head;
    request_.method = {};
    request_.target = {};
    request_.authority = {};
    request_.fields.clear();
    // A large body's memory is given back; idle connections hold little.
    if (request_.body.capacity() > 4096) {
        request_.body = std::string();
    } else {
        request_.body.clear();
    }
    request_.keeps_alive = true;
    request_.expects_continue = false;
    request_.content_length.reset();
    request_.is_chunked = false;
    scanned_ = line_start_ = head_end_ = 0;
    body_bytes_max_ = HttpLimits::body_bytes_default_max;
    body_bytes_ = 0;
    skips_body_ = false;
    framing_bytes_ = 0;
    chunk_step_ = ChunkStep::size;
    chunk_left_ = 0;
    skipped_empty_line_ = false;
}

bool HttpParser::is_idle() const {
    return state_ == State::head && scanned_ == 0;
}

void HttpParser::set_body_max(std::size_t bytes) {
    body_bytes_max_ = bytes;
    if (state_ == State::body && request_.content_length && *request_.content_length > bytes) {
        refuse(Errc::generic_request_entity_too_large, "The request body is too large.");
    }
}

void HttpParser::skip_body(std::size_t bytes) {
    skips_body_ = true;
    set_body_max(bytes);
}

void HttpParser::refuse(Errc code, std::string_view text) {
    state_ = State::failed;
    failure_ = code;
    failure_text_ = text;
}

std::size_t HttpParser::read(Bytes input) {
    if (state_ == State::head) return read_head(input);
    if (state_ == State::body)
        return request_.is_chunked ? read_chunks(as_text(input)) : read_body(as_text(input));
    return 0;
}

std::size_t HttpParser::read_head(Bytes input) {
    std::string_view text = as_text(input);
    std::size_t skipped = 0;
    // RFC 9112 §2.2: one empty line before a request is forgiven.
    if (scanned_ == 0 && !skipped_empty_line_ && text.starts_with('\r')) {
        if (text.size() == 1) return 0;
        if (text[1] != '\n') {
            refuse(Errc::generic_bad_request, "A line ends in CR without LF.");
            return 0;
        }
        skipped_empty_line_ = true;
        skipped = 2;
        text.remove_prefix(2);
    }
    if (!scan_head(text)) return skipped;
    take_head(text.substr(0, head_end_));
    return skipped + head_end_;
}

bool HttpParser::may_begin(char c) {
    return is_token_char(c) || c == '\r';
}

bool HttpParser::scan_head(std::string_view input) {
    if (scanned_ == 0 && !input.empty() && !is_token_char(input.front())) {
        refuse(Errc::generic_bad_request, "A request begins with its method.");
        return false;
    }
    const std::size_t end = std::min(input.size(), HttpLimits::header_bytes_max);
    for (std::size_t i = scanned_; i < end; ++i) {
        const auto c = static_cast<unsigned char>(input[i]);
        if (i > 0 && input[i - 1] == '\r' && c != '\n') {
            refuse(Errc::generic_bad_request, "A line ends in CR without LF.");
            return false;
        }
        if (c == '\n') {
            if (i == 0 || input[i - 1] != '\r') {
                refuse(Errc::generic_bad_request, "A line ends in LF without CR.");
                return false;
            }
            if (i == line_start_ + 1) {
                head_end_ = i + 1;
                return true;
            }
            if (line_start_ == 0 && !is_request_line(input.substr(0, i - 1))) {
                refuse(Errc::generic_bad_request, "The request line is malformed.");
                return false;
            }
            line_start_ = i + 1;
        } else if ((c < 0x20 && c != '\r' && c != '\t') || c == 0x7f) {
            refuse(Errc::generic_bad_request, "The header holds a control character.");
            return false;
        } else if (i == line_start_ && (c == ' ' || c == '\t')) {
            // RFC 9112 §5.2: a server may refuse folded fields, and proxies disagree on them.
            refuse(Errc::generic_bad_request, "A header line begins with white space.");
            return false;
        }
    }
    scanned_ = end;
    if (input.size() >= HttpLimits::header_bytes_max) {
        refuse(Errc::generic_header_fields_too_large, "The request header is too large.");
    }
    return false;
}

namespace {

/// True if the request line names an HTTP version other than 1.0 and 1.1.
bool has_foreign_version(std::string_view head) {
    const std::string_view line = head.substr(0, head.find('\r'));
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos) return false;
    const std::string_view version = line.substr(space + 1);
    if (!version.starts_with("HTTP/") || version.size() == 5) return false;
    const bool is_number = std::all_of(version.begin() + 5, version.end(),
                                       [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
    return is_number && version != "HTTP/1.1" && version != "HTTP/1.0";
}

bool has_token(std::string_view list, std::string_view token) {
    for (std::string_view part : split(list, ',')) {
        if (equals_ignoring_case(trimmed(part), token)) return true;
    }
    return false;
}

}  // namespace

void HttpParser::take_head(std::string_view head) {
    if (has_foreign_version(head)) {
        return refuse(Errc::generic_http_version_not_supported, "The hub speaks HTTP/1.1 only.");
    }
    head_.assign(head);
    HeadGrammar grammar(request_);
    beast::error_code error;
    const std::size_t used = grammar.put({head_.data(), head_.size()}, error);
    if (error || used != head_.size() || !grammar.is_header_done()) {
        return refuse(Errc::generic_bad_request, "The request header is malformed.");
    }
    check_fields();
    if (state_ == State::failed) return;
    const bool has_body = request_.is_chunked || request_.content_length.value_or(0) > 0;
    state_ = has_body ? State::body : State::complete;
}

/// Takes the authority off a target in absolute form.
void HttpParser::take_target() {
    static constexpr std::string_view scheme = "https://";
    if (request_.target.starts_with('/')) return;
    if (!equals_ignoring_case(request_.target.substr(0, scheme.size()), scheme)) {
        return refuse(Errc::generic_bad_request, "The request target must be a path or an https URL.");
    }
    const std::string_view rest = request_.target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    request_.authority = rest.substr(0, end);
    // RFC 9110 §4.2.1 and §4.2.4: no host, and a user before it, are refused.
    if (request_.authority.empty() || request_.authority.find('@') != std::string_view::npos) {
        return refuse(Errc::generic_bad_request, "The host of the request target is malformed.");
    }
    request_.target = rest.substr(end).starts_with('/') ? rest.substr(end) : std::string_view("/");
}

void HttpParser::check_fields() {
    if (request_.fields.size() > HttpLimits::fields_max) {
        return refuse(Errc::generic_header_fields_too_large, "There are too many header fields.");
    }
    take_target();
    if (state_ == State::failed) return;
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t codings = 0;
    const bool is_http11 = request_.keeps_alive;
    for (const HttpField& field : request_.fields) {
        if (equals_ignoring_case(field.name, "content-length")) {
            const auto value = parse_u64(field.value);
            if (!value || ++lengths > 1) {
                return refuse(Errc::generic_bad_request, "The content length is malformed.");
            }
            request_.content_length = value;
        } else if (equals_ignoring_case(field.name, "transfer-encoding")) {
            ++codings;
            if (codings > 1 || !is_http11) {
                return refuse(Errc::generic_bad_request, "The transfer coding is ambiguous.");
            }
            if (!equals_ignoring_case(field.value, "chunked")) {
                if (has_token(field.value, "chunked") || field.value.empty()) {
                    return refuse(Errc::generic_bad_request, "The transfer coding is ambiguous.");
                }
                return refuse(Errc::generic_not_implemented, "The only transfer coding known is chunked.");
            }
            request_.is_chunked = true;
        } else if (equals_ignoring_case(field.name, "host")) {
            ++hosts;
        } else if (equals_ignoring_case(field.name, "connection")) {
            if (has_token(field.value, "close")) request_.keeps_alive = false;
        } else if (equals_ignoring_case(field.name, "expect")) {
            // RFC 9110 §10.1.1: the only expectation there is; others are ignored.
            if (equals_ignoring_case(field.value, "100-continue")) request_.expects_continue = is_http11;
        }
    }
    check_length(hosts, lengths, codings, is_http11);
}

void HttpParser::check_length(std::size_t hosts, std::size_t lengths, std::size_t codings, bool is_http11) {
    if (codings > 0 && lengths > 0) {
        return refuse(Errc::generic_bad_request, "A content length beside a transfer coding is ambiguous.");
    }
    // RFC 9112 §3.2
    if (hosts > 1 || (hosts == 0 && is_http11)) {
        return refuse(Errc::generic_bad_request, "There must be exactly one Host.");
    }
}

std::size_t HttpParser::read_body(std::string_view input) {
    const auto length = static_cast<std::size_t>(*request_.content_length);
    if (length > body_bytes_max_) {
        refuse(Errc::generic_request_entity_too_large, "The request body is too large.");
        return 0;
    }
    // What is announced may never come, so memory is taken for a small body only.
    if (!skips_body_) request_.body.reserve(std::min(length, HttpLimits::stranger_piece_bytes_max));
    const std::string_view part = input.substr(0, static_cast<std::size_t>(length - body_bytes_));
    if (!skips_body_) request_.body.append(part);
    body_bytes_ += part.size();
    if (body_bytes_ == length) state_ = State::complete;
    return part.size();
}

std::size_t HttpParser::read_chunks(std::string_view input) {
    std::size_t done = 0;
    while (state_ == State::body && done < input.size()) {
        const std::string_view rest = input.substr(done);
        if (chunk_step_ == ChunkStep::data) {
            const auto part =
                rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), chunk_left_)));
            if (!skips_body_) request_.body.append(part);
            body_bytes_ += part.size();
            done += part.size();
            chunk_left_ -= part.size();
            if (chunk_left_ == 0) chunk_step_ = ChunkStep::data_end;
            continue;
        }
        const auto line = chunk_line(rest);
        if (!line) break;
        done += line->size() + 2;
        framing_bytes_ += line->size() + 2;
        if (chunk_step_ == ChunkStep::size) {
            take_chunk_size(*line);
        } else if (chunk_step_ == ChunkStep::data_end) {
            if (!line->empty()) refuse(Errc::generic_bad_request, "A chunk is longer than it says.");
            chunk_step_ = ChunkStep::size;
        } else if (line->empty()) {
            state_ = State::complete;
        } else if (line->find(':') == std::string_view::npos || !is_token(line->substr(0, line->find(':')))) {
            refuse(Errc::generic_bad_request, "A trailer is malformed.");
        }
    }
    return done;
}

std::optional<std::string_view> HttpParser::chunk_line(std::string_view input) {
    const std::size_t end = input.find('\n');
    const std::size_t size = std::min(input.size(), end);
    // Small chunks may cost some framing each; what costs much more than it brings is an attack.
    if (framing_bytes_ + size > HttpLimits::chunk_framing_bytes_max + 8 * body_bytes_) {
        refuse(Errc::generic_request_entity_too_large, "The chunks' framing is too large.");
        return std::nullopt;
    }
    const std::string_view line = input.substr(0, size);
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto c = static_cast<unsigned char>(line[i]);
        const bool is_last_cr = c == '\r' && i + 1 == size;
        if ((c < 0x20 && c != '\t' && !is_last_cr) || c == 0x7f) {
            refuse(Errc::generic_bad_request, "A chunk line holds a control character.");
            return std::nullopt;
        }
    }
    if (end == std::string_view::npos) return std::nullopt;
    if (!line.ends_with('\r')) {
        refuse(Errc::generic_bad_request, "A chunk line ends in LF without CR.");
        return std::nullopt;
    }
    return line.substr(0, size - 1);
}

void HttpParser::take_chunk_size(std::string_view line) {
    // RFC 9112 §7.1: the size, then extensions, which nobody here knows and which are ignored.
    const std::string_view digits = line.substr(0, line.find(';'));
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (error == std::errc::result_out_of_range) {
        return refuse(Errc::generic_bad_request, "The size of a chunk is too large.");
    }
    if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '-') {
        return refuse(Errc::generic_bad_request, "The size of a chunk is malformed.");
    }
    if (size > body_bytes_max_ - body_bytes_) {
        return refuse(Errc::generic_request_entity_too_large, "The request body is too large.");
    }
    chunk_left_ = size;
    chunk_step_ = size == 0 ? ChunkStep::trailers : ChunkStep::data;
}

}  // namespace carillon::rest
