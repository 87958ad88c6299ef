#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

/// Cloud-to-device messages cannot be sent to this hub, so a device's queue is empty, and emptying it
/// removes none: what back ends that tidy up are content with. Source: azure-iot-hub-python:
/// service.json; azure-iot-sdk-csharp: ServiceClient.cs.
Task<Result<HttpResponse>> purge_commands(Request& request) {
    const auto key = request.device_key();
    if (!key) co_return fail(key.error());
    const auto found = co_await request.hub.registry().find(*key);
    if (!found) co_return fail(identity_error(found.error(), *key));
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("totalMessagesPurged", 0)
        .member("deviceId", key->device.str())
        .key("moduleId")
        .null()
        .end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
