#pragma once

#include "endpoint/rest/operate/model_port.hpp"

namespace carillon {

/// The tools of `carillon mcp` at the hub's own HTTPS endpoint: each message stands for itself, and what a
/// tool asks of the hub is asked with the rights of the message's sender.
class McpEndpoint final : public rest::ModelPort {
public:
    enum class Tools : unsigned char { reading, all };
    /// `host_name` is what the hub calls itself.
    McpEndpoint(Tools tools, std::string host_name) : tools_(tools), host_name_(std::move(host_name)) {}

    std::optional<std::string> receive(std::string_view message,
                                       const rest::InnerExchange& exchange) override;
    bool speaks(std::string_view version) const override;

private:
    const Tools tools_;
    const std::string host_name_;
};

}  // namespace carillon
