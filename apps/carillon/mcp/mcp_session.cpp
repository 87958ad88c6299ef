#include "mcp/mcp_session.hpp"

#include "failure.hpp"

#include <algorithm>
#include <array>

namespace carillon {
namespace {

/// Newest first. What differs between them (batches, structured results) is not used here.
constexpr std::array<std::string_view, 3> versions = {"2025-06-18", "2025-03-26", "2024-11-05"};

// Error codes of JSON-RPC 2.0.
constexpr int parse_error = -32700;
constexpr int invalid_request = -32600;
constexpr int method_not_found = -32601;
constexpr int invalid_params = -32602;

JsonWriter begin_answer(std::string& out, JsonValue id) {
    JsonWriter json(out);
    json.begin_object().member("jsonrpc", "2.0");
    json.member_raw("id", id.exists() ? id.raw() : std::string_view("null"));
    return json;
}

std::string error_answer(JsonValue id, int code, std::string_view text) {
    std::string out;
    auto json = begin_answer(out, id);
    json.key("error").begin_object().member("code", code).member("message", text);
    json.end_object().end_object();
    return out;
}

std::string empty_answer(JsonValue id) {
    std::string out;
    begin_answer(out, id).key("result").begin_object().end_object().end_object();
    return out;
}

std::string tool_answer(JsonValue id, std::string_view text, bool is_error) {
    std::string out;
    auto json = begin_answer(out, id);
    json.key("result").begin_object().key("content").begin_array().begin_object();
    json.member("type", "text").member("text", text);
    json.end_object().end_array().member("isError", is_error).end_object().end_object();
    return out;
}

}  // namespace

McpSession::McpSession(std::vector<McpTool> tools, std::string instructions, Begin begin)
    : tools_(std::move(tools)),
      instructions_(std::move(instructions)),
      is_initialized_(begin == Begin::initialized) {}

bool McpSession::speaks(std::string_view version) {
    return std::find(versions.begin(), versions.end(), version) != versions.end();
}

std::optional<std::string> McpSession::receive(std::string_view message) {
    const auto document = JsonDocument::parse(message);
    if (!document) return error_answer({}, parse_error, "the message is not JSON");
    const JsonValue root = document->root();
    const JsonValue id = root.find("id");
    const JsonValue method = root.find("method");
    const bool has_good_id = id.is_string() || (id.is_number() && id.integer());
    if (!root.is_object() || root.find("jsonrpc").string() != "2.0" || (id.exists() && !has_good_id)) {
        return error_answer({}, invalid_request, "the message is not a JSON-RPC 2.0 request");
    }
    // This server asks nothing of the client, so nothing it answers is expected.
    if (!method.exists() && (root.find("result").exists() || root.find("error").exists())) return {};
    if (!method.is_string()) return error_answer(id, invalid_request, "`method` must be a string");
    if (!id.exists()) return {};  // A notification.

    const JsonValue params = root.find("params");
    if (params.exists() && !params.is_object()) {
        return error_answer(id, invalid_params, "`params` must be an object");
    }
    if (method.string() == "ping") return empty_answer(id);
    if (method.string() == "initialize") return initialize(id, params);
    const bool is_known = method.string() == "tools/list" || method.string() == "tools/call";
    if (!is_known) return error_answer(id, method_not_found, "this server has only tools");
    if (!is_initialized_) return error_answer(id, invalid_request, "the session begins with `initialize`");
    return method.string() == "tools/list" ? list_tools(id) : call_tool(id, params);
}

std::string McpSession::initialize(JsonValue id, JsonValue params) {
    const JsonValue wanted = params.find("protocolVersion");
    if (!wanted.is_string()) return error_answer(id, invalid_params, "`protocolVersion` must be a string");
    const bool is_spoken = speaks(wanted.string());
    is_initialized_ = true;
    std::string out;
    auto json = begin_answer(out, id);
    json.key("result").begin_object();
    json.member("protocolVersion", is_spoken ? wanted.string() : versions.front());
    json.key("capabilities").begin_object().key("tools").begin_object().end_object().end_object();
    json.key("serverInfo").begin_object().member("name", "carillon").member("title", "Carillon");
    json.member("version", CARILLON_VERSION).end_object();
    json.member("instructions", instructions_).end_object().end_object();
    return out;
}

std::string McpSession::list_tools(JsonValue id) const {
    std::string out;
    auto json = begin_answer(out, id);
    json.key("result").begin_object().key("tools").begin_array();
    for (const McpTool& tool : tools_) {
        json.begin_object().member("name", tool.name).member("title", tool.title);
        json.member("description", tool.description).member_raw("inputSchema", input_schema(tool));
        json.key("annotations").begin_object();
        json.member("readOnlyHint", tool.effect == McpTool::Effect::reads);
        json.member("destructiveHint", tool.effect == McpTool::Effect::destroys);
        json.member("openWorldHint", false).end_object().end_object();
    }
    json.end_array().end_object().end_object();
    return out;
}

std::string McpSession::call_tool(JsonValue id, JsonValue params) const {
    const auto name = params.find("name").string();
    const auto tool = std::find_if(tools_.begin(), tools_.end(),
                                   [name](const McpTool& candidate) { return candidate.name == name; });
    if (tool == tools_.end()) {
        return error_answer(id, invalid_params, "there is no tool `" + std::string(name) + "`");
    }
    const JsonValue arguments = params.find("arguments");
    // What a model can put right is a result of the tool, which it gets to see, and not an error of the
    // protocol.
    if (auto checked = check_arguments(*tool, arguments); !checked) {
        return tool_answer(id, checked.error().detail, true);
    }
    const auto result = tool->run(arguments);
    if (!result) return tool_answer(id, explain(result.error()), true);
    if (result->size() > result_bytes_max) {
        return tool_answer(id, "the result is larger than 512 KiB: ask for fewer rows or fewer members",
                           true);
    }
    return tool_answer(id, *result, false);
}

}  // namespace carillon
