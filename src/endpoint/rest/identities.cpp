#include "endpoint/rest/identities.hpp"

#include "core/shard/directory.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>

namespace carillon::rest {

Error identity_error(Error error, const IdentityKey& key) {
    switch (error.code) {
        case Errc::device_not_found:
            error.detail = key.device.str();
            break;
        case Errc::module_not_found:
            error.detail = fmt::format("Module {} is not on device {}.", key.module, key.device.str());
            break;
        case Errc::device_already_exists:
            error.detail = fmt::format("A device with ID '{}' is already registered.", key.device.str());
            break;
        case Errc::module_already_exists_on_device:
            error.detail = fmt::format("Device {} already contains Module {}.", key.device.str(), key.module);
            break;
        default:
            break;
    }
    return error;
}

namespace {

/// An identity as it is sent.
struct ShownIdentity {
    std::string json;
    std::string etag;
};

ShownIdentity show(const PackedIdentity& packed, const LiveState& live) {
    ShownIdentity shown;
    append_identity_json(shown.json, packed.unpack(), live);
    shown.etag = identity_etag_text(packed.etag());
    return shown;
}

Task<Result<ShownIdentity>> get_there(Shard* shard, IdentityKey key) {
    const Record* record = shard->directory().find(key);
    if (record != nullptr && record->exists()) {
        co_return show(record->committed->identity, record->live());
    }
    if (!key.is_module()) co_return fail(Errc::device_not_found);
    const Record* device = shard->directory().find(IdentityKey(key.device));
    co_return fail(device != nullptr && device->exists() ? Errc::module_not_found : Errc::device_not_found);
}

Task<Result<ShownIdentity>> put_there(Shard* shard, IdentityKey key, std::string body, EtagMatch match) {
    auto document = co_await shard->put_identity(key, std::move(body), std::move(match));
    if (!document) co_return fail(std::move(document).error());
    const Record* record = shard->directory().find(key);
    co_return show(document->identity, record == nullptr ? LiveState{} : record->live());
}

}  // namespace

Task<Result<HttpResponse>> get_identity(Request& request, IdentityKey key) {
    Shard& owner = request.hub.owner(key.device);
    auto shown = co_await on_owner(request.hub, owner, get_there(&owner, key));
    if (!shown) co_return fail(identity_error(std::move(shown).error(), key));
    co_return ok(std::move(shown->json), shown->etag);
}

Task<Result<HttpResponse>> put_identity(Request& request, IdentityKey key) {
    Shard& owner = request.hub.owner(key.device);
    auto shown = co_await on_owner(request.hub, owner,
                                   put_there(&owner, key, request.http->body, request.identity_match()));
    if (!shown) co_return fail(identity_error(std::move(shown).error(), key));
    co_return ok(std::move(shown->json), shown->etag);
}

Task<Result<HttpResponse>> delete_identity(Request& request, IdentityKey key) {
    Shard& owner = request.hub.owner(key.device);
    auto removed =
        co_await on_owner(request.hub, owner, owner.remove_identity(key, request.identity_match()));
    if (!removed) co_return fail(identity_error(std::move(removed).error(), key));
    co_return no_content();
}

}  // namespace carillon::rest
