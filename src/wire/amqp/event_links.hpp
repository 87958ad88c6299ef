#pragma once

#include "base/result.hpp"
#include "wire/amqp/performatives.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

// Addresses and selectors of the Event Hubs-compatible endpoint, which shares its port with the hub.

/// The entity under which a hub's own clients know its events. Source: IoT Hub docs, "Read device-to-cloud
/// messages from the built-in endpoint".
inline constexpr std::string_view hub_events_entity = "messages/events";

/// What a link of that endpoint is for.
enum class EventLinkKind : std::uint8_t {
    unknown,
    management,     ///< `$management`, or that of an entity.
    hub_redirect,   ///< `messages/events/$management` of the hub: where the endpoint is.
    partition,      ///< `{entity}/ConsumerGroups/{group}/Partitions/{number}`
    send_to_entity  ///< `{entity}` or `{entity}/Partitions/{number}`: what the hub does not take.
};

/// Such an address, understood. Its parts are as the client wrote them.
struct EventAddress {
    EventLinkKind kind = EventLinkKind::unknown;
    std::string entity;  ///< Empty where the address names none.
    std::string group;
    std::string partition;
};

/// Reads the address of a link by the rules of `parse_link_address`; `entity` is what the endpoint calls its
/// events besides `hub_events_entity`. Source: azure-sdk-for-js: event-hubs, connectionContext.ts;
/// azure-sdk-for-net: Azure.Messaging.EventHubs, AmqpConnectionScope.cs; azure-iot-cli-extension: monitor.
EventAddress parse_event_address(const Attach& attach, std::string_view entity);

/// Where a client wants to begin: `amqp.annotation.x-opt-offset > '17'` and the like.
struct EventSelector {
    enum class Kind : std::uint8_t { earliest, latest, sequence, time } kind = Kind::earliest;
    std::uint64_t sequence = 0;  ///< Of the first event wanted. An event's offset is its sequence number.
    std::int64_t unix_ms = 0;    ///< When the first event wanted was enqueued, at the earliest.
};
/// Fails with `argument_invalid`. Source: azure-sdk-for-js: event-hubs, eventPosition.ts; azure-sdk-for-net:
/// Azure.Messaging.EventHubs, AmqpFilter.cs; azure-iot-cli-extension: monitor/event.py.
Result<EventSelector> parse_event_selector(std::string_view text);

/// The selector of a link's source; nothing if there is none. Fails with `argument_invalid` if what stands
/// there is no text.
Result<std::optional<std::string>> find_event_selector(const Attach& attach);

/// Whether a client desires a capability of a link, such as `com.microsoft:enable-receiver-runtime-metric`.
bool is_desired(const Attach& attach, std::string_view capability);

/// A number among the properties of a link, such as `com.microsoft:epoch`.
std::optional<std::int64_t> link_number(const Attach& attach, std::string_view key);

}  // namespace carillon::amqp
