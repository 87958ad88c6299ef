#include "core/shard/methods.hpp"

#include "core/shard/directory.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

/// Direct methods are metered by this much payload. Source: IoT Hub docs, "IoT Hub quotas and throttling".
constexpr std::size_t payload_meter_bytes = 4096;

Task<Result<MethodAnswer>> invoke_there(Shard* shard, IdentityKey key, MethodCall call) {
    auto answer = co_await shard->methods().invoke(key, std::move(call));
    if (!answer && answer.error().code == Errc::device_not_found && key.is_module()) {
        const Record* device = shard->directory().find(IdentityKey(key.device));
        if (device != nullptr && device->exists()) co_return fail(Errc::module_not_found);
    }
    co_return answer;
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
        auto passing = pass_throttle(request.hub, ThrottleClass::methods, static_cast<double>(more));
        const auto passed = co_await std::move(passing);
        if (!passed) co_return fail(passed.error());
    }
    request.connect_timeout_s = call->connect_timeout_s;
    Shard& owner = request.hub.owner(key->device);
    auto work = invoke_there(&owner, *key, *std::move(call));
    auto answer = co_await on_owner(request.hub, owner, std::move(work));
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
