#include "core/events/routing/route_endpoint.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/events/routing/message_route.hpp"
#include "query/message_condition.hpp"

#include <fmt/core.h>

namespace carillon {

namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::string_view file_path = "{endpoint}/{YYYY}/{MM}/{DD}/{HH}/{mm}-{partition}-{sequence}.ndjson";
constexpr std::int64_t file_events_max = RouteEndpoint::batch_events_max;
constexpr std::int64_t file_bytes_max = 1024 * 1024;
constexpr std::int64_t file_wait_s = 60;

std::string_view without_query(std::string_view url) {
    return url.substr(0, url.find('?'));
}

/// What differs from kind to kind by default.
RouteEndpoint defaults(std::string_view name, RouteEndpoint::Kind kind) {
    RouteEndpoint endpoint;
    endpoint.name = name;
    endpoint.kind = kind;
    if (kind == RouteEndpoint::Kind::file) {
        endpoint.path = file_path;
        endpoint.events_max = file_events_max;
        endpoint.bytes_max = file_bytes_max;
        endpoint.wait_s = file_wait_s;
    }
    return endpoint;
}

void read_url(MemberReader& members, RouteEndpoint& endpoint) {
    const bool is_file = endpoint.kind == RouteEndpoint::Kind::file;
    const std::string_view member = is_file ? "container" : "url";
    const auto url = members.text(member);
    // What was shown, without its signature, comes back with a change of something else.
    if (url && (endpoint.url.empty() || *url != endpoint.shown_url())) endpoint.url = *url;
    if (endpoint.url.empty() || endpoint.url.size() > RouteEndpoint::url_bytes_max) {
        members.refuse(fmt::format("{} takes {} of at most {} characters", member,
                                   is_file ? "the URI of a container" : "an address",
                                   RouteEndpoint::url_bytes_max));
    }
}

void read_secret(MemberReader& members, RouteEndpoint& endpoint) {
    const JsonValue given = members.find("secret");
    if (!given.exists()) return;
    if (endpoint.kind != RouteEndpoint::Kind::webhook) return members.refuse("secret is for webhooks");
    endpoint.secret = members.text("secret").value_or(std::string_view());
    if (endpoint.secret.empty()) return;
    const bool is_good = endpoint.secret.size() <= RouteEndpoint::secret_bytes_max &&
                         endpoint.secret.starts_with(secret_prefix) &&
                         base64_decode(std::string_view(endpoint.secret).substr(secret_prefix.size()))
                                 .value_or(std::string())
                                 .size() >= 16;
    if (!is_good) members.refuse("secret takes whsec_ and the base64 of at least 16 bytes");
}

void read_path(MemberReader& members, RouteEndpoint& endpoint) {
    const auto path = members.text("path");
    if (!path) return;
    if (endpoint.kind != RouteEndpoint::Kind::file) return members.refuse("path is for files");
    const auto has = [&](std::string_view part) { return path->find(part) != std::string_view::npos; };
    if (path->size() > RouteEndpoint::path_bytes_max || !has("{partition}") || !has("{sequence}")) {
        return members.refuse(
            fmt::format("path takes at most {} characters, {{partition}} and {{sequence}} among "
                        "them, so that no file replaces another",
                        RouteEndpoint::path_bytes_max));
    }
    endpoint.path = *path;
}

void read_enrichments(MemberReader& members, RouteEndpoint& endpoint) {
    const JsonValue given = members.object("enrichments");
    if (!given.exists()) return;
    endpoint.enrichments.clear();
    if (given.size() > RoutingLimits::enrichments_max) {
        return members.refuse(
            fmt::format("enrichments takes at most {} members", RoutingLimits::enrichments_max));
    }
    constexpr std::size_t bytes_max = RouteEndpoint::enrichment_bytes_max;
    for (auto value = given.first(); value.exists(); value = value.next()) {
        const bool is_good = value.is_string() && !value.key().empty() && value.key().size() <= bytes_max &&
                             value.string().size() <= bytes_max;
        if (!is_good) {
            return members.refuse(
                fmt::format("enrichments takes names and texts of at most {} bytes", bytes_max));
        }
        if (auto parsed = query::MessageValue::parse(value.string()); !parsed) {
            return members.refuse("enrichments: " + parsed.error().detail);
        }
        endpoint.enrichments.emplace_back(value.key(), value.string());
    }
}

}  // namespace

std::string_view endpoint_kind_text(RouteEndpoint::Kind kind) {
    return kind == RouteEndpoint::Kind::webhook ? "webhook" : "file";
}

std::string_view RouteEndpoint::shown_url() const {
    // A webhook's query is part of its address.
    return kind == Kind::file ? without_query(url) : std::string_view(url);
}

Result<RouteEndpoint> RouteEndpoint::parse(std::string_view name, JsonValue body,
                                           const RouteEndpoint* before) {
    if (auto good = check_routing_name(name, "an endpoint"); !good) return fail(std::move(good).error());
    MemberReader members(body);
    const auto type = members.text("type");
    Kind kind = before != nullptr ? before->kind : Kind::webhook;
    if (type && *type == "file") {
        kind = Kind::file;
    } else if (type && *type == "webhook") {
        kind = Kind::webhook;
    } else if (type || before == nullptr) {
        members.refuse("type takes webhook or file");
    }
    if (before != nullptr && kind != before->kind) members.refuse("type of an endpoint does not change");
    RouteEndpoint endpoint = before != nullptr ? *before : defaults(name, kind);
    read_url(members, endpoint);
    read_secret(members, endpoint);
    read_path(members, endpoint);
    read_enrichments(members, endpoint);
    const auto number = [&members](std::string_view member, std::int64_t& value, std::int64_t min,
                                   std::int64_t max) {
        if (const auto given = members.integer(member, min, max)) value = *given;
    };
    number("maxEvents", endpoint.events_max, 1, batch_events_max);
    number("maxBytes", endpoint.bytes_max, batch_bytes_min, batch_bytes_max);
    number("maxWaitSeconds", endpoint.wait_s, 0, wait_s_max);
    number("maxAttempts", endpoint.attempts_max, 1, attempts_limit);
    if (!members.ok()) return fail(members.error().error());
    return endpoint;
}

void append_endpoint_members(JsonWriter& json, const RouteEndpoint& endpoint, RouteSecrets secrets) {
    const bool is_file = endpoint.kind == RouteEndpoint::Kind::file;
    const bool tells = secrets == RouteSecrets::written;
    json.member("name", endpoint.name).member("type", endpoint_kind_text(endpoint.kind));
    json.member(is_file ? "container" : "url", tells ? std::string_view(endpoint.url) : endpoint.shown_url());
    if (is_file) json.member("path", endpoint.path);
    if (!is_file && tells) json.member("secret", endpoint.secret);
    if (!is_file && !tells) json.member("isSigned", !endpoint.secret.empty());
    json.member("maxEvents", endpoint.events_max).member("maxBytes", endpoint.bytes_max);
    json.member("maxWaitSeconds", endpoint.wait_s).member("maxAttempts", endpoint.attempts_max);
    json.key("enrichments").begin_object();
    for (const auto& [name, value] : endpoint.enrichments) json.member(name, value);
    json.end_object();
}

}  // namespace carillon
