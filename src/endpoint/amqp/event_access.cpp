#include "endpoint/amqp/event_access.hpp"

#include "base/text.hpp"
#include "core/events/events.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "wire/amqp/event_links.hpp"

#include <algorithm>

namespace carillon::amqp {

std::string event_host(Hub& hub) {
    const std::string& host = hub.host_names().front();
    return host.substr(0, host.find(':'));
}

std::string event_entity_name(Hub& hub) {
    const std::string host = to_lower(event_host(hub));
    return host.substr(0, host.find('.'));
}

std::shared_ptr<EventLog> find_event_log(Hub& hub, std::string_view entity) {
    const bool is_own = entity.empty() || equals_ignoring_case(entity, event_entity_name(hub)) ||
                        equals_ignoring_case(entity, hub_events_entity);
    // The hub's own outlives every connection.
    if (is_own) return {std::shared_ptr<EventLog>(), &hub.events().own()};
    return hub.events().find_log(entity);
}

std::vector<std::string> event_path(std::string_view entity) {
    std::vector<std::string> path;
    for (const std::string_view part : split(entity, '/')) path.emplace_back(part);
    return path;
}

bool may_read_events(const HubConnection& connection, const std::vector<std::string>& path) {
    const std::vector<std::string_view> views(path.begin(), path.end());
    return connection.authenticator().may(AccessRights::service_connect, views);
}

bool may_manage_events(HubConnection& connection, std::string_view entity) {
    auto path = event_path(entity);
    path.emplace_back("$management");
    return may_read_events(connection, path);
}

bool may_manage_any_events(HubConnection& connection) {
    if (may_manage_events(connection, event_entity_name(connection.hub())) ||
        may_manage_events(connection, hub_events_entity))
        return true;
    const auto table = connection.hub().events().routing().table();
    const auto& targets = table->targets();
    return std::any_of(targets.begin(), targets.end(), [&](const RoutingTable::Target& target) {
        return target.endpoint.kind == RouteEndpoint::Kind::events &&
               may_manage_events(connection, target.endpoint.name);
    });
}

}  // namespace carillon::amqp
