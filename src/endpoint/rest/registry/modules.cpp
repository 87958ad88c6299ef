#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> list_modules(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    auto modules = co_await request.hub.registry().list_modules(*key);
    if (!modules) co_return fail(identity_error(modules.error(), *key));
    co_return ok_identities(*std::move(modules));
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
