#include "endpoint/rest/operate/log.hpp"

#include "base/json.hpp"
#include "base/log_format.hpp"
#include "base/member_reader.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>
#include <utility>
#include <vector>

namespace carillon::rest {

namespace {

HttpResponse settings() {
    std::string body;
    JsonWriter json(body);
    json.begin_object()
        .member("format", log_format() == LogFormat::json ? "json" : "text")
        .member("level", log_level_text(log_level()))
        .key("modules")
        .begin_object();
    for (std::size_t module = 0; module < log_modules.size(); ++module) {
        const LogLevel level = log_level(module);
        if (level != log_level()) json.member(log_modules[module], log_level_text(level));
    }
    json.end_object().end_object();
    return ok(std::move(body));
}

/// Bound: MemberReader::members_max.
using ModuleLevels = std::vector<std::pair<std::size_t, LogLevel>>;

Error no_level(std::string_view what) {
    return {Errc::argument_invalid, fmt::format("{} must be trace, debug, info, warn, error or off.", what)};
}

/// `{"mqtt":"debug"}`. Fails with `argument_invalid`.
Result<ModuleLevels> read_modules(const JsonValue& object) {
    const MemberReader bounded(object);
    if (auto error = bounded.error(); !error) return fail(std::move(error).error());
    ModuleLevels levels;
    for (JsonValue member = object.first(); member.exists(); member = member.next()) {
        const std::string name(member.key());
        const std::size_t module = find_log_module(name);
        if (module == log_modules.size()) {
            return fail(Errc::argument_invalid, fmt::format("There is no module '{}'. Modules are {}.", name,
                                                            fmt::join(log_modules, ", ")));
        }
        const auto level = parse_log_level(member.string());
        if (!level) return fail(no_level("modules." + name));
        levels.emplace_back(module, *level);
    }
    return levels;
}

}  // namespace

Task<Result<HttpResponse>> get_log(Request&) {
    co_return settings();
}

/// `{"level":"info","modules":{"mqtt":"debug"},"format":"json"}`, each optional: all of it, or nothing.
/// `level` is for all modules but those named.
Task<Result<HttpResponse>> set_log(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    MemberReader in(body->root());
    const auto format = in.text("format");
    const auto word = in.text("level");
    const JsonValue modules = in.object("modules");
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    if (format && *format != "text" && *format != "json") {
        co_return fail(Errc::argument_invalid, "format must be text or json.");
    }
    const auto level = word ? parse_log_level(*word) : std::nullopt;
    if (word && !level) co_return fail(no_level("level"));
    const auto levels = read_modules(modules);
    if (!levels) co_return fail(levels.error());
    if (level) log.set_level(*level);
    for (const auto& [module, least] : *levels) set_log_level(module, least);
    if (format) set_log_format(*format == "json" ? LogFormat::json : LogFormat::text);
    co_return settings();
}

}  // namespace carillon::rest
