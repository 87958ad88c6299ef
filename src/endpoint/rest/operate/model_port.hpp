#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::rest {

using InnerHeaders = std::vector<std::pair<std::string, std::string>>;

/// A request that the hub makes to itself in the name of a caller.
struct InnerRequest {
    std::string method;
    std::string target;  ///< Path and query.
    InnerHeaders headers;
    std::string body;
};
struct InnerAnswer {
    int status = 0;
    InnerHeaders headers;
    std::string body;
};
/// Carries one out, with the rights of the caller and noted in the audit log as any other. Blocks.
using InnerExchange = std::function<InnerAnswer(InnerRequest)>;

/// What language models get to hear: the server's side of the Model Context Protocol. docs/mcp.md.
class ModelPort {
public:
    virtual ~ModelPort() = default;
    /// The answer to one message, if it has one; what the message asks for is done by `exchange`. Blocks. Any
    /// thread.
    virtual std::optional<std::string> receive(std::string_view message, const InnerExchange& exchange) = 0;
    /// Whether the protocol has, or had, this version.
    virtual bool speaks(std::string_view version) const = 0;
};

}  // namespace carillon::rest
