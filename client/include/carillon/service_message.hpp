#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// A cloud-to-device message to send. What is empty is not said. Times are ISO 8601.
struct ServiceMessage {
    std::string body{};
    std::string message_id{};  ///< Up to 128 characters; feedback names the message by it.
    std::string correlation_id{};
    std::string user_id{};
    std::string content_type{};
    std::string content_encoding{};
    std::string ack{};     ///< Which outcomes feedback is wanted on: none, positive, negative or full.
    std::string expiry{};  ///< In one hour if empty; at most two days ahead.
    /// Of a module, the input that it is for: up to 128 letters, digits, dots, dashes and underscores. At
    /// this hub only.
    std::string input{};
    std::vector<std::pair<std::string, std::string>> properties{};  ///< Application properties.
};

/// A message as a device receives it, locked by `lock`.
struct ReceivedServiceMessage {
    std::string lock{};
    std::string body{};
    /// Application properties, their names in the case in which HTTP carries them.
    std::vector<std::pair<std::string, std::string>> properties{};
    /// System properties by the names of their header fields (`iothub-messageid`, `iothub-enqueuedtime` …).
    std::vector<std::pair<std::string, std::string>> system{};
};

/// Feedback on messages, locked by `lock`.
struct ServiceFeedback {
    std::string lock{};
    std::string records_json{};  ///< An array: `originalMessageId`, `deviceId`, `statusCode` …
};

/// The notification of a file that a device has uploaded, locked by `lock`.
struct ServiceFileNotification {
    std::string lock{};
    std::string device_id{};
    std::string blob_uri{};
    std::string blob_name{};     ///< With the device's id in front.
    std::string last_updated{};  ///< ISO 8601, as is the next.
    std::string enqueued{};
    std::int64_t bytes = 0;
    std::string json{};  ///< All of it, as the hub says it.
};

/// What is done with what was received.
enum class MessageSettlement : std::uint8_t { complete, abandon, reject };

}  // namespace carillon
