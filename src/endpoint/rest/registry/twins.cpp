#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/twins/twin_source.hpp"

namespace carillon::rest {

namespace {

HttpResponse show(const FoundRow& row, Flavour flavour) {
    if (TwinText::may_be_long(row.document)) {
        HttpResponse response = ok({}, twin_etag_text(row.document.twin.etag));
        response.source = std::make_shared<TwinSource>(TwinText(row.document, row.live));
        return response;
    }
    std::string json;
    append_twin_json(json, row.document, row.live, flavour);
    return ok(std::move(json), twin_etag_text(row.document.twin.etag));
}

/// The service says `DeviceNotFound` of a missing module's twin too, and names the device; Node
/// clients look for exactly that. Source: azure-iot-sdk-node#971.
Error twin_error(Error error, const IdentityKey& key) {
    if (error.code == Errc::module_not_found) error.code = Errc::device_not_found;
    if (error.code == Errc::device_not_found) error.detail = key.device.str();
    return error;
}

Task<Result<HttpResponse>> get_twin(Request& request, Result<IdentityKey> key) {
    if (!key) co_return fail(std::move(key).error());
    const auto found = co_await request.hub.registry().find(*key);
    if (!found) co_return fail(twin_error(found.error(), *key));
    co_return show(*found, request.flavour);
}

Task<Result<HttpResponse>> write_twin(Request& request, Result<IdentityKey> key, Shard::TwinWrite kind) {
    if (!key) co_return fail(std::move(key).error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto patch = TwinPatch::parse(body->root(), *key);
    if (!patch) co_return fail(std::move(patch).error());
    auto writing = request.hub.registry().write_twin(*key, kind, *std::move(patch), request.twin_match());
    const auto written = co_await std::move(writing);
    if (!written) co_return fail(twin_error(written.error(), *key));
    co_return show(*written, request.flavour);
}

}  // namespace

Task<Result<HttpResponse>> get_device_twin(Request& request) {
    return get_twin(request, request.device_key());
}
Task<Result<HttpResponse>> patch_device_twin(Request& request) {
    return write_twin(request, request.device_key(), Shard::TwinWrite::patch);
}
Task<Result<HttpResponse>> put_device_twin(Request& request) {
    return write_twin(request, request.device_key(), Shard::TwinWrite::replace);
}
Task<Result<HttpResponse>> get_module_twin(Request& request) {
    return get_twin(request, request.module_key());
}
Task<Result<HttpResponse>> patch_module_twin(Request& request) {
    return write_twin(request, request.module_key(), Shard::TwinWrite::patch);
}
Task<Result<HttpResponse>> put_module_twin(Request& request) {
    return write_twin(request, request.module_key(), Shard::TwinWrite::replace);
}

}  // namespace carillon::rest
