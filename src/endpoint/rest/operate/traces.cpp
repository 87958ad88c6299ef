// What one device does, for a time: of our own making.

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "core/hub/device_traces.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>

namespace carillon::rest {

namespace {

constexpr std::int64_t time_default_s = 300;

TimePoint now_of(const Request& request) {
    return request.hub.shards().first().clock().now();
}

}  // namespace

/// `{"deviceId":"pump-7","seconds":300}`
Task<Result<HttpResponse>> create_trace(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    MemberReader in(body->root());
    const auto device = DeviceId::parse(in.text("deviceId").value_or(""));
    const std::int64_t seconds =
        in.integer("seconds", 1, DeviceTraces::time_max.count()).value_or(time_default_s);
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    if (!device) co_return fail(device.error());
    Random& random = request.hub.shards().first().random();
    std::string id = fmt::format("{:016x}{:016x}", random.u64(), random.u64());
    auto opened =
        request.hub.traces().open(id, device->str(), std::chrono::seconds(seconds), now_of(request));
    if (!opened) co_return fail(std::move(opened).error());
    std::string out;
    JsonWriter(out).begin_object().member("traceId", id).member("seconds", seconds).end_object();
    co_return ok(std::move(out));
}

Task<Result<HttpResponse>> take_trace_events(Request& request) {
    const auto events = request.hub.traces().take(request.ids[0], now_of(request));
    if (!events) co_return fail(events.error());
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("events").begin_array();
    for (const std::string& line : events->lines) json.raw(line);
    json.end_array().member("dropped", events->dropped).member("isOver", events->is_over).end_object();
    co_return ok(std::move(out));
}

Task<Result<HttpResponse>> delete_trace(Request& request) {
    request.hub.traces().close(request.ids[0]);
    co_return no_content();
}

}  // namespace carillon::rest
