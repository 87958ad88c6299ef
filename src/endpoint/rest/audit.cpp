// The audit log: what is noted of each change, and how it is read.

#include "endpoint/rest/audit.hpp"

#include "base/text.hpp"
#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "model/twin.hpp"

#include <fmt/format.h>

namespace carillon::rest {

std::optional<IdentityKey> audited_identity(const Route& route, const Request& request) {
    const std::string_view pattern = route.pattern;
    if (is_direct_method(route)) return std::nullopt;
    if (pattern == "/devices/{}" || pattern == "/twins/{}") {
        auto key = request.device_key();
        return key ? std::optional(*std::move(key)) : std::nullopt;
    }
    if (pattern == "/devices/{}/modules/{}" || pattern == "/twins/{}/modules/{}") {
        auto key = request.module_key();
        return key ? std::optional(*std::move(key)) : std::nullopt;
    }
    return std::nullopt;
}

Task<std::string> hash_identity(Hub& hub, IdentityKey key) {
    auto finding = hub.registry().find(std::move(key));
    const auto row = co_await std::move(finding);
    // The same document has the same bytes, whenever it was written.
    co_return row ? sha256_hex(encode_document(row->document, 0, 0)) : std::string();
}

namespace {

/// Which of the policy's keys the caller showed, as long as it is one of them.
std::string_view key_name(const Hub& hub, const Authorizer::Caller& caller) {
    const auto policy = hub.policies().find(caller.policy);
    if (!policy || caller.key == KeyTag::none) return {};
    if (caller.key == policy->primary_tag) return "primary";
    return caller.key == policy->secondary_tag ? "secondary" : std::string_view();
}

}  // namespace

void describe_change(AuditEntry& entry, const Route& route, const Request& request, std::size_t id_count) {
    if (request.session) {
        entry.policy = request.session->policy;
        entry.key = "session";
        entry.via = "dashboard";
    } else if (request.caller) {
        entry.policy = request.caller->policy;
        entry.key = key_name(request.hub, *request.caller);
        entry.via = "rest";
    } else {
        entry.key = "device";
        entry.via = "device";
    }
    entry.peer = request.peer;
    entry.agent = request.header("user-agent").value_or("");
    entry.operation = fmt::format("{} {}", route.method, route.pattern);
    for (std::size_t i = 0; i < id_count; ++i) {
        if (i > 0) entry.target += '/';
        entry.target += request.ids[i];
    }
    if (entry.target.empty()) entry.target = request.subject;
    entry.request_id = request.id;
    entry.request = sha256_hex(request.http->body);
}

Task<Result<HttpResponse>> list_audit(Request& request) {
    constexpr std::size_t count_default = 100;
    const auto number = [&request](std::string_view name,
                                   std::uint64_t otherwise) -> std::optional<std::uint64_t> {
        const auto text = request.parameter(name);
        return text ? parse_u64(*text) : std::optional(otherwise);
    };
    const auto after = number("after", 0);
    const auto top = number("top", count_default);
    if (!after || !top || *top == 0 || *top > AuditLog::page_entries_max) {
        co_return fail(
            Errc::argument_invalid,
            fmt::format("after must be a number, and top one from 1 to {}.", AuditLog::page_entries_max));
    }
    if (request.audit == nullptr) co_return fail(Errc::feature_not_supported, "This hub keeps no audit log.");
    auto listing = request.audit->list(*after, static_cast<std::size_t>(*top));
    const auto page = co_await std::move(listing);
    if (!page) co_return fail(page.error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("first", page->first).member("last", page->last).member("head", page->head);
    json.key("entries").begin_array();
    for (const std::string& entry : page->entries) json.raw(entry);
    json.end_array().end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
