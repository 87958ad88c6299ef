#include "core/shard/directory.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

/// A twin as it is sent.
struct ShownTwin {
    std::string json;
    std::string etag;
};

ShownTwin show(const Document& document, const LiveState& live, Flavour flavour) {
    ShownTwin shown;
    append_twin_json(shown.json, document, live, flavour);
    shown.etag = twin_etag_text(document.twin.etag);
    return shown;
}

Task<Result<ShownTwin>> get_there(Shard* shard, IdentityKey key, Flavour flavour) {
    const Record* record = shard->directory().find(key);
    if (record == nullptr || !record->exists()) co_return fail(Errc::device_not_found);
    co_return show(*record->committed, record->live(), flavour);
}

Task<Result<ShownTwin>> write_there(Shard* shard, IdentityKey key, Shard::TwinWrite kind, TwinPatch patch,
                                    EtagMatch match, Flavour flavour) {
    auto document = co_await shard->write_twin(key, kind, std::move(patch), std::move(match));
    if (!document) co_return fail(std::move(document).error());
    const Record* record = shard->directory().find(key);
    co_return show(*document, record == nullptr ? LiveState{} : record->live(), flavour);
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
    Shard& owner = request.hub.owner(key->device);
    auto shown = co_await on_owner(request.hub, owner, get_there(&owner, *key, request.flavour));
    if (!shown) co_return fail(twin_error(std::move(shown).error(), *key));
    co_return ok(std::move(shown->json), shown->etag);
}

Task<Result<HttpResponse>> write_twin(Request& request, Result<IdentityKey> key, Shard::TwinWrite kind) {
    if (!key) co_return fail(std::move(key).error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto patch = TwinPatch::parse(body->root(), *key);
    if (!patch) co_return fail(std::move(patch).error());
    Shard& owner = request.hub.owner(key->device);
    auto write = write_there(&owner, *key, kind, *std::move(patch), request.twin_match(), request.flavour);
    auto shown = co_await on_owner(request.hub, owner, std::move(write));
    if (!shown) co_return fail(twin_error(std::move(shown).error(), *key));
    co_return ok(std::move(shown->json), shown->etag);
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
