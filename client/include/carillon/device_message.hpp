#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Names and values in the order given; all are UTF-8.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// Telemetry. An empty text is not sent.
/// Source: IoT Hub docs, "Create and read IoT Hub messages".
struct TelemetryMessage {
    /// Body and properties as sent, percent-encoded, take at most this.
    static constexpr std::size_t bytes_max = 256 * 1024;

    std::string body{};
    std::string message_id{};
    std::string correlation_id{};
    std::string user_id{};
    std::string content_type{};      ///< `application/json` lets routes look into the body,
    std::string content_encoding{};  ///< with `utf-8`.
    std::string creation_time{};     ///< ISO 8601, UTC.
    std::string output{};            ///< A module's: the output, which routes know as `$outputName`.
    Properties properties{};         ///< The application's own.
};

/// What became of a message.
enum class MessageFate : std::uint8_t {
    stored,    ///< The hub has it.
    not_sent,  ///< The hub does not have it.
    unknown,   ///< It was sent and never acknowledged: the hub may have it.
};

/// A message's fate, and what kept it from being stored.
struct Delivery {
    MessageFate fate = MessageFate::stored;
    Errc reason = Errc::connection_closed;  ///< Unless it is stored.
    std::string detail{};                   ///< For people; may be empty.

    bool is_stored() const { return fate == MessageFate::stored; }
};

/// A cloud-to-device message, or one for an input of a module: from a back end at this hub, from what IoT
/// Edge routes at others.
struct HubToDeviceMessage {
    std::string body{};
    std::string input{};  ///< Empty for a cloud-to-device message.
    /// System properties by their full names, such as `message-id`, `correlation-id`, `to`,
    /// `absolute-expiry-time`, `content-type`.
    Properties system{};
    Properties properties{};  ///< The sender's own; one without a value has an empty one.

    /// A system property's value; empty if absent.
    std::string_view find_system(std::string_view name) const;
};

/// What is to become of a message that was received.
enum class MessageAnswer : std::uint8_t {
    complete,  ///< Done with: the hub forgets it.
    leave,     ///< The hub keeps it, and gives it again on a later connection.
    abandon,   ///< The hub gives it again, soon. Over MQTT as `leave`.
    reject,    ///< The hub forgets it, and tells its sender so who asked for feedback. Over MQTT as `leave`.
};

/// A direct method as the back end called it.
struct MethodRequest {
    std::string name{};
    std::string payload_json{};  ///< `null` where there is none.
};

/// What the device says to it.
struct MethodResponse {
    int status = 200;  ///< The device's own; 200 for success by custom.
    std::string payload_json = "null";
};

/// A change of desired properties, or all of them.
struct DesiredProperties {
    std::int64_t version = 0;
    /// JSON object with `$version`. Of a change: the members that changed, null where one was removed.
    std::string json{};
    /// True: these are all there are. So it is at first, and after a connection in whose absence there were
    /// changes. Source: azure-iot-sdk-c: iothub_client_core_ll.h, DEVICE_TWIN_UPDATE_STATE.
    bool is_complete = false;
};

}  // namespace carillon
