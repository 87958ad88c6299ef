#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon::mqtt {

/// The user name of a CONNECT, taken apart: `{host}/{device}[/{module}][/[?]key=value&…]`.
struct UserName {
    std::string_view host;    ///< Views the user name; a port may follow.
    std::string_view device;  ///< Views the client id, as does `module`; not yet checked as ids.
    std::string_view module;  ///< Empty for a device.
    std::string api_version;  ///< Decoded; `api_version_default` if absent.
    std::string model_id;     ///< Decoded DTMI; empty if absent.
    std::string client_type;  ///< Decoded `DeviceClientType`.
};

/// True if `client_type` is that of Microsoft's SDKs in C: they hand an empty body of a direct method on as
/// no payload, as the service sends it, and programs on them take `null` for a payload. The SDKs in other
/// languages parse the body as JSON, and fail on an empty one.
/// Source: azure-iot-sdk-c: iothub_client_private.h, CLIENT_DEVICE_TYPE_PREFIX (a product's name may stand
/// before it); azure-sdk-for-c: az_iot_hub_client.c, `azsdk-c/`, and before 1.1 `c/`, as does
/// azure-iot-middleware-freertos.
bool is_c_client(std::string_view client_type);

/// What a client that names no api-version speaks. Ours: the real hub's first general one; the Java
/// SDK of 2016 sent none.
inline constexpr std::string_view api_version_default = "2016-11-14";
/// The newest version known; later ones are refused.
inline constexpr std::string_view api_version_newest = "2021-04-12";

/// Reads all generations of the grammar: with and without `?`, bare, and with `/` between
/// parameters. The ids in it are literal and must be those of the client id, which decides whether
/// it is a device or a module, as ids may hold `?` and `=`. Values are percent-decoded, or left as
/// they are if they do not decode; unknown keys are ignored, of a repeated one the first counts.
/// Fails with `iot_hub_unauthorized` if it does not fit the client id, and with
/// `invalid_protocol_version` for an api-version that is unknown.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol"; iotedge:
/// MqttUsernameParser.cs; azure-iot-sdk-node: mqtt_base.ts; azure-iot-sdk-c:
/// iothubtransport_mqtt_common.c.
Result<UserName> parse_user_name(std::string_view user_name, std::string_view client_id);

/// True for `YYYY-MM-DD[-preview]` up to `api_version_newest`.
bool is_known_api_version(std::string_view text);

}  // namespace carillon::mqtt
