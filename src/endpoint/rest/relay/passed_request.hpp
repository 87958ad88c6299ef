#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/authorize.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::rest {

struct Route;

/// A request that a node of a cluster has read, and whose caller it has checked, for the node that serves
/// what it is about. That one takes its word: nodes believe each other.
struct PassedRequest {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    Authorizer::Caller caller;  ///< The key stays with the connection.
    std::string id;             ///< As the answer names it (`x-ms-request-id`).
    std::string peer;           ///< `address:port`
};

/// The answer to one, as far as it can be passed on: whole.
struct PassedAnswer {
    static constexpr std::size_t body_bytes_max = 32UL * 1024 * 1024;  ///< Ours: a page of answers.
    int status = 0;
    std::string fields;
    std::string content_type;
    std::string body;
    bool closes = false;
};

/// `request` as it is passed on, without what proves who asks and what concerns one connection only.
PassedRequest passed_request(const HttpRequest& request, Authorizer::Caller caller, std::string id,
                             std::string peer);
/// The same as it was read; views `passed`.
HttpRequest request_of(const PassedRequest& passed);

// As bytes, for another node. What is damaged is refused; nothing if the bytes are none.

std::string encode_passed(const PassedRequest& request);
std::optional<PassedRequest> decode_passed_request(std::string_view bytes);
std::string encode_passed(const PassedAnswer& answer);
std::optional<PassedAnswer> decode_passed_answer(std::string_view bytes);

/// Who brings requests to the nodes that serve what they are about.
class RequestRelay {
public:
    virtual ~RequestRelay() = default;
    /// False if this node serves it. Any thread.
    virtual bool passes_on(const Route& route) const = 0;
    /// The answer; nothing if this node is the one to serve it, as what it is about has come here meanwhile.
    /// Fails with `service_unavailable` if no answer came; what the request asks for may then have happened.
    virtual Task<Result<std::optional<PassedAnswer>>> pass_on(const Route& route, PassedRequest request) = 0;
};

/// What is sent for an answer of another node.
HttpResponse response_of(PassedAnswer answer);

}  // namespace carillon::rest
