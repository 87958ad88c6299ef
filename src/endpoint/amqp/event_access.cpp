#include "endpoint/amqp/event_access.hpp"

#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/hub_connection.hpp"

namespace carillon::amqp {

std::string event_host(Hub& hub) {
    const std::string& host = hub.host_names().front();
    return host.substr(0, host.find(':'));
}

std::string event_entity_name(Hub& hub) {
    const std::string host = to_lower(event_host(hub));
    return host.substr(0, host.find('.'));
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

}  // namespace carillon::amqp
