#pragma once

#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

/// Links of back ends, which need a policy's token with the right `ServiceConnect`: cloud-to-device messages
/// to
/// `/messages/devicebound`, feedback from `/messages/serviceBound/feedback`, and notifications of uploaded
/// files from `/messages/serviceBound/filenotifications`. Source: IoT Hub docs, "Communicate with your IoT
/// hub by using the AMQP Protocol".
void open_service_link(HubConnection& connection, const LinkRequest& request);

}  // namespace carillon::amqp
