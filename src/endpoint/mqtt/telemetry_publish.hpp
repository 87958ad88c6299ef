#pragma once

#include "endpoint/device/device_message.hpp"
#include "wire/mqtt/session.hpp"

namespace carillon::mqtt {

/// The message of a PUBLISH, whose payload it views. Fails with `malformed_packet` if it has too many
/// properties. Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", sending
/// device-to-cloud messages: `mqtt-dup`, `mqtt-retain`.
Result<device::DeviceMessage> read_telemetry(const TelemetryPublish& publish);

/// The message of a will: the same with the property `iothub-MessageType` = `Will`.
Result<device::DeviceMessage> read_will(const StoredWill& will);

}  // namespace carillon::mqtt
