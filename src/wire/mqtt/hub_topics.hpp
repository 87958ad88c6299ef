#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::mqtt {

/// Who a connection is: client id `device` or `device/module`. Ids hold no slash, so the text splits
/// in one way only. Views the client id.
struct ClientIdentity {
    std::string_view device;
    std::string_view module;  ///< Empty for a device.

    static ClientIdentity of_client_id(std::string_view client_id) {
        const std::size_t slash = client_id.find('/');
        if (slash == std::string_view::npos) return {client_id, {}};
        return {client_id.substr(0, slash), client_id.substr(slash + 1)};
    }
};

// --- subscriptions ---------------------------------------------------------------------------------

/// What a topic filter subscribes to.
enum class FilterKind : std::uint8_t {
    c2d,             ///< Cloud-to-device messages.
    module_inputs,   ///< Messages for a module's inputs, and perhaps its cloud-to-device messages.
    methods,         ///< All direct methods.
    method_named,    ///< One direct method, see `named_method`.
    twin_responses,  ///< Answers to twin requests.
    desired,         ///< Changes of desired properties.
};

/// What `filter` means on a connection of `identity`; nothing if it means something else's topics,
/// or none of the hub's, which ends the connection. The identity's own ids are compared as they
/// stand, so that an id with `+` or `#` in it is not taken for a wildcard; a `+` alone in the place of
/// one means the own one. Wildcards are accepted below the prefixes of the table in hub_topics.cpp, as
/// they select the identity's own topics only.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol"; azure-sdk-for-c:
/// az_iot_hub_client.h, AZ_IOT_HUB_CLIENT_C2D_SUBSCRIBE_TOPIC.
std::optional<FilterKind> parse_filter(std::string_view filter, ClientIdentity identity);

/// The method's name in a `method_named` filter.
std::string_view named_method(std::string_view filter);

// --- what devices publish --------------------------------------------------------------------------

enum class TopicKind : std::uint8_t { telemetry, method_response, twin_get, twin_patch };

/// A topic name a device published to, taken apart; views it.
struct PublishTopic {
    TopicKind kind = TopicKind::telemetry;
    std::string_view bag;  ///< Telemetry: the property bag as sent.
    std::string_view rid;  ///< All others: the request id as sent; empty if absent.
    /// Method response: the status, if it is a 32-bit decimal number. Others are to be ignored.
    std::optional<int> status;
    bool has_version = false;             ///< Twin patch: `$version` is present,
    std::optional<std::int64_t> version;  ///< and this is its value, unless that is not a number.
};

/// Longest request id taken; longer ones are like none. Ours: clients send at most a UUID.
inline constexpr std::size_t rid_bytes_max = 256;

/// Nothing if a connection of `identity` may not publish to `topic`, which ends the connection.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol".
std::optional<PublishTopic> parse_publish_topic(std::string_view topic, ClientIdentity identity);

// --- what the hub publishes ------------------------------------------------------------------------

/// Appends the PUBLISH of a direct method request at QoS 0: `$iothub/methods/POST/{name}/?$rid={id}`.
/// The id is decimal, as the C SDK of 2016 reads it so.
void append_method_request(std::string& out, std::uint16_t request_id, std::string_view name,
                           std::string_view payload);

/// Appends the PUBLISH of a twin response at QoS 0: `$iothub/twin/res/{status}/?$rid={rid}`, then
/// `&$version={version}` if there is one. `status` has three digits.
void append_twin_response(std::string& out, int status, std::string_view rid,
                          std::optional<std::int64_t> version, std::string_view body);

/// Appends the PUBLISH of a change of desired properties at QoS 0.
void append_desired_notification(std::string& out, std::int64_t version, std::string_view body);

/// The topic of a cloud-to-device message with its bag. System properties come by their short names
/// (`mid`, `to`, `ct` …), are put into the order clients need and lose duplicates and empty ones;
/// `to` must be among them. `ack` is `none`, `positive`, `negative` or `full`, or empty for none. With
/// `input` it is that of a message for a module's input, whose name goes into the topic as it is. Source: IoT
/// Hub docs, "Send cloud-to-device messages from an IoT hub" and captures of the service; azure-iot-sdk-java:
/// MqttMessaging.java reads nothing before the first `%24`; of inputs: azure-iot-sdk-node:
/// device/transport/mqtt, azure-iot-sdk-c: iothubtransport_mqtt_common.c.
std::string c2d_topic(ClientIdentity identity, const std::vector<std::pair<std::string, std::string>>& system,
                      std::string_view ack,
                      const std::vector<std::pair<std::string, std::optional<std::string>>>& properties,
                      std::string_view input = {});

}  // namespace carillon::mqtt
