#pragma once

#include "endpoint/device/device_message.hpp"
#include "wire/amqp/connection.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace carillon::amqp {

/// A device-to-cloud message with its bytes, to be handed to another thread. `message.body` is set there.
struct TelemetryMessage {
    device::DeviceMessage message;
    std::string body;
};

/// Properties of one message, as for MQTT.
inline constexpr std::size_t properties_max = 1024;
/// Messages of one batch. Ours: 1 MB of the smallest messages that azure-iot-sdk-c packs.
inline constexpr std::size_t batch_messages_max = 4096;

/// Reads the messages of a delivery: one, or those of a batch. Values of application properties that are not
/// text are written as text. Message annotations that only the hub may say are dropped.
/// Fails with `iot_hub_format_error` if it is malformed or an empty batch, `message_too_large` if any is over
/// 256 KB, `argument_invalid` beyond `properties_max` and `batch_messages_max`.
/// Source: IoT Hub docs, "Create and read IoT Hub messages"; azure-iot-sdk-c:
/// uamqp_messaging.c; iotedge: AmqpMessageConverter.cs.
Result<std::vector<TelemetryMessage>> read_telemetry(const Delivery& delivery);

}  // namespace carillon::amqp
