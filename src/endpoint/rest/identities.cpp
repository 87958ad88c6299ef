#include "endpoint/rest/identities.hpp"

#include "core/registry/registry.hpp"
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

HttpResponse show(const FoundRow& row) {
    std::string json;
    append_identity_json(json, row.document.identity.unpack(), row.live);
    return ok(std::move(json), identity_etag_text(row.document.identity.etag()));
}

}  // namespace

std::string identity_list(const std::vector<FoundRow>& rows) {
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const FoundRow& row : rows) {
        std::string one;
        append_identity_json(one, row.document.identity.unpack(), row.live);
        json.raw(one);
    }
    json.end_array();
    return body;
}

Task<Result<HttpResponse>> get_identity(Request& request, IdentityKey key) {
    const auto found = co_await request.hub.registry().find(key);
    if (!found) co_return fail(identity_error(found.error(), key));
    co_return show(*found);
}

Task<Result<HttpResponse>> put_identity(Request& request, IdentityKey key) {
    auto putting = request.hub.registry().put(key, request.http->body, request.identity_match());
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(identity_error(put.error(), key));
    co_return show(*put);
}

Task<Result<HttpResponse>> delete_identity(Request& request, IdentityKey key) {
    const auto removed = co_await request.hub.registry().remove(key, request.identity_match());
    if (!removed) co_return fail(identity_error(removed.error(), key));
    co_return no_content();
}

}  // namespace carillon::rest
