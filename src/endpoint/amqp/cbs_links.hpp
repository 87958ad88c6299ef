#pragma once

#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

/// The two links of claims-based security, to and from `$cbs`: a client puts tokens for those it speaks for,
/// on either kind of connection. Source: AMQP CBS 1.0; azure-iot-sdk-c: cbs.c.
void open_cbs_link(HubConnection& connection, const LinkRequest& request);

}  // namespace carillon::amqp
