#include "core/events/routing/route_endpoint.hpp"

#include "base/clock.hpp"
#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/events/routing/message_route.hpp"
#include "query/message_condition.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::string_view file_path = "{endpoint}/{YYYY}/{MM}/{DD}/{HH}/{mm}-{partition}-{sequence}.ndjson";
constexpr std::int64_t file_events_max = RouteEndpoint::batch_events_max;
constexpr std::int64_t file_bytes_max = 1024 * 1024;
constexpr std::int64_t file_wait_s = 60;

constexpr std::string_view default_subject = "carillon.{endpoint}.{deviceId}";
constexpr std::int64_t broker_events_max = 1000;
constexpr std::size_t topic_bytes_max = 249;  ///< Of Kafka.

bool is_broker(RouteEndpoint::Kind kind) {
    return kind == RouteEndpoint::Kind::nats || kind == RouteEndpoint::Kind::kafka;
}

/// A text that can stand in a subject between two dots. Source: NATS docs, "Subject-based messaging".
bool is_subject(std::string_view text) {
    for (const std::string_view token : split(text, '.')) {
        if (token.empty() || token == ">" || token.find('*') != std::string_view::npos) return false;
    }
    // What begins with a dollar is the server's own.
    const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    return !text.starts_with('$') && std::none_of(text.begin(), text.end(), is_blank);
}

/// Source: Kafka, `Topic.java`, legal characters.
bool is_topic(std::string_view text) {
    const auto is_legal = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= topic_bytes_max && text != "." && text != ".." &&
           std::all_of(text.begin(), text.end(), is_legal);
}

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
    if (kind == RouteEndpoint::Kind::nats) endpoint.path = default_subject;
    if (is_broker(kind)) endpoint.events_max = broker_events_max;
    if (kind == RouteEndpoint::Kind::events) endpoint.events_max = RouteEndpoint::log_batch_events_max;
    return endpoint;
}

/// What only a log has, and what it has not.
void read_log(MemberReader& members, RouteEndpoint& endpoint) {
    const bool is_log = endpoint.kind == RouteEndpoint::Kind::events;
    for (const auto* member :
         {"url", "container", "secret", "mechanism", "clientCertificate", "path", "subject", "topic"}) {
        if (is_log && members.find(member).exists())
            members.refuse(fmt::format("{} is not for endpoints of events", member));
    }
    for (const auto* member : {"retentionSeconds", "retentionBytes"}) {
        if (!is_log && members.find(member).exists())
            members.refuse(fmt::format("{} is for endpoints of events", member));
    }
    if (!is_log) return;
    if (const auto age = members.integer("retentionSeconds", RouteEndpoint::retention_s_min,
                                         RouteEndpoint::retention_s_max))
        endpoint.retention_s = *age;
    if (const auto bytes = members.integer("retentionBytes", RouteEndpoint::retention_bytes_min,
                                           RouteEndpoint::retention_bytes_max))
        endpoint.retention_bytes = *bytes;
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
    const bool rotates = members.boolean("rotate").value_or(false);
    if (rotates && (endpoint.kind != RouteEndpoint::Kind::webhook || !given.exists()))
        return members.refuse("rotate is for a new secret of a webhook");
    if (!given.exists()) return;
    if (endpoint.kind == RouteEndpoint::Kind::file) return members.refuse("files take no secret");
    const std::string before = std::exchange(
        endpoint.secret, std::string(members.text("secret").value_or(std::string_view())));
    // Sent once more, the same secret ends nothing.
    if (endpoint.secret != before || !rotates) {
        endpoint.previous_secret = rotates ? before : std::string();
        endpoint.previous_until_s = 0;
    }
    if (endpoint.secret.empty()) {
        if (rotates) members.refuse("rotate takes a secret that signs from now on");
        return;
    }
    if (is_broker(endpoint.kind)) {
        const bool has_user = endpoint.secret.find(':') != std::string::npos;
        if (endpoint.secret.size() > RouteEndpoint::login_bytes_max ||
            (endpoint.kind == RouteEndpoint::Kind::kafka && !has_user)) {
            members.refuse(
                "secret takes USER:PASSWORD or, at NATS, a token, the seed of an nkey or a credentials file");
        }
        return;
    }
    const bool is_good = endpoint.secret.size() <= RouteEndpoint::secret_bytes_max &&
                         endpoint.secret.starts_with(secret_prefix) &&
                         base64_decode(std::string_view(endpoint.secret).substr(secret_prefix.size()))
                                 .value_or(std::string())
                                 .size() >= 16;
    if (!is_good) members.refuse("secret takes whsec_ and the base64 of at least 16 bytes");
}

