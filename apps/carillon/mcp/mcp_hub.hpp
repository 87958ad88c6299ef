#pragma once

#include "carillon/service_client.hpp"
#include "mcp/mcp_tool.hpp"

#include <string>
#include <vector>

namespace carillon {

/// Rows of one page that a tool gives at most.
inline constexpr std::int64_t mcp_page_rows_max = 200;
/// Failed devices that `explain_job_failures` looks at.
inline constexpr std::size_t mcp_failures_max = 2000;

/// The tools that read a hub through `client`, which outlives them. Keys of devices and other secrets are
/// taken out of what they give.
std::vector<McpTool> reading_tools(ServiceClient& client);

/// What a server with these tools tells a model of itself.
std::string mcp_instructions(bool allows_changes);

/// Those that create, pause, resume, promote and cancel jobs.
std::vector<McpTool> changing_tools(ServiceClient& client);

}  // namespace carillon
