#include "routing/routing_request.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"

namespace carillon {

namespace {

Result<> append_pairs(JsonWriter& json, std::string_view member, std::string_view flag,
                      const std::vector<std::string>& pairs) {
    json.key(member).begin_object();
    for (const std::string& pair : pairs) {
        const std::size_t equals = pair.find('=');
        if (equals == 0 || equals == std::string::npos) {
            return fail_usage(std::string(flag) + " takes NAME=VALUE, not " + pair);
        }
        json.member(std::string_view(pair).substr(0, equals), std::string_view(pair).substr(equals + 1));
    }
    json.end_object();
    return {};
}

Result<std::vector<RoutingFile::Item>> read_items(JsonValue root, std::string_view member) {
    std::vector<RoutingFile::Item> items;
    const JsonValue list = root.find(member);
    if (!list.exists()) return items;
    if (!list.is_array()) return fail_usage("FILE: " + std::string(member) + " must be a list");
    for (auto item = list.first(); item.exists(); item = item.next()) {
        const JsonValue name = item.find("name");
        if (!name.is_string()) return fail_usage("FILE: an item of " + std::string(member) + " has no name");
        items.push_back({std::string(name.string()), std::string(item.raw())});
    }
    return items;
}

}  // namespace

Result<std::string> endpoint_json(const EndpointOrder& order) {
    const bool is_log = order.kind == "events";
    if (is_log && !(order.url.empty() && order.container.empty()))
        return fail_usage("--kind events takes neither --url nor --container");
    if (!is_log && order.url.empty() == order.container.empty())
        return fail_usage("give either --url, --container or --kind events");
    const auto scheme = to_lower(std::string_view(order.url).substr(0, order.url.find("://")));
    const bool is_nats = scheme == "nats" || scheme == "tls";
    const bool is_kafka = scheme == "kafka" || scheme == "kafkas";
    std::string body;
    JsonWriter json(body);
    const std::string_view type = is_nats ? "nats" : is_kafka ? "kafka" : "webhook";
    const std::string_view meant = order.url.empty() ? "file" : type;
    json.begin_object().member("type", order.kind.empty() ? meant : order.kind);
    const auto text = [&json](std::string_view member, const std::string& value) {
        if (!value.empty()) json.member(member, value);
    };
    const auto number = [&json](std::string_view member, const std::optional<std::int64_t>& value) {
        if (value) json.member(member, *value);
    };
    text("url", order.url);
    text("container", order.container);
    text("secret", order.secret);
    if (order.rotates) json.member("rotate", true);
    text("mechanism", order.mechanism);
    text("clientCertificate", order.client_certificate);
    text("path", order.path);
    text("subject", order.subject);
    text("topic", order.topic);
    text("start", order.start);
    text("jobs", order.jobs);
    number("maxEvents", order.events_max);
    number("maxBytes", order.bytes_max);
    number("maxWaitSeconds", order.wait_s);
    number("maxAttempts", order.attempts_max);
    number("retentionSeconds", order.retention_s);
    number("retentionBytes", order.retention_bytes);
    if (!order.enrichments.empty()) {
        auto put = append_pairs(json, "enrichments", "--enrichment", order.enrichments);
        if (!put) return fail(std::move(put).error());
    }
    json.end_object();
    return body;
}

std::string route_json(const RouteOrder& order) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("source", order.source).member("condition", order.condition);
    json.key("endpointNames").begin_array();
    for (const std::string& endpoint : order.endpoints) json.value(endpoint);
    json.end_array().member("isEnabled", !order.is_disabled).end_object();
    return body;
}

Result<RoutingFile> read_routing_file(std::string_view text) {
    const auto document = JsonDocument::parse(text);
    if (!document) return fail_usage(document.error().detail);
    const JsonValue root = document->root();
    if (!root.is_object()) return fail_usage("FILE must hold an object with the lists endpoints and routes");
    for (auto member = root.first(); member.exists(); member = member.next()) {
        if (member.key() == "endpoints" || member.key() == "routes") continue;
        return fail_usage("FILE has an unknown member " + std::string(member.key()));
    }
    RoutingFile file;
    auto endpoints = read_items(root, "endpoints");
    if (!endpoints) return fail(std::move(endpoints).error());
    auto routes = read_items(root, "routes");
    if (!routes) return fail(std::move(routes).error());
    file.endpoints = *std::move(endpoints);
    file.routes = *std::move(routes);
    return file;
}

Result<std::string> trial_json(const RouteTrial& trial) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("message").begin_object().member("body", trial.body);
    auto put = append_pairs(json, "appProperties", "--ap", trial.properties);
    if (!put) return fail(std::move(put).error());
    json.key("systemProperties").begin_object();
    if (!trial.device.empty()) json.member("connectionDeviceId", trial.device);
    json.end_object().end_object();
    if (!trial.source.empty()) json.member("routingSource", trial.source);
    if (!trial.condition.empty()) {
        json.key("route").begin_object().member("name", "test").member("condition", trial.condition);
        if (!trial.source.empty()) json.member("source", trial.source);
        json.key("endpointNames").begin_array().value("none").end_array().end_object();
    }
    json.end_object();
    return body;
}

}  // namespace carillon
