// Shared access policies and the hub's token key: of our own making, so under /carillon/. Page: docs/keys.md.

#include "base/text.hpp"
#include "core/hub/hub_keys.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/operate/asker.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>

namespace carillon::rest {

namespace {

enum class Keys { hidden, shown };

/// In the words of the service's management API. Source: azure-cli: az iot hub policy show.
void append_policy(JsonWriter& out, const SharedAccessPolicy& policy, Keys keys) {
    out.begin_object().member("keyName", policy.name);
    if (keys == Keys::shown) {
        out.member("primaryKey", policy.primary_key).member("secondaryKey", policy.secondary_key);
    }
    out.member("rights", fmt::format("{}", fmt::join(right_names(policy.rights), ", "))).end_object();
}

HttpResponse policy_response(const SharedAccessPolicy& policy) {
    std::string body;
    JsonWriter out(body);
    append_policy(out, policy, Keys::shown);
    return ok(std::move(body));
}

std::optional<PolicyRenewal> read_renewal(std::string_view word) {
    if (equals_ignoring_case(word, "primary")) return PolicyRenewal::primary;
    if (equals_ignoring_case(word, "secondary")) return PolicyRenewal::secondary;
    if (equals_ignoring_case(word, "swap")) return PolicyRenewal::swap;
    return std::nullopt;
}

}  // namespace

Task<Result<HttpResponse>> list_policies(Request& request) {
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    for (const auto& policy : request.hub.policies().all()) append_policy(out, *policy, Keys::hidden);
    out.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_policy(Request& request) {
    const auto policy = request.hub.policies().find(request.ids[0]);
    if (!policy) {
        co_return fail(Errc::generic_not_found,
                       fmt::format("There is no shared access policy '{}'.", request.ids[0]));
    }
    co_return policy_response(*policy);
}

/// `{"rights":"RegistryRead, ServiceConnect"}`: exactly these.
Task<Result<HttpResponse>> put_policy(Request& request) {
    const std::string name(request.ids[0]);
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_';
    };
    if (name.size() > Policies::name_chars_max || !std::all_of(name.begin(), name.end(), is_of_name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("A policy's name has up to {} letters, digits, '-', '.' and '_'.",
                                   Policies::name_chars_max));
    }
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    const auto rights = parse_rights(body->root().find("rights").string());
    if (!rights) {
        co_return fail(Errc::argument_invalid,
                       "rights must be one or more of RegistryRead, RegistryWrite, ServiceConnect, "
                       "DeviceConnect, EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, "
                       "RegistrationStatusWrite and JobApprove, separated by commas.");
    }
    auto putting = request.hub.keys().put(name, *rights, asker(request));
    const auto policy = co_await std::move(putting);
    if (!policy) co_return fail(policy.error());
    co_return policy_response(**policy);
}

Task<Result<HttpResponse>> delete_policy(Request& request) {
    auto removing = request.hub.keys().remove(std::string(request.ids[0]), asker(request));
    auto removed = co_await std::move(removing);
    if (!removed) co_return fail(std::move(removed).error());
    co_return no_content();
}

Task<Result<HttpResponse>> renew_policy_key(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    const auto what = read_renewal(body->root().find("key").string());
    if (!what) co_return fail(Errc::argument_invalid, "key must be primary, secondary or swap.");
    auto renewing = request.hub.keys().renew(std::string(request.ids[0]), *what, asker(request));
    const auto policy = co_await std::move(renewing);
    if (!policy) co_return fail(policy.error());
    co_return policy_response(**policy);
}

Task<Result<HttpResponse>> renew_token_key(Request& request) {
    auto renewing = request.hub.keys().renew_token_key(asker(request));
    auto renewed = co_await std::move(renewing);
    if (!renewed) co_return fail(std::move(renewed).error());
    co_return no_content();
}

}  // namespace carillon::rest
