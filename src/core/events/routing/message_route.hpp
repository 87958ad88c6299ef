#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/event_source.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Bounds of routes and their endpoints. Source: IoT Hub docs, "IoT Hub quotas and throttling", message
/// routing; ours: the lengths of names.
struct RoutingLimits {
    static constexpr std::size_t routes_max = 100;
    static constexpr std::size_t endpoints_max = 10;
    static constexpr std::size_t enrichments_max = 10;  ///< Of an endpoint.
    static constexpr std::size_t name_bytes_max = 64;
};

/// Says which messages go to which endpoints, beside the built-in one, which holds them all. Events of the
/// hub itself are made, and in the built-in endpoint too, while an enabled route names them as its source.
struct MessageRoute {
    std::string name;
    EventSource source = EventSource::device_messages;
    std::string condition = "true";  ///< As `query::MessageCondition` reads it.
    /// Names; at least one. `events` is the built-in one.
    std::vector<std::string> endpoints;
    bool is_enabled = true;

    /// Reads the body of a PUT: `{"source":"DeviceMessages","condition":"…","endpointNames":["…"],
    /// "isEnabled":true}`. Fails with `argument_invalid`. Source: Azure Resource Manager,
    /// Microsoft.Devices/IotHubs, RouteProperties.
    static Result<MessageRoute> parse(std::string_view name, JsonValue body);
};

/// True for the name of the built-in endpoint.
bool is_built_in_endpoint(std::string_view name);

void append_message_route_json(JsonWriter& json, const MessageRoute& route);

/// Checks the name of a route or an endpoint; `what` is the word for it in the error. Fails with
/// `argument_invalid`. Source: Azure Resource Manager naming rules of IoT Hub routes.
Result<> check_routing_name(std::string_view name, std::string_view what);

}  // namespace carillon
