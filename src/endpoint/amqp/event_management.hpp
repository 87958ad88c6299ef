#pragma once

#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

/// Opens a link to or from `$management`, which the client may.
void open_management_link(HubConnection& connection, const LinkRequest& request);

}  // namespace carillon::amqp
