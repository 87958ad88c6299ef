#include "core/shard/directory.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

Task<Result<std::string>> list_there(Shard* shard, IdentityKey device) {
    Directory& directory = shard->directory();
    const Record* parent = directory.find(device);
    if (parent == nullptr || !parent->exists()) co_return fail(Errc::device_not_found);
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (Record* record = directory.upper_bound(device);
         record != nullptr && record->key.device == device.device; record = directory.next(*record)) {
        if (!record->exists()) continue;
        std::string one;
        append_identity_json(one, record->committed->identity.unpack(), record->live());
        json.raw(one);
    }
    json.end_array();
    co_return body;
}

}  // namespace

Task<Result<HttpResponse>> list_modules(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    Shard& owner = request.hub.owner(key->device);
    auto body = co_await on_owner(request.hub, owner, list_there(&owner, *key));
    if (!body) co_return fail(identity_error(std::move(body).error(), *key));
    co_return ok(*std::move(body));
}

Task<Result<HttpResponse>> get_module(Request& request) {
    auto key = request.module_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await get_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> put_module(Request& request) {
    auto key = request.module_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await put_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> delete_module(Request& request) {
    auto key = request.module_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await delete_identity(request, *std::move(key));
}

}  // namespace carillon::rest
