#pragma once

#include "wire/mqtt/hub_topics.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

// The hub's topics from a device's end of the line; `wire/mqtt/hub_topics` has them from the hub's.

/// What a device can ask to be told of; each is one topic filter.
enum class DeviceFeature : std::uint8_t {
    methods,         ///< Direct methods.
    twin_responses,  ///< Answers to the device's own twin requests.
    desired,         ///< Changes of desired properties.
    c2d,             ///< Cloud-to-device messages.
    inputs,          ///< Messages for a module's inputs, and `c2d` besides; modules only.
};
inline constexpr std::size_t device_features = 5;

/// The topic filter of a feature. Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT
/// protocol".
std::string feature_filter(DeviceFeature feature, mqtt::ClientIdentity identity);
/// The QoS that SDKs ask for: 1 where a message may be redelivered, otherwise 0.
constexpr std::uint8_t feature_qos(DeviceFeature feature) {
    return feature == DeviceFeature::c2d || feature == DeviceFeature::inputs ? 1 : 0;
}

/// A topic the hub published to, taken apart; views it.
struct HubTopic {
    enum class Kind : std::uint8_t { method, twin_response, desired, c2d, input };
    Kind kind = Kind::method;
    std::string_view name;                ///< The method's or the input's.
    std::string_view rid;                 ///< Method, twin response: the request id as sent.
    int status = 0;                       ///< Twin response: three digits.
    std::optional<std::int64_t> version;  ///< Desired, and the answer to a patch.
    std::string_view bag;                 ///< Message: its properties, for `parse_property_bag`.
};
/// Nothing if the topic is none of this identity's.
std::optional<HubTopic> parse_hub_topic(std::string_view topic, mqtt::ClientIdentity identity);

/// `devices/{d}[/modules/{m}]/messages/events/`, which the property bag follows.
std::string telemetry_topic(mqtt::ClientIdentity identity);
/// `{host}/{client id}/?api-version=…[&model-id=…]&DeviceClientType=…`.
/// Source: azure-iot-sdk-node: device/transport/mqtt/src/mqtt.ts.
std::string device_user_name(std::string_view host_name, std::string_view client_id,
                             std::string_view model_id, std::string_view client_type);

}  // namespace carillon
