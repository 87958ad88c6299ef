#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
class EventLog;
class Hub;
}  // namespace carillon

namespace carillon::amqp {

class HubConnection;

/// What the hub's events are called at its Event Hubs-compatible endpoint, besides `messages/events`: the
/// first label of its host name.
std::string event_entity_name(Hub& hub);
/// The host at which the endpoint is: the hub's own.
std::string event_host(Hub& hub);

/// The log that clients know as `entity`: the hub's own, which has no name too, or that of an endpoint. Null
/// if there is none.
std::shared_ptr<EventLog> find_event_log(Hub& hub, std::string_view entity);

/// Whether a token that the client has shown allows to ask `$management` about `entity`, or about any.
bool may_manage_events(HubConnection& connection, std::string_view entity);
bool may_manage_any_events(HubConnection& connection);

/// The segments of an entity's name.
std::vector<std::string> event_path(std::string_view entity);
/// Whether a token that the client has shown allows to read below `path`.
bool may_read_events(const HubConnection& connection, const std::vector<std::string>& path);

}  // namespace carillon::amqp
