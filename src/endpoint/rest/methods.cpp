#include "core/hub/device_traces.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/device/device_span.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

/// Direct methods are metered by this much payload. Source: IoT Hub docs, "IoT Hub quotas and throttling".
constexpr std::size_t payload_meter_bytes = 4096;

/// From when the hub begins to ask the device until it knows the answer; a part of the request.
device::DeviceSpan method_span(const Request& request, const IdentityKey& key) {
    if (!request.trace) return {};
    const device::DeviceSpan::What what{.name = "direct method", .protocol = {}, .kind = Span::Kind::client};
    return {request.hub.traces().spans(), request.hub.shards().first().clock(), key, what, request.trace};
}

/// Source: IoT Hub docs, "Understand and invoke direct methods". The answer waits as long as the two timeouts
/// say, ten minutes at most.
Task<Result<HttpResponse>> invoke(Request& request, Result<IdentityKey> key) {
    if (!key) co_return fail(std::move(key).error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto call = MethodCall::parse(body->root(), request.flavour);
    if (!call) co_return fail(std::move(call).error());
    if (call->payload.size() > payload_meter_bytes) {  // The request has been counted for one.
        const auto more = (call->payload.size() - 1) / payload_meter_bytes;
        auto passing = pass_throttle(request.hub.shards(), request.hub.throttles(), ThrottleClass::methods,
                                     static_cast<double>(more));
        const auto passed = co_await std::move(passing);
        if (!passed) co_return fail(passed.error());
    }
    request.connect_timeout_s = call->connect_timeout_s;
    device::DeviceSpan span = method_span(request, *key);
    auto answer = co_await request.hub.registry().invoke_method(*key, *std::move(call));
    if (answer) span.add("carillon.method.status", answer->status);
    span.ended(!answer);
    if (!answer) {
        Error error = std::move(answer).error();
        // One device's link broken by a newer one looks to the caller like any lost connection.
        if (error.code == Errc::connection_forcefully_closed) {
            error = Error{Errc::device_connection_closed_remotely, {}};
        }
        co_return fail(identity_error(std::move(error), *key));
    }
    std::string text;
    JsonWriter(text)
        .begin_object()
        .member("status", answer->status)
        .member_raw("payload", answer->payload)
        .end_object();
    co_return ok(std::move(text));
}

}  // namespace

Task<Result<HttpResponse>> invoke_device_method(Request& request) {
    return invoke(request, request.device_key());
}
Task<Result<HttpResponse>> invoke_module_method(Request& request) {
    return invoke(request, request.module_key());
}

}  // namespace carillon::rest
