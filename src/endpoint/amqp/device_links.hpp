#pragma once

#include "endpoint/amqp/link_handler.hpp"

#include <cstdint>
#include <memory>

namespace carillon::amqp {

class HostedDevice;

/// Messages that a client may have under way on one link of a device. Source: azure-iot-sdk-c#2233, log of
/// the service.
inline constexpr std::uint32_t device_link_credit = 1000;

/// Links of devices and modules: asks for one whose address names `request.address.device`.
void open_device_link(HubConnection& connection, const LinkRequest& request);

/// What such a link does once the device is connected; never null.
std::unique_ptr<LinkHandler> make_device_link(HubConnection& connection, HostedDevice& device, LinkKind kind,
                                              LinkId link);

}  // namespace carillon::amqp
