#include "endpoint/rest/log.hpp"

#include "base/json.hpp"
#include "base/log_format.hpp"
#include "base/member_reader.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

HttpResponse settings() {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("format", log_format() == LogFormat::json ? "json" : "text")
        .member("level", log_level_text(log_level()))
        .end_object();
    return ok(std::move(body));
}

}  // namespace

Task<Result<HttpResponse>> get_log(Request&) {
    co_return settings();
}

/// `{"level":"debug","format":"json"}`, each optional: all of it, or nothing.
Task<Result<HttpResponse>> set_log(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    MemberReader in(body->root());
    const auto format = in.text("format");
    const auto word = in.text("level");
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    if (format && *format != "text" && *format != "json") {
        co_return fail(Errc::argument_invalid, "format must be text or json.");
    }
    const auto level = word ? parse_log_level(*word) : std::nullopt;
    if (word && !level) {
        co_return fail(Errc::argument_invalid, "level must be trace, debug, info, warn, error or off.");
    }
    if (level) log.set_level(*level);
    if (format) set_log_format(*format == "json" ? LogFormat::json : LogFormat::text);
    co_return settings();
}

}  // namespace carillon::rest
