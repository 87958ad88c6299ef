// Messages from devices, read back, and consumer groups: of our own making, so under /carillon/.
// Page: docs/read-events.md.

#include "core/events/events.hpp"
#include "base/text.hpp"
#include "endpoint/rest/event_order.hpp"
#include "endpoint/rest/event_stream.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

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
    Events& events = request.hub.events();
    auto order = EventOrder::read(request, events.partition_count());
    if (!order) co_return fail(std::move(order).error());
    const auto group = request.parameter("consumerGroup");
    if (group && !events.groups().find(*group)) co_return fail(no_such_group(*group));
    const bool is_event_stream = order->is_event_stream;
    auto stream = EventStream::open(events, *std::move(order));
    if (!stream) co_return fail(std::move(stream).error());
    HttpResponse response;
    response.add("Content-Type", is_event_stream ? "text/event-stream" : "application/x-ndjson");
    response.add("Cache-Control", "no-store");
    response.stream = *std::move(stream);
    co_return response;
}

Task<Result<HttpResponse>> list_partitions(Request& request) {
    const Events& events = request.hub.events();
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
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    for (const ConsumerGroup& group : request.hub.events().groups().all()) append_group(out, group);
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_consumer_group(Request& request) {
    const auto group = request.hub.events().groups().find(request.ids[0]);
    if (!group) co_return fail(no_such_group(request.ids[0]));
    co_return group_response(*group);
}

Task<Result<HttpResponse>> put_consumer_group(Request& request) {
    auto creating = request.hub.events().groups().create(std::string(request.ids[0]));
    const auto group = co_await std::move(creating);
    if (!group) co_return fail(group.error());
    co_return group_response(*group);
}

Task<Result<HttpResponse>> delete_consumer_group(Request& request) {
    auto removing = request.hub.events().groups().remove(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

}  // namespace carillon::rest
