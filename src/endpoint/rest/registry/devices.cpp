#include "base/text.hpp"
#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"

#include <algorithm>

namespace carillon::rest {

namespace {

/// `GET /devices?top=N`. Source: azure-iot-hub-python: service.json.
constexpr std::int64_t list_max = 1000;

}  // namespace

Task<Result<HttpResponse>> list_devices(Request& request) {
    const auto asked = request.parameter("top");
    const std::int64_t top =
        std::clamp<std::int64_t>(asked ? parse_i64(*asked).value_or(list_max) : list_max, 1, list_max);
    auto devices = co_await request.hub.registry().list_devices(static_cast<std::size_t>(top));
    if (!devices) co_return fail(std::move(devices).error());
    co_return ok_identities(*std::move(devices));
}

Task<Result<HttpResponse>> get_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await get_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> put_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await put_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> delete_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await delete_identity(request, *std::move(key));
}

}  // namespace carillon::rest
