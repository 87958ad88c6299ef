#include "mcp/mcp_tool.hpp"

#include <algorithm>

namespace carillon {
namespace {

constexpr std::int64_t count_max = 1'000'000;

bool is_number(McpParameter::Kind kind) {
    return kind == McpParameter::Kind::count || kind == McpParameter::Kind::index;
}

std::int64_t least(McpParameter::Kind kind) {
    return kind == McpParameter::Kind::count ? 1 : 0;
}

std::string_view kind_text(McpParameter::Kind kind) {
    switch (kind) {
        case McpParameter::Kind::text:
            return "a string";
        case McpParameter::Kind::count:
            return "a whole number from 1 to 1000000";
        case McpParameter::Kind::index:
            return "a whole number from 0 to 1000000";
        case McpParameter::Kind::object:
            return "an object";
        case McpParameter::Kind::any:
            break;
    }
    return "a JSON value";
}

bool is_of_kind(JsonValue value, McpParameter::Kind kind) {
    if (is_number(kind)) {
        const std::int64_t number = value.is_number() ? value.integer().value_or(-1) : -1;
        return number >= least(kind) && number <= count_max;
    }
    if (kind == McpParameter::Kind::text) return value.is_string();
    return kind != McpParameter::Kind::object || value.is_object();
}

}  // namespace

Result<> check_arguments(const McpTool& tool, JsonValue arguments) {
    if (arguments.exists() && !arguments.is_object()) {
        return fail(Errc::argument_invalid, "the arguments must be an object");
    }
    for (const McpParameter& parameter : tool.parameters) {
        const JsonValue value = arguments.find(parameter.name);
        if (value.is_null_or_absent() && parameter.kind != McpParameter::Kind::any) {
            if (!parameter.is_required) continue;
            return fail(Errc::argument_invalid, "`" + std::string(parameter.name) + "` is missing");
        }
        if (!is_of_kind(value, parameter.kind)) {
            return fail(Errc::argument_invalid, "`" + std::string(parameter.name) + "` must be " +
                                                    std::string(kind_text(parameter.kind)));
        }
    }
    for (JsonValue v = arguments.first(); v.exists(); v = v.next()) {
        const auto is_named = [&v](const McpParameter& parameter) { return parameter.name == v.key(); };
        if (std::none_of(tool.parameters.begin(), tool.parameters.end(), is_named)) {
            return fail(Errc::argument_invalid,
                        "`" + std::string(v.key()) + "` is not an argument of " + std::string(tool.name));
        }
    }
    return {};
}

std::string input_schema(const McpTool& tool) {
    std::string schema;
    JsonWriter json(schema);
    json.begin_object().member("type", "object").key("properties").begin_object();
    for (const McpParameter& parameter : tool.parameters) {
        json.key(parameter.name).begin_object();
        if (parameter.kind == McpParameter::Kind::text) json.member("type", "string");
        if (parameter.kind == McpParameter::Kind::object) json.member("type", "object");
        if (is_number(parameter.kind)) {
            json.member("type", "integer")
                .member("minimum", least(parameter.kind))
                .member("maximum", count_max);
        }
        json.member("description", parameter.description).end_object();
    }
    json.end_object().key("required").begin_array();
    for (const McpParameter& parameter : tool.parameters) {
        if (parameter.is_required) json.value(parameter.name);
    }
    json.end_array().member("additionalProperties", false).end_object();
    return schema;
}

}  // namespace carillon
