#include "core/events/routing/message_route.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "query/message_condition.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <cctype>

namespace carillon {

bool is_built_in_endpoint(std::string_view name) {
    return equals_ignoring_case(name, "events");
}

Result<> check_routing_name(std::string_view name, std::string_view what) {
    const auto is_allowed = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    };
    const bool is_good = !name.empty() && name.size() <= RoutingLimits::name_bytes_max &&
                         std::all_of(name.begin(), name.end(), is_allowed) && name.front() != '.';
    if (is_good && !is_built_in_endpoint(name)) return {};
    if (is_good) return fail(Errc::argument_invalid, "'events' is the built-in endpoint");
    return fail(Errc::argument_invalid,
                fmt::format("The name of {} has 1 to {} letters, digits, '.', '-' or '_'.", what,
                            RoutingLimits::name_bytes_max));
}

Result<MessageRoute> MessageRoute::parse(std::string_view name, JsonValue body) {
    MessageRoute route;
    route.name = name;
    if (auto good = check_routing_name(name, "a route"); !good) return fail(std::move(good).error());
    MemberReader members(body);
    if (const auto named = members.text("source")) {
        const auto source = find_event_source(*named);
        if (source) route.source = *source;
        if (!source) {
            members.refuse(
                fmt::format("source '{}' is not one of DeviceMessages, TwinChangeEvents, "
                            "DeviceLifecycleEvents, DeviceConnectionStateEvents and "
                            "DeviceJobLifecycleEvents",
                            *named));
        }
    }
    if (const auto condition = members.text("condition")) route.condition = *condition;
    if (const auto enabled = members.boolean("isEnabled")) route.is_enabled = *enabled;
    const JsonValue names = members.find("endpointNames");
    for (auto value = names.first(); names.is_array() && value.exists(); value = value.next()) {
        route.endpoints.emplace_back(value.string());
    }
    if (!names.is_array() || route.endpoints.empty() ||
        route.endpoints.size() > RoutingLimits::endpoints_max) {
        members.refuse(fmt::format("endpointNames takes a list of 1 to {} names of endpoints",
                                   RoutingLimits::endpoints_max));
    }
    if (!members.ok()) return fail(members.error().error());
    if (auto parsed = query::MessageCondition::parse(route.condition); !parsed) {
        return fail(Errc::argument_invalid, "The condition is not valid: " + parsed.error().detail);
    }
    return route;
}

void append_message_route_json(JsonWriter& json, const MessageRoute& route) {
    json.begin_object().member("name", route.name).member("source", event_source_text(route.source));
    json.member("condition", route.condition).key("endpointNames").begin_array();
    for (const std::string& name : route.endpoints) json.value(name);
    json.end_array().member("isEnabled", route.is_enabled).end_object();
}

}  // namespace carillon
