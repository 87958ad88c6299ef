#include "mcp/mcp_endpoint.hpp"

#include "mcp/mcp_hub.hpp"
#include "mcp/mcp_session.hpp"

#include <utility>

namespace carillon {

std::optional<std::string> McpEndpoint::receive(std::string_view message,
                                                const rest::InnerExchange& exchange) {
    ServiceOptions options;
    options.connection_string = "HostName=" + host_name_;
    options.retry.attempts_max = 0;
    options.carrier = [&exchange](const ServiceRequest& request,
                                  const ServiceHeaders& headers) -> Result<ServiceReply> {
        auto answer = exchange(
            {std::string(request.method), std::string(request.target), headers, std::string(request.body)});
        return ServiceReply{answer.status, std::move(answer.headers), std::move(answer.body)};
    };
    auto client = ServiceClient::open(std::move(options));
    if (!client) return std::nullopt;  // A hub has a name.
    const bool has_all = tools_ == Tools::all;
    std::vector<McpTool> tools = reading_tools(*client);
    if (has_all) {
        for (McpTool& tool : changing_tools(*client)) tools.push_back(std::move(tool));
    }
    McpSession session(std::move(tools), mcp_instructions(has_all), McpSession::Begin::initialized);
    return session.receive(message);
}

bool McpEndpoint::speaks(std::string_view version) const {
    return McpSession::speaks(version);
}

}  // namespace carillon
