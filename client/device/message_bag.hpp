#pragma once

#include "base/result.hpp"
#include "carillon/device_message.hpp"
#include "device/device_session.hpp"

#include <string>

namespace carillon::client {

/// The encoded property bag of a message, system properties first. Fails with `message_too_large` if the
/// message is beyond its limits, or with `argument_invalid` for a property that would be taken for one of
/// the system's, or has no name.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", sending device-to-cloud
/// messages; azure-iot-sdk-c: iothubtransport_mqtt_common.c, addSystemPropertiesTouMqttMessage.
Result<std::string> bag_of(const TelemetryMessage& message);

/// A message that came from the hub. Fails with `malformed_packet` for a bag beyond its limits.
Result<HubToDeviceMessage> message_of(const HubMessage& message);

}  // namespace carillon::client
