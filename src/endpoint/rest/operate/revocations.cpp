// Tokens of one device that are refused before their time is over: of our own making.

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/hub/hub_keys.hpp"
#include "endpoint/rest/operate/asker.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>

namespace carillon::rest {

namespace {

/// What most device SDKs make tokens for. Source: azure-iot-sdk-node: device authentication, one hour.
constexpr std::int64_t token_lifetime_s = 3600;

HttpResponse shown(const DeviceId& device, WallTime up_to) {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("deviceId", device.str())
        .member("tokensRefusedUpTo", to_iso8601(up_to))
        .end_object();
    return ok(std::move(body));
}

}  // namespace

Task<Result<HttpResponse>> get_revocation(Request& request) {
    const auto key = request.device_key();
    if (!key) co_return fail(key.error());
    const auto up_to = request.hub.keys().revocations().find(key->device);
    if (!up_to) {
        co_return fail(Errc::generic_not_found,
                       fmt::format("No tokens of device '{}' are revoked.", key->device.str()));
    }
    co_return shown(key->device, *up_to);
}

/// `{"tokenLifetimeSeconds":3600}`: how long the device makes its tokens for.
Task<Result<HttpResponse>> put_revocation(Request& request) {
    const auto key = request.device_key();
    if (!key) co_return fail(key.error());
    std::int64_t lifetime_s = token_lifetime_s;
    if (!request.http->body.empty()) {
        const auto body = JsonDocument::parse(request.http->body);
        if (!body) co_return fail(body.error());
        MemberReader in(body->root());
        lifetime_s = in.integer("tokenLifetimeSeconds", 0, TokenRevocations::lifetime_max_s)
                         .value_or(token_lifetime_s);
        if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    }
    const WallTime up_to = WallTime::from_unix_s(request.now.unix_s() + lifetime_s);
    auto revoking = request.hub.keys().revoke_tokens(key->device, up_to, asker(request));
    auto revoked = co_await std::move(revoking);
    if (!revoked) co_return fail(std::move(revoked).error());
    co_return shown(key->device, up_to);
}

Task<Result<HttpResponse>> delete_revocation(Request& request) {
    const auto key = request.device_key();
    if (!key) co_return fail(key.error());
    auto lifting = request.hub.keys().lift_revocation(key->device, asker(request));
    auto lifted = co_await std::move(lifting);
    if (!lifted) co_return fail(std::move(lifted).error());
    co_return no_content();
}

}  // namespace carillon::rest
