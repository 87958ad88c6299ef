#include "core/configurations/configurations.hpp"

#include "base/member_reader.hpp"
#include "core/configurations/configuration_rules.hpp"
#include "core/port/shard_port.hpp"
#include "core/queries/queries.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/list_source.hpp"
#include "endpoint/rest/request.hpp"
#include "model/configuration.hpp"

namespace carillon::rest {

namespace {

// Source: IoT Hub docs, "Automatic device management"; azure-iot-hub-python: service.json;
// azure-iothub: registry.ts.

std::string configuration_json(const ConfigurationView& view) {
    std::string body;
    append_configuration_json(body, view.configuration, view.counts);
    return body;
}

HttpResponse show(const ConfigurationView& view) {
    return ok(configuration_json(view), identity_etag_text(view.configuration.etag));
}

/// An etag without quotes counts as none. Source: as for twins, azure-iot-sdk-node#606.
EtagMatch configuration_match(const Request& request) {
    return EtagMatch::parse(request.header("if-match"), EtagMatch::Unquoted::ignore);
}

/// One of a list.
Task<Result<std::string>> find_configuration_json(Hub& hub, std::string id) {
    const auto view = co_await hub.configurations().find(std::move(id));
    if (!view) co_return fail(view.error());
    co_return configuration_json(*view);
}

}  // namespace

/// All of them, whatever `top` says, as on the service.
Task<Result<HttpResponse>> list_configurations(Request& request) {
    std::vector<std::string> ids;
    const auto views = co_await request.hub.configurations().list();
    for (const ConfigurationView& view : views) ids.push_back(view.configuration.id);
    Hub& hub = request.hub;
    co_return ok_list(std::move(ids),
                      [&hub](std::string id) { return find_configuration_json(hub, std::move(id)); });
}

Task<Result<HttpResponse>> get_configuration(Request& request) {
    std::string id(request.ids[0]);
    const auto view = co_await request.hub.configurations().find(std::move(id));
    if (!view) co_return fail(view.error());
    co_return show(*view);
}

Task<Result<HttpResponse>> put_configuration(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto configuration = Configuration::parse(request.ids[0], body->root());
    if (!configuration) co_return fail(std::move(configuration).error());
    auto putting = request.hub.configurations().put(*std::move(configuration), configuration_match(request));
    const auto view = co_await std::move(putting);
    if (!view) co_return fail(view.error());
    co_return show(*view);
}

Task<Result<HttpResponse>> delete_configuration(Request& request) {
    std::string id(request.ids[0]);
    auto removing = request.hub.configurations().remove(std::move(id), configuration_match(request));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

/// Says of a condition and of queries whether a configuration could have them; what is wrong is data of
/// the answer. Source: azure-iot-sdk-csharp: ConfigurationQueriesTestResponse.cs.
Task<Result<HttpResponse>> test_configuration_queries(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::iot_hub_format_error, "The body must be an object.");
    MemberReader in(body->root());
    const std::string_view condition = in.text("targetCondition").value_or("");
    const JsonValue queries = in.object("customMetricQueries");
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    const query::QueryOptions& options = request.hub.query_options();
    std::string answer;
    JsonWriter json(answer);
    json.begin_object().key("targetConditionError");
    const auto parsed = query::parse_target_condition(condition, options);
    if (parsed || condition.empty()) {
        json.null();
    } else {
        json.value(parsed.error().detail);
    }
    json.key("customMetricQueryErrors").begin_object();
    for (JsonValue v = queries.first(); v.exists(); v = v.next()) {
        const auto metric = parse_metric_query(v.string(), ConfigurationContent::Of::devices, options);
        if (!metric) json.member(v.key(), metric.error().detail);
    }
    json.end_object().end_object();
    co_return ok(std::move(answer));
}

/// Gives one edge device a content, now and once. Source: IoT Hub docs, "Deploy modules to a single
/// device"; azure-iot-cli-extension, `iot edge set-modules`.
Task<Result<HttpResponse>> apply_configuration_content(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto orders = read_single_deployment(*key, body->root());
    if (!orders) co_return fail(std::move(orders).error());
    ShardPort& port = request.hub.port();
    auto applying = port.ask(port.owner(key->device), ApplyContent{*key, *std::move(orders)});
    const auto applied = co_await std::move(applying);
    if (!applied) co_return fail(applied.error());
    co_return no_content();
}

}  // namespace carillon::rest
