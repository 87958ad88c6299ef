#include "event_text.hpp"

#include "base/text.hpp"
#include "json_text.hpp"

#include <fmt/format.h>

namespace carillon {

namespace {

/// Text that a device sent, safe to print on a terminal: control characters are escaped as in JSON.
std::string harmless(std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);
    std::string out;
    for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
        // Quotes and backslashes need no escape here.
        if (quoted[i] == '\\' && (quoted[i + 1] == '"' || quoted[i + 1] == '\\')) ++i;
        out += quoted[i];
    }
    return out;
}

std::string value_text(JsonValue value) {
    return value.is_string() ? harmless(value.string()) : compact_json(value);
}

void append_members(std::string& out, const char* title, JsonValue object) {
    for (JsonValue member = object.first(); member.exists(); member = member.next()) {
        fmt::format_to(std::back_inserter(out), "    {} {}: {}\n", title, harmless(member.key()),
                       value_text(member));
    }
}

}  // namespace

Result<std::set<EventPart>> parse_event_parts(std::string_view text) {
    std::set<EventPart> parts;
    for (std::string_view word : split(text, ',')) {
        word = trimmed(word);
        if (word == "anno" || word == "all") parts.insert(EventPart::annotations);
        if (word == "app" || word == "all") parts.insert(EventPart::application);
        if (word == "sys" || word == "all") parts.insert(EventPart::system);
        if (word != "anno" && word != "app" && word != "sys" && word != "all") {
            return fail(Errc::config_invalid,
                        fmt::format("`{}` is not anno, app, sys or all", std::string(word)));
        }
    }
    return parts;
}

std::string event_text(JsonValue event, const std::set<EventPart>& parts) {
    std::string out =
        fmt::format("{}  {}", event.find("enqueuedTime").string(), harmless(event.find("deviceId").string()));
    if (const auto module = event.find("moduleId"); module.exists()) out += '/' + harmless(module.string());
    out += "  " + value_text(event.find("body"));
    if (event.find("bodyFormat").string() == "base64") out += "  (base64)";
    out += '\n';
    if (parts.contains(EventPart::annotations)) {
        for (const char* name :
             {"partition", "sequenceNumber", "offset", "source", "generationId", "authMethod"}) {
            if (const auto value = event.find(name); value.exists()) {
                out += fmt::format("    annotation {}: {}\n", name, value_text(value));
            }
        }
    }
    if (parts.contains(EventPart::system)) append_members(out, "system", event.find("systemProperties"));
    if (parts.contains(EventPart::application)) append_members(out, "property", event.find("properties"));
    return out;
}

Result<std::string> event_start_argument(std::string_view text, WallTime now) {
    if (text == "earliest" || text == "latest" || parse_iso8601(text)) return std::string(text);
    if (text.size() > 1) {
        const auto count = parse_u64(text.substr(0, text.size() - 1));
        constexpr std::uint64_t count_max = 100'000'000;
        std::int64_t unit_s = 0;
        switch (text.back()) {
            case 's':
                unit_s = 1;
                break;
            case 'm':
                unit_s = 60;
                break;
            case 'h':
                unit_s = 3600;
                break;
            case 'd':
                unit_s = 24 * 3600;
                break;
            default:
                break;
        }
        const auto before_s = static_cast<std::int64_t>(count.value_or(0)) * unit_s;
        if (count && *count <= count_max && unit_s > 0 && before_s < now.unix_s()) {
            return to_iso8601(now.plus_s(-before_s));
        }
    }
    return fail(
        Errc::config_invalid,
        fmt::format("`{}` is not latest, earliest, a time such as 2026-11-29T10:00:00Z or how long ago, "
                    "such as 10m",
                    std::string(text)));
}

}  // namespace carillon
