// The Model Context Protocol over HTTPS: one endpoint that takes a message a request, keeps no session and
// sends nothing by itself. Source: Model Context Protocol 2025-06-18, "Transports", Streamable HTTP. Page:
// docs/mcp.md.

#include "base/await.hpp"
#include "base/text.hpp"
#include "core/shard/committer.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/http/http_connection.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/operate/model_host.hpp"
#include "endpoint/rest/request.hpp"
#include "wire/sas/sas_token.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <exception>
#include <memory>
#include <utility>

namespace carillon::rest {

namespace {

/// What proves who the caller is, as it came.
constexpr std::string_view passed_on[] = {"authorization", "cookie", "x-carillon-csrf", "user-agent"};

InnerAnswer unavailable() {
    return {503, {}, {}};
}

/// Lives in a coroutine, as the request's fields are views into it.
struct HeldRequest {
    InnerRequest asked;
    HttpRequest http;

    HeldRequest(InnerRequest request, InnerHeaders proof) : asked(std::move(request)) {
        for (auto& field : proof) asked.headers.push_back(std::move(field));
        http.method = asked.method;
        http.target = asked.target;
        for (const auto& [name, value] : asked.headers) http.fields.push_back({name, value});
        http.content_length = asked.body.size();
        http.body = asked.body;
    }
    HeldRequest(const HeldRequest&) = delete;
    HeldRequest& operator=(const HeldRequest&) = delete;
};

InnerHeaders headers_of(std::string_view fields) {
    InnerHeaders headers;
    while (!fields.empty()) {
        const std::string_view line = fields.substr(0, fields.find("\r\n"));
        fields.remove_prefix(std::min(fields.size(), line.size() + 2));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
    return headers;
}

/// The handler is made where it runs, as its counters are that thread's.
Task<InnerAnswer> carry_within(const Request* caller, std::unique_ptr<HeldRequest> request) {
    const std::unique_ptr<HttpHandler> handler = caller->make_inner_handler();
    HttpHandler::Admission admission = handler->admit(request->http);
    if (admission.refusal) {
        co_return InnerAnswer{admission.refusal->status, headers_of(admission.refusal->fields),
                              std::string(admission.refusal->content())};
    }
    auto answering = handler->answer(request->http);
    HttpResponse response = co_await std::move(answering);
    InnerAnswer answer{response.status, headers_of(response.fields), std::string(response.content())};
    while (response.source) {
        auto next = response.source->next();
        const std::string piece = co_await std::move(next);
        if (piece.empty()) break;
        answer.body += piece;
        if (answer.body.size() > ModelHost::answer_bytes_max) co_return unavailable();
    }
    co_return answer;
}

/// What the audit log names: the tool that is called, or else the method.
std::string subject_of(std::string_view message) {
    const auto document = JsonDocument::parse(message);
    if (!document) return {};
    const JsonValue root = document->root();
    const std::string_view method = root.find("method").string();
    return std::string(method == "tools/call" ? root.find("params").find("name").string() : method);
}

HttpResponse plain_status(int status) {
    HttpResponse response;
    response.status = status;
    return response;
}

/// A page of another site must not use a browser's way to the hub. Source: as above, "Security Warning".
bool is_of_another_site(const Request& request) {
    const auto origin = request.header("origin");
    if (!origin) return false;
    constexpr std::string_view scheme = "https://";
    return !origin->starts_with(scheme) ||
           !sas::is_hub_name(origin->substr(scheme.size()), request.hub.host_names());
}

}  // namespace

Task<Result<HttpResponse>> post_model_message(Request& request) {
    ModelHost* const host = request.models;
    if (host == nullptr) {
        co_return fail(Errc::feature_not_supported,
                       "This hub serves no language models: see the setting mcp.tools.");
    }
    if (is_of_another_site(request)) co_return plain_status(403);
    const auto version = request.header("mcp-protocol-version");
    if (version && !host->port.speaks(*version)) {
        co_return fail(Errc::generic_bad_request, "The MCP-Protocol-Version is not known here.");
    }
    const ModelHost::Call call(*host);
    if (!call.is_admitted())
        co_return fail(Errc::server_busy, "Too many messages of language models at once.");
    request.subject = subject_of(request.http->body);

    InnerHeaders proof;
    for (const std::string_view name : passed_on) {
        if (const auto value = request.header(name)) proof.emplace_back(name, *value);
    }
    if (request.trace) proof.emplace_back("traceparent", request.trace->traceparent());
    const auto executor = co_await boost::asio::this_coro::executor;
    const InnerExchange exchange = [&request, &proof, executor](InnerRequest asked) {
        auto held = std::make_unique<HeldRequest>(std::move(asked), proof);
        try {
            return boost::asio::co_spawn(executor, carry_within(&request, std::move(held)),
                                         boost::asio::use_future)
                .get();
        } catch (const std::exception&) {  // The hub is stopping.
            return unavailable();
        }
    };
    auto begin = [&](UniqueFunction<void(std::optional<std::string>)> done) {
        auto told = std::make_shared<UniqueFunction<void(std::optional<std::string>)>>(std::move(done));
        host->threads.run([told, &request, &exchange, host, executor] {
            auto answer = std::make_shared<std::optional<std::string>>(
                host->port.receive(request.http->body, exchange));
            boost::asio::post(executor, [told, answer] { (*told)(std::move(*answer)); });
        });
    };
    auto answer = co_await from_callback<std::optional<std::string>>(std::move(begin));
    if (!answer) co_return plain_status(202);  // A notification.
    co_return ok(*std::move(answer));
}

}  // namespace carillon::rest
