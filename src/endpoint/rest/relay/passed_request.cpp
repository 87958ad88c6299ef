#include "endpoint/rest/relay/passed_request.hpp"

#include "base/stored_bytes.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon::rest {
namespace {

/// Fields that prove who asks, or that are about one connection (RFC 9110 §7.6.1) or the framing of the body.
constexpr std::array<std::string_view, 12> kept_back{
    "authorization", "cookie", "connection",        "content-length", "expect",  "host",
    "keep-alive",    "te",     "transfer-encoding", "trailer",        "upgrade", "x-carillon-csrf"};

bool is_kept_back(std::string_view name) {
    return std::any_of(kept_back.begin(), kept_back.end(),
                       [name](std::string_view one) { return equals_ignoring_case(one, name); });
}

/// What handlers say their bodies are; `HttpResponse::content_type` is one that outlives all answers.
constexpr std::array<std::string_view, 8> content_types{
    "application/json; charset=utf-8",
    "application/x-ndjson",
    "application/octet-stream",
    "text/csv; charset=utf-8",
    "text/plain; charset=utf-8",
    "application/x-tar",
    "application/vnd.microsoft.iothub.feedback.json",
    "application/vnd.microsoft.iothub.filenotification.json"};

/// Lines of a header as handlers write them: no bytes that would end it or begin another answer.
bool are_fields(std::string_view fields) {
    while (!fields.empty()) {
        const std::size_t end = fields.find("\r\n");
        if (end == std::string_view::npos || end == 0) return false;
        const std::string_view line = fields.substr(0, end);
        if (line.find(':') == std::string_view::npos || line.find_first_of("\r\n") != std::string_view::npos)
            return false;
        fields.remove_prefix(end + 2);
    }
    return true;
}

}  // namespace

PassedRequest passed_request(const HttpRequest& request, Authorizer::Caller caller, std::string id,
                             std::string peer) {
    PassedRequest passed;
    passed.method = request.method;
    passed.target = request.target;
    for (const HttpField& field : request.fields) {
        if (!is_kept_back(field.name)) passed.fields.emplace_back(field.name, field.value);
    }
    passed.body = request.body;
    passed.caller = std::move(caller);
    passed.caller.key = KeyTag::none;
    passed.id = std::move(id);
    passed.peer = std::move(peer);
    return passed;
}

HttpRequest request_of(const PassedRequest& passed) {
    HttpRequest request;
    request.method = passed.method;
    request.target = passed.target;
    for (const auto& [name, value] : passed.fields) request.fields.push_back({name, value});
    request.body = passed.body;
    request.content_length = passed.body.size();
    return request;
}

std::string encode_passed(const PassedRequest& request) {
    std::string bytes;
    StoredWriter out(bytes);
    out.text(request.method);
    out.text(request.target);
    out.varint(request.fields.size());
    for (const auto& [name, value] : request.fields) {
        out.text(name);
        out.text(value);
    }
    out.text(request.caller.policy);
    out.i64(request.caller.expires.ticks);
    out.u8(request.caller.covers_hub ? 1 : 0);
    out.text(request.id);
    out.text(request.peer);
    out.text(request.body);
    return bytes;
}

std::optional<PassedRequest> decode_passed_request(std::string_view bytes) {
    StoredReader in(as_bytes(bytes));
    PassedRequest request;
    request.method = in.text();
    request.target = in.text();
    const std::size_t fields = in.count(2);
    if (fields > HttpLimits::fields_max) return std::nullopt;
    for (std::size_t i = 0; i < fields && in.ok(); ++i) {
        std::string name(in.text());
        request.fields.emplace_back(std::move(name), in.text());
    }
    request.caller.policy = in.text();
    request.caller.expires.ticks = in.i64();
    const std::uint8_t covers_hub = in.u8();
    request.caller.covers_hub = covers_hub == 1;
    request.id = in.text();
    request.peer = in.text();
    request.body = in.text();
    const bool is_legal = in.is_done() && covers_hub <= 1 && request.target.starts_with('/') &&
                          !request.method.empty() && !request.caller.policy.empty();
    if (!is_legal) return std::nullopt;
    return request;
}

std::string encode_passed(const PassedAnswer& answer) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u32(static_cast<std::uint32_t>(answer.status));
    out.text(answer.fields);
    out.text(answer.content_type);
    out.u8(answer.closes ? 1 : 0);
    out.text(answer.body);
    return bytes;
}

std::optional<PassedAnswer> decode_passed_answer(std::string_view bytes) {
    StoredReader in(as_bytes(bytes));
    PassedAnswer answer;
    const std::uint32_t status = in.u32();
    answer.fields = in.text();
    answer.content_type = in.text();
    const std::uint8_t closes = in.u8();
    answer.closes = closes == 1;
    answer.body = in.text();
    const bool is_legal =
        in.is_done() && closes <= 1 && status >= 200 && status < 600 && are_fields(answer.fields);
    if (!is_legal) return std::nullopt;
    answer.status = static_cast<int>(status);
    return answer;
}

HttpResponse response_of(PassedAnswer answer) {
    HttpResponse response;
    response.status = answer.status;
    response.fields = std::move(answer.fields);
    response.body = std::move(answer.body);
    response.closes = answer.closes;
    const auto* const known = std::find(content_types.begin(), content_types.end(), answer.content_type);
    response.content_type = known != content_types.end() ? *known : "application/octet-stream";
    return response;
}

}  // namespace carillon::rest