/// What else proves the hub to brokers.
void read_login(MemberReader& members, RouteEndpoint& endpoint) {
    if (const auto mechanism = members.text("mechanism")) {
        constexpr std::string_view known[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
        if (endpoint.kind != RouteEndpoint::Kind::kafka ||
            std::find(std::begin(known), std::end(known), *mechanism) == std::end(known))
            return members.refuse("mechanism takes PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, of Kafka");
        endpoint.mechanism = *mechanism;
    }
    const auto certificate = members.text("clientCertificate");
    if (!certificate) return;
    if (!is_broker(endpoint.kind) || certificate->size() > RouteEndpoint::certificate_bytes_max)
        return members.refuse("clientCertificate takes PEM of at most 32 KB, of NATS or Kafka");
    endpoint.client_certificate = *certificate;
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

/// The subject of NATS, the topic of Kafka.
void read_place(MemberReader& members, RouteEndpoint& endpoint) {
    const bool is_nats = endpoint.kind == RouteEndpoint::Kind::nats;
    const std::string_view member = is_nats ? "subject" : "topic";
    if (!is_broker(endpoint.kind)) {
        for (const auto* foreign : {"subject", "topic"}) {
            if (members.find(foreign).exists())
                members.refuse(fmt::format("{} is for NATS or Kafka", foreign));
        }
        return;
    }
    if (const auto place = members.text(member)) endpoint.path = *place;
    const bool is_good =
        is_nats ? endpoint.path.size() <= RouteEndpoint::path_bytes_max && is_subject(endpoint.path)
                : is_topic(endpoint.path);
    if (is_good) return;
    members.refuse(is_nats
                       ? "subject takes words with dots between them, {endpoint} and {deviceId} among them"
                       : "topic takes letters, digits, dots, dashes and underscores");
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
    switch (kind) {
        case RouteEndpoint::Kind::file:
            return "file";
        case RouteEndpoint::Kind::nats:
            return "nats";
        case RouteEndpoint::Kind::kafka:
            return "kafka";
        case RouteEndpoint::Kind::events:
            return "events";
        case RouteEndpoint::Kind::webhook:
            break;
    }
    return "webhook";
}

std::string nats_subject(std::string_view pattern, std::string_view endpoint, std::string_view device) {
    std::string word;
    // A device id may hold dots and wildcards; percent signs are none.
    for (const char c : device) {
        const bool is_special = c == '.' || c == '*' || c == '>' || c == '%';
        word += is_special ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
    }
    std::string subject(pattern);
    const auto fill = [&subject](std::string_view name, std::string_view value) {
        for (auto at = subject.find(name); at != std::string::npos;
             at = subject.find(name, at + value.size()))
            subject.replace(at, name.size(), value);
    };
    fill("{endpoint}", endpoint);
    fill("{deviceId}", word.empty() ? "-" : word);
    return subject;
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
    } else if (type && *type == "nats") {
        kind = Kind::nats;
    } else if (type && *type == "kafka") {
        kind = Kind::kafka;
    } else if (type && *type == "events") {
        kind = Kind::events;
    } else if (type || before == nullptr) {
        members.refuse("type takes webhook, file, nats, kafka or events");
    }
    if (before != nullptr && kind != before->kind) members.refuse("type of an endpoint does not change");
    RouteEndpoint endpoint = before != nullptr ? *before : defaults(name, kind);
    read_log(members, endpoint);
    if (kind != Kind::events) {
        read_url(members, endpoint);
        read_secret(members, endpoint);
        read_login(members, endpoint);
        read_path(members, endpoint);
        read_place(members, endpoint);
    }
    read_enrichments(members, endpoint);
    if (const auto jobs = members.text("jobs")) {
        if (*jobs != "all" && *jobs != "named") members.refuse("jobs takes all or named");
        endpoint.hears_named_jobs = *jobs == "named";
    }
    const auto number = [&members](std::string_view member, std::int64_t& value, std::int64_t min,
                                   std::int64_t max) {
        if (const auto given = members.integer(member, min, max)) value = *given;
    };
    number("maxEvents", endpoint.events_max, 1,
           kind == Kind::events ? log_batch_events_max : batch_events_max);
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
    const bool is_log = endpoint.kind == RouteEndpoint::Kind::events;
    if (is_log) {
        json.member("retentionSeconds", endpoint.retention_s);
        json.member("retentionBytes", endpoint.retention_bytes);
        if (tells) json.member("log", endpoint.log);
    } else {
        json.member(is_file ? "container" : "url",
                    tells ? std::string_view(endpoint.url) : endpoint.shown_url());
    }
    if (is_file) json.member("path", endpoint.path);
    if (!is_file && !is_log && tells) json.member("secret", endpoint.secret);
    if (!endpoint.previous_secret.empty()) {
        if (tells) {
            json.member("previousSecret", endpoint.previous_secret);
            json.member("previousSecretUntil", endpoint.previous_until_s);
        } else {
            json.member("previousSecretUntil", to_iso8601(WallTime::from_unix_s(endpoint.previous_until_s)));
        }
    }
    const bool has_secret = !endpoint.secret.empty();
    if (!tells && endpoint.kind == RouteEndpoint::Kind::webhook) json.member("isSigned", has_secret);
    if (is_broker(endpoint.kind)) {
        json.member(endpoint.kind == RouteEndpoint::Kind::nats ? "subject" : "topic", endpoint.path);
        if (endpoint.kind == RouteEndpoint::Kind::kafka)
            json.member("mechanism", endpoint.mechanism.empty() ? "PLAIN" : endpoint.mechanism);
        if (tells) {
            json.member("clientCertificate", endpoint.client_certificate);
        } else {
            json.member("hasCredentials", has_secret);
            json.member("hasClientCertificate", !endpoint.client_certificate.empty());
        }
    }
    json.member("maxEvents", endpoint.events_max).member("maxBytes", endpoint.bytes_max);
    json.member("maxWaitSeconds", endpoint.wait_s).member("maxAttempts", endpoint.attempts_max);
    json.member("jobs", endpoint.hears_named_jobs ? "named" : "all");
    json.key("enrichments").begin_object();
    for (const auto& [name, value] : endpoint.enrichments) json.member(name, value);
    json.end_object();
}

}  // namespace carillon
