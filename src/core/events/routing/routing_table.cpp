#include "core/events/routing/routing_table.hpp"

#include "base/text.hpp"
#include "core/events/event_json.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {

namespace {

/// Source: IoT Hub docs, "Message enrichments for device-to-cloud IoT Hub messages".
constexpr std::string_view hub_name_word = "$iothubname";

auto has_name(std::string_view name) {
    return [name](const auto& item) { return equals_ignoring_case(item.name, name); };
}

Result<RoutingTable::Target> make_target(RouteEndpoint endpoint, std::string_view hub_name) {
    RoutingTable::Target target;
    for (const auto& [name, text] : endpoint.enrichments) {
        auto value = query::MessageValue::parse(equals_ignoring_case(text, hub_name_word) ? hub_name : text);
        if (!value) return fail(std::move(value).error());
        target.reads_twin = target.reads_twin || value->reads_twin();
        target.enrichments.emplace_back(name, *std::move(value));
    }
    target.endpoint = std::move(endpoint);
    return target;
}

void enrich(Message& message, const RoutingTable::Target& target, const Document* twin) {
    for (const auto& enrichment : target.enrichments) {
        auto text = enrichment.second.text(twin);
        if (!text) continue;
        const std::string& name = enrichment.first;
        std::erase_if(message.properties,
                      [&name](const auto& property) { return equals_ignoring_case(property.first, name); });
        message.properties.emplace_back(name, std::move(text));
    }
}

/// True if the job that the event is of names the endpoint. Source: docs/rollout-reference.md, `notify`.
bool is_named(const Message& message, std::string_view endpoint) {
    // Most jobs name none.
    if (message.body.find("\"notify\"") == std::string::npos) return false;
    const auto body = JsonDocument::parse(message.body);
    if (!body) return false;
    const JsonValue names = body->root().find("notify");
    for (JsonValue v = names.first(); names.is_array() && v.exists(); v = v.next()) {
        if (v.is_string() && equals_ignoring_case(v.string(), endpoint)) return true;
    }
    return false;
}

}  // namespace

Result<std::shared_ptr<const RoutingTable>> RoutingTable::make(std::vector<MessageRoute> routes,
                                                               std::vector<RouteEndpoint> endpoints,
                                                               std::string_view hub_name) {
    if (routes.size() > RoutingLimits::routes_max || endpoints.size() > RoutingLimits::endpoints_max) {
        return fail(Errc::argument_invalid,
                    fmt::format("A hub has at most {} routes and {} endpoints for them.",
                                RoutingLimits::routes_max, RoutingLimits::endpoints_max));
    }
    auto table = std::make_shared<RoutingTable>();
    for (RouteEndpoint& endpoint : endpoints) {
        auto target = make_target(std::move(endpoint), hub_name);
        if (!target) return fail(std::move(target).error());
        table->targets_.push_back(*std::move(target));
    }
    for (MessageRoute& route : routes) {
        auto condition = query::MessageCondition::parse(route.condition);
        if (!condition) return fail(std::move(condition).error());
        if (route.is_enabled) table->sources_.add(route.source);
        for (const std::string& name : route.endpoints) {
            if (is_built_in_endpoint(name)) continue;
            const auto target = std::find_if(table->targets_.begin(), table->targets_.end(),
                                             [&](const Target& one) { return has_name(name)(one.endpoint); });
            if (target == table->targets_.end()) {
                return fail(Errc::argument_invalid, fmt::format("There is no endpoint '{}'.", name));
            }
            if (!route.is_enabled) continue;
            target->rules.push_back(table->rules_.size());
            target->reads_twin = target->reads_twin || condition->reads_twin();
        }
        table->rules_.push_back({std::move(route), *std::move(condition)});
    }
    return table;
}

const RoutingTable::Target* RoutingTable::find_target(std::string_view name) const {
    for (const Target& target : targets_) {
        if (has_name(name)(target.endpoint)) return &target;
    }
    return nullptr;
}

const RoutingTable::Rule* RoutingTable::find_rule(std::string_view name) const {
    for (const Rule& rule : rules_) {
        if (has_name(name)(rule.route)) return &rule;
    }
    return nullptr;
}

std::optional<Message> RoutingTable::route(const Target& target, const Message& message,
                                           const Document* twin) const {
    const std::string_view source = event_source(message);
    const bool is_of_job = source == message_source_text(EventSource::job_lifecycle);
    if (is_of_job && target.endpoint.hears_named_jobs && !is_named(message, target.endpoint.name)) {
        return std::nullopt;
    }
    const auto leads_here = [&](std::size_t rule) {
        if (message_source_text(rules_[rule].route.source) != source) return false;
        query::Meter meter;
        return rules_[rule].condition.keeps(message, twin, meter);
    };
    // Once, however many routes lead there. Source: IoT Hub docs, "Use IoT Hub message routing".
    if (std::none_of(target.rules.begin(), target.rules.end(), leads_here)) return std::nullopt;
    Message routed = message;
    enrich(routed, target, twin);
    return routed;
}

Result<std::vector<RoutedEvent>> select_events(const RoutingTable& table, const RoutingTable::Target& target,
                                               std::uint32_t partition, const EventPiece& piece,
                                               const std::vector<std::optional<Document>>& twins) {
    std::vector<RoutedEvent> events;
    for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto message = decode_message(piece[i].stored);
        if (!message) return fail(message.error());
        const Document* const twin = i < twins.size() && twins[i] ? &*twins[i] : nullptr;
        auto routed = table.route(target, *message, twin);
        if (!routed) continue;
        events.push_back({partition, piece[i].sequence, piece[i].stored.size(), *std::move(routed)});
    }
    return events;
}

}  // namespace carillon
