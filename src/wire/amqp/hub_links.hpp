#pragma once

#include "wire/amqp/performatives.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

/// What a link of the hub is for. Source: IoT Hub docs, "Communicate with your IoT hub by using the AMQP
/// Protocol".
enum class LinkKind : std::uint8_t {
    unknown,
    cbs_requests,      ///< To `$cbs`.
    cbs_responses,     ///< From `$cbs`.
    telemetry,         ///< To `…/messages/events`.
    devicebound,       ///< From `…/messages/devicebound`.
    module_inputs,     ///< From `…/modules/{id}/messages/events`.
    method_responses,  ///< To `…/methods/devicebound`.
    method_requests,   ///< From it.
    twin_requests,     ///< To `…/twin`.
    twin_responses,    ///< From it.
    service_send,      ///< To `/messages/devicebound`.
    feedback,          ///< From `/messages/serviceBound/feedback`.
    file_notifications,
    events,  ///< `/messages/events` and all below it: read elsewhere.
};

/// A link's address, understood. Of a device's link the ids are decoded, but not yet known to be valid.
struct LinkAddress {
    LinkKind kind = LinkKind::unknown;
    std::string device;  ///< Empty for links of the service and of CBS.
    std::string module;  ///< Empty for the device itself.
};

/// Reads the address of a link as its client asks for it: of a sender the target, of a receiver the source.
/// An address is a path, or a URI of which scheme and host are ignored; its literals are compared without
/// regard to case, and ids are percent-decoded and keep theirs. What is not an address of the hub, or not in
/// this direction, is `unknown`. Source: iotedge: UriPathTemplate.cs; azure-iot-sdk-c:
/// iothubtransport_amqp_common.c.
LinkAddress parse_link_address(const Attach& attach);

/// Who logs in by SASL PLAIN: `{policy}@sas.root.{hub}`, `{device}@sas.{hub}`,
/// `{device}/modules/{module}@sas.{hub}`.
struct PlainUser {
    std::string policy;  ///< Empty for a device or module.
    std::string device;
    std::string module;
};
/// Nothing if malformed. The hub's name is not looked at: clients cut their host at the first dot, whatever
/// it is. Source: IoT Hub docs, "Control access to IoT Hub"; iotedge: SaslIdentityHelper.cs.
std::optional<PlainUser> parse_plain_user(std::string_view user);

/// The text of a property of a link, such as `com.microsoft:channel-correlation-id`; empty if it is absent or
/// no text.
std::string_view link_property(const Attach& attach, std::string_view key);

}  // namespace carillon::amqp
