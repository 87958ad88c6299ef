#pragma once

#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

/// Links of the Event Hubs-compatible endpoint: partitions, `$management`, and the question where it is.
/// Whatever else is asked for is refused as unknown.
void open_event_link(HubConnection& connection, const LinkRequest& request);

}  // namespace carillon::amqp
