#pragma once

#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

/// Decides about a link for registrations: the client has proved to be the device of the link's address, or
/// shows its certificate.
void open_registration_link(HubConnection& connection, const LinkRequest& request);

/// True if a link's address is one of registrations, in an id scope of the hub's.
bool is_of_registration(HubConnection& connection, const Attach& attach);

}  // namespace carillon::amqp
