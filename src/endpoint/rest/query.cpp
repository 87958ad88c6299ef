#include "base/member_reader.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/paging.hpp"
#include "endpoint/rest/twins/twin_source.hpp"

#include <fmt/format.h>
#include <chrono>

namespace carillon::rest {

namespace {

ItemType item_type(ItemKind kind) {
    switch (kind) {
        case ItemKind::twin:
            return {"Twin", "twin"};
        case ItemKind::device_job:
            return {"DeviceJob", "deviceJob"};
        case ItemKind::raw:
            break;
    }
    // The preview's enumeration has no `raw`; it says `aggregate` for projections too.
    return {"Raw", "aggregate"};
}

/// The statement, as `query` or, from preview clients, as `sql`.
Result<std::string> read_statement(MemberReader& in) {
    JsonValue text = in.find("query");
    if (text.is_null_or_absent()) text = in.find("sql");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (text.is_null_or_absent()) return fail(Errc::argument_null, "The query is missing.");
    if (!text.is_string() || text.string().empty()) {
        return fail(Errc::argument_invalid, "The query must be a text that is not empty.");
    }
    return std::string(text.string());
}

/// Ours: what a page took is told to who asks for it, as a dictionary of RFC 8941 §3.2.
void add_cost(const Request& request, const QueryPage& page, HttpResponse& response) {
    constexpr std::string_view field = "x-carillon-cost";
    if (!request.header(field)) return;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(page.took).count();
    response.add(field, fmt::format("examined={}, by={}, us={}", page.examined, page.found_by, us));
}

}  // namespace

Task<Result<HttpResponse>> query_devices(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::iot_hub_format_error, "The body must be an object.");
    MemberReader in(body->root());
    auto statement = read_statement(in);
    if (!statement) co_return fail(std::move(statement).error());
    PageRequest page = read_page_request(request, &in);
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    QueryRequest query;
    query.statement = *std::move(statement);
    query.page_size = page.size;
    query.continuation = std::move(page.continuation);
    query.flavour = request.flavour;
    auto answer = co_await request.hub.queries().run(std::move(query));
    if (!answer) {
        Error error = std::move(answer).error();
        // The service says no more than this word; what follows helps people and hurts no client.
        if (error.code == Errc::argument_invalid) error.detail = fmt::format("BadRequest: {}", error.detail);
        co_return fail(std::move(error));
    }
    const ItemType type = item_type(answer->kind);
    if (answer->long_twin) {
        PageFrame frame;
        HttpResponse response = begin_page(request, type, answer->continuation, frame);
        response.source = std::make_shared<TwinSource>(*std::move(answer->long_twin), std::move(frame.before),
                                                       std::move(frame.behind));
        add_cost(request, *answer, response);
        co_return response;
    }
    HttpResponse response = page_response(request, type, answer->items, answer->continuation);
    add_cost(request, *answer, response);
    co_return response;
}

}  // namespace carillon::rest
