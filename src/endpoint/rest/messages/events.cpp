// Messages from devices, read back, and consumer groups: of our own making, so under /carillon/.
// Page: docs/read-events.md.

#include "base/text.hpp"
#include "core/events/events.hpp"
#include "core/events/routing/message_route.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/messages/event_order.hpp"
#include "endpoint/rest/messages/event_stream.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

/// The log that the parameter `endpoint` names; the hub's own without. Fails with `generic_not_found`.
Result<std::shared_ptr<EventLog>> find_log(const Request& request) {
    Events& events = request.hub.events();
    const auto name = request.parameter("endpoint");
    // The hub's own outlives the request.
    if (!name || is_built_in_endpoint(*name))
        return std::shared_ptr<EventLog>(std::shared_ptr<void>(), &events.own());
    auto found = events.find_log(*name);
    if (found) return found;
    return fail(Errc::generic_not_found, fmt::format("There is no endpoint of events '{}'.", *name));
}

Error no_such_group(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no consumer group '{}'.", name)};
}

void append_group(JsonWriter& out, const ConsumerGroup& group) {
    out.begin_object().member("name", group.name);
    if (group.created != WallTime()) out.member("createdTime", to_iso8601(group.created));
    out.end_object();
}

HttpResponse group_response(const ConsumerGroup& group) {
    std::string body;
    JsonWriter out(body);
    append_group(out, group);
    return ok(std::move(body));
}

}  // namespace

Task<Result<HttpResponse>> follow_events(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    EventLog& events = **found;
    auto order = EventOrder::read(request, events.partition_count());
    if (!order) co_return fail(std::move(order).error());
    const auto group = request.parameter("consumerGroup");
    if (group && !events.groups().find(*group)) co_return fail(no_such_group(*group));
    const bool is_event_stream = order->is_event_stream;
    auto stream = EventStream::open(*found, *std::move(order));
    if (!stream) co_return fail(std::move(stream).error());
    HttpResponse response;
    response.add("Content-Type", is_event_stream ? "text/event-stream" : "application/x-ndjson");
    response.add("Cache-Control", "no-store");
    response.stream = *std::move(stream);
    co_return response;
}

Task<Result<HttpResponse>> list_partitions(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    const EventLog& events = **found;
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    for (std::uint32_t number = 0; number < events.partition_count(); ++number) {
        const auto extent = events.extent(number);
        if (!extent) co_return fail(extent.error());
        const auto last = static_cast<std::int64_t>(extent->next) - 1;
        out.begin_object().member("partition", number).member("beginSequenceNumber", extent->first);
        out.member("lastSequenceNumber", last).member("lastOffset", std::to_string(last));
        out.key("lastEnqueuedTime");
        if (extent->last_enqueued == WallTime()) {
            out.null();
        } else {
            out.value(to_iso8601(extent->last_enqueued));
        }
        out.member("isEmpty", extent->is_empty()).end_object();
    }
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> list_consumer_groups(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    for (const ConsumerGroup& group : (*found)->groups().all()) append_group(out, group);
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_consumer_group(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    const auto group = (*found)->groups().find(request.ids[0]);
    if (!group) co_return fail(no_such_group(request.ids[0]));
    co_return group_response(*group);
}

Task<Result<HttpResponse>> put_consumer_group(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    auto creating = (*found)->groups().create(std::string(request.ids[0]));
    const auto group = co_await std::move(creating);
    if (!group) co_return fail(group.error());
    co_return group_response(*group);
}

Task<Result<HttpResponse>> delete_consumer_group(Request& request) {
    const auto found = find_log(request);
    if (!found) co_return fail(found.error());
    auto removing = (*found)->groups().remove(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

}  // namespace carillon::rest
