#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// A device-to-cloud message, as accepted from a device and kept in the event log.
/// Source: IoT Hub docs, "Create and read IoT Hub messages".
struct Message {
    std::string device_id;
    std::string module_id;
    std::string generation_id;
    std::string auth_method;  ///< `iothub-connection-auth-method`, JSON text.
    WallTime enqueued;
    /// System properties by the name they carry on the event endpoint (`message-id`,
    /// `correlation-id`, `user-id`, `to`, `absolute-expiry-time`, `content-type`, …).
    std::vector<std::pair<std::string, std::string>> system;
    /// Application properties in the order they were sent; a null value is possible on MQTT.
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;
    std::string body;
};

/// Limits of messages. Source: IoT Hub docs, "IoT Hub quotas and throttling".
struct MessageLimits {
    static constexpr std::size_t d2c_bytes_max = 256 * 1024;  ///< Body and properties.
};

/// The stored form of a message, and back. `decode_message` fails with `store_corrupt`.
/// Format: docs/storage.md.
std::string encode_message(const Message& message);
Result<Message> decode_message(Bytes bytes);

/// What is known of a stored message without reading the rest; views the bytes. Fails with `store_corrupt`.
struct MessageHead {
    WallTime enqueued;
    std::string_view device_id;
    std::string_view module_id;
};
Result<MessageHead> peek_message(Bytes bytes);

}  // namespace carillon
