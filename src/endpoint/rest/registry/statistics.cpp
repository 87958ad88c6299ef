#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> device_statistics(Request& request) {
    const auto counts = co_await request.hub.registry().count_devices();
    if (!counts) co_return fail(counts.error());
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("totalDeviceCount", counts->enabled + counts->disabled)
        .member("enabledDeviceCount", counts->enabled)
        .member("disabledDeviceCount", counts->disabled)
        .end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> service_statistics(Request& request) {
    const auto counts = co_await request.hub.registry().count_devices();
    if (!counts) co_return fail(counts.error());
    std::string body;
    JsonWriter(body).begin_object().member("connectedDeviceCount", counts->connected).end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
