// Tries routes out on a message that nobody sent. Page: docs/routes.md.

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/events/event_json.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/found_row.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/routing/handlers.hpp"
#include "model/section/section.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

/// What a test asks for. Source: Azure Resource Manager, Microsoft.Devices/IotHubs, TestAllRoutesInput and
/// TestRouteInput, whose names of system properties are those of conditions.
struct RouteTest {
    Message message;
    std::optional<MessageRoute> route;  ///< To try in place of those of the hub.
    std::optional<Document> twin;
};

/// The stored name of a system property that conditions call `name`.
std::string system_name(std::string_view name) {
    constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"contentType", "content-type"}, {"contentEncoding", "content-encoding"},
        {"messageId", "message-id"},     {"correlationId", "correlation-id"},
        {"userId", "user-id"},
    };
    for (const auto& [written, stored] : names) {
        if (equals_ignoring_case(written, name)) return std::string(stored);
    }
    return std::string(name);
}

void read_message(MemberReader& members, RouteTest& test) {
    const JsonValue given = members.object("message");
    if (given.is_null_or_absent()) return members.refuse("message is missing");
    MemberReader message(given, members, "message.");
    const JsonValue body = message.find("body");
    test.message.body = body.is_string() ? body.string() : body.raw();
    const JsonValue own = message.object("appProperties");
    for (auto value = own.first(); value.exists(); value = value.next()) {
        test.message.properties.emplace_back(value.key(), value.is_string() ? value.string() : value.raw());
    }
    const JsonValue system = message.object("systemProperties");
    for (auto value = system.first(); value.exists(); value = value.next()) {
        const std::string_view text = value.is_string() ? value.string() : value.raw();
        if (equals_ignoring_case(value.key(), "connectionDeviceId")) test.message.device_id = text;
        if (equals_ignoring_case(value.key(), "connectionModuleId")) test.message.module_id = text;
        test.message.system.emplace_back(system_name(value.key()), text);
    }
}

/// A twin of the tags and properties that the test gives.
Result<Document> make_twin(JsonValue given, WallTime now) {
    const auto key = IdentityKey::parse("test");
    if (!key) return fail(key.error());
    Document document;
    document.identity = PackedIdentity(Identity(*key));
    document.twin = Twin::fresh(now);
    const auto patch = TwinPatch::parse(given, *key);
    if (!patch) return fail(patch.error());
    auto changed = patch_twin(document.twin, *patch, now);
    if (!changed) return fail(std::move(changed).error());
    document.twin = std::move(changed->twin);
    const JsonValue reported = given.find("properties").find("reported");
    if (reported.is_null_or_absent()) return document;
    const auto report = SectionPatch::parse(reported);
    if (!report) return fail(report.error());
    auto reported_twin = patch_reported(document.twin, *report, now);
    if (!reported_twin) return fail(std::move(reported_twin).error());
    document.twin = std::move(reported_twin->twin);
    return document;
}

Result<RouteTest> read_test(JsonValue body, WallTime now) {
    RouteTest test;
    MemberReader members(body);
    test.message.enqueued = now;
    read_message(members, test);
    const auto source = members.text("routingSource");
    if (source) {
        const auto found = find_event_source(*source);
        if (!found) members.refuse("routingSource takes the sources of routes");
        if (found) test.message.system.emplace_back("iothub-message-source", message_source_text(*found));
    }
    const JsonValue route = members.object("route");
    const JsonValue twin = members.object("twin");
    if (!members.ok()) return fail(members.error().error());
    if (!route.is_null_or_absent()) {
        const JsonValue name = route.find("name");
        auto parsed = MessageRoute::parse(name.is_string() ? name.string() : "test", route);
        if (!parsed) return fail(std::move(parsed).error());
        test.route = *std::move(parsed);
        if (!source) {
            test.message.system.emplace_back("iothub-message-source",
                                             message_source_text(test.route->source));
        }
    }
    if (!twin.is_null_or_absent()) {
        auto made = make_twin(twin, now);
        if (!made) return fail(std::move(made).error());
        test.twin = *std::move(made);
    }
    return test;
}

}  // namespace

Task<Result<HttpResponse>> test_message_routes(Request& request) {
    const auto document = JsonDocument::parse(request.http->body);
    if (!document) co_return fail(document.error());
    if (!document->root().is_object())
        co_return fail(Errc::argument_invalid, "The body must be a JSON object.");
    auto test = read_test(document->root(), request.now);
    if (!test) co_return fail(std::move(test).error());
    // Without a twin in the test it is that of the device it names, if there is one.
    if (!test->twin && !test->message.device_id.empty()) {
        if (auto key = IdentityKey::parse(test->message.device_id, test->message.module_id)) {
            auto finding = request.hub.registry().find(*std::move(key));
            if (auto found = co_await std::move(finding)) test->twin = std::move(found->document);
        }
    }
    std::vector<MessageRoute> tried;
    if (test->route) {
        tried.push_back(*test->route);
    } else {
        const auto table = request.hub.events().routing().table();
        for (const auto& rule : table->rules()) {
            if (rule.route.is_enabled) tried.push_back(rule.route);
        }
    }
    std::string body;
    JsonWriter out(body);
    out.begin_object().key("routes").begin_array();
    const std::string source(event_source(test->message));
    for (const MessageRoute& route : tried) {
        if (message_source_text(route.source) != source) continue;
        const auto condition = query::MessageCondition::parse(route.condition);
        query::Meter meter;
        const bool holds =
            condition && condition->keeps(test->message, test->twin ? &*test->twin : nullptr, meter);
        if (holds) append_message_route_json(out, route);
    }
    out.end_array().end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
