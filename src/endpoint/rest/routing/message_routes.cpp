// Routes of messages, and the endpoints they lead to: of our own making, so under /carillon/. Page:
// docs/routes.md.

#include "base/text.hpp"
#include "core/events/events.hpp"
#include "core/events/routing/message_routing.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/routing/handlers.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

std::string_view state_text(EndpointStatus::State state) {
    switch (state) {
        case EndpointStatus::State::idle:
            return "idle";
        case EndpointStatus::State::sending:
            return "sending";
        case EndpointStatus::State::retrying:
            break;
    }
    return "retrying";
}

void append_time(JsonWriter& out, std::string_view name, WallTime time) {
    if (time != WallTime()) out.member(name, to_iso8601(time));
}

void append_status(JsonWriter& out, Events& events, const EndpointStatus& status) {
    std::uint64_t behind = 0;
    for (std::uint32_t number = 0; number < status.positions.size(); ++number) {
        const auto extent = events.extent(number);
        if (extent && extent->next > status.positions[number])
            behind += extent->next - status.positions[number];
    }
    out.key("status").begin_object().member("state", state_text(status.state)).member("eventsBehind", behind);
    out.member("delivered", status.delivered).member("deadLetters", status.dead_letters);
    out.member("missed", status.missed).member("attempts", status.attempts);
    append_time(out, "lastDeliveredTime", status.last_delivered);
    append_time(out, "oldestWaitingTime", status.oldest_waiting);
    append_time(out, "lastErrorTime", status.last_failed);
    if (!status.last_error.empty()) {
        out.member("lastError", is_utf8(status.last_error) ? status.last_error : "");
    }
    out.end_object();
}

void append_endpoint(JsonWriter& out, Hub& hub, const RouteEndpoint& endpoint) {
    out.begin_object();
    append_endpoint_members(out, endpoint, RouteSecrets::omitted);
    if (const auto status = hub.events().routing().status(endpoint.name))
        append_status(out, hub.events(), *status);
    out.end_object();
}

Error no_such(std::string_view what, std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no {} '{}'.", what, name)};
}

Result<HttpResponse> show_route(Request& request) {
    const auto table = request.hub.events().routing().table();
    const RoutingTable::Rule* const rule = table->find_rule(request.ids[0]);
    if (rule == nullptr) return fail(no_such("route", request.ids[0]));
    std::string body;
    JsonWriter out(body);
    append_message_route_json(out, rule->route);
    return ok(std::move(body));
}

Result<HttpResponse> show_endpoint(Request& request) {
    const auto table = request.hub.events().routing().table();
    const RoutingTable::Target* const target = table->find_target(request.ids[0]);
    if (target == nullptr) return fail(no_such("endpoint", request.ids[0]));
    std::string body;
    JsonWriter out(body);
    append_endpoint(out, request.hub, target->endpoint);
    return ok(std::move(body));
}

}  // namespace

Task<Result<HttpResponse>> list_message_routes(Request& request) {
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    const auto table = request.hub.events().routing().table();
    for (const auto& rule : table->rules()) append_message_route_json(out, rule.route);
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_message_route(Request& request) {
    co_return show_route(request);
}

Task<Result<HttpResponse>> put_message_route(Request& request) {
    auto putting = request.hub.events().routing().put_route(std::string(request.ids[0]), request.http->body);
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(put.error());
    co_return show_route(request);
}

Task<Result<HttpResponse>> delete_message_route(Request& request) {
    auto removing = request.hub.events().routing().remove_route(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

Task<Result<HttpResponse>> list_route_endpoints(Request& request) {
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    const auto table = request.hub.events().routing().table();
    for (const auto& target : table->targets()) append_endpoint(out, request.hub, target.endpoint);
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_route_endpoint(Request& request) {
    co_return show_endpoint(request);
}

Task<Result<HttpResponse>> put_route_endpoint(Request& request) {
    auto putting =
        request.hub.events().routing().put_endpoint(std::string(request.ids[0]), request.http->body);
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(put.error());
    co_return show_endpoint(request);
}

Task<Result<HttpResponse>> delete_route_endpoint(Request& request) {
    auto removing = request.hub.events().routing().remove_endpoint(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

}  // namespace carillon::rest
