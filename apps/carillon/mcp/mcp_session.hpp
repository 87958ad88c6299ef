#pragma once

#include "mcp/mcp_tool.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// The server's side of a Model Context Protocol session, without input or output: takes one JSON-RPC message
/// and gives the answer, if it has one. Offers tools only: no resources, prompts or sampling. Used by one
/// thread. Source: Model Context Protocol 2025-06-18, "Lifecycle", "Tools"; JSON-RPC 2.0.
class McpSession {
public:
    static constexpr std::size_t message_bytes_max = 1024 * 1024;
    /// Longer results of tools are an error that asks for less.
    static constexpr std::size_t result_bytes_max = 512 * 1024;

    /// `instructions` tell the model what the server is for.
    /// Over a transport without sessions each message stands for itself.
    enum class Begin : std::uint8_t { by_client, initialized };
    McpSession(std::vector<McpTool> tools, std::string instructions, Begin begin = Begin::by_client);

    /// Whether the protocol has, or had, this version.
    static bool speaks(std::string_view version);

    /// Calls the tool that the message asks for, which may block. A malformed message is answered with an
    /// error of JSON-RPC.
    std::optional<std::string> receive(std::string_view message);

private:
    std::string initialize(JsonValue id, JsonValue params);
    std::string list_tools(JsonValue id) const;
    std::string call_tool(JsonValue id, JsonValue params) const;

    std::vector<McpTool> tools_;
    std::string instructions_;
    bool is_initialized_;
};

}  // namespace carillon
