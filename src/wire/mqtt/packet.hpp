#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::mqtt {

/// Control packet types. Source: MQTT 3.1.1 §2.2.1.
enum class PacketType : std::uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    pubrec = 5,
    pubrel = 6,
    pubcomp = 7,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
};

/// Answers to a CONNECT that the hub gives. 2 and 4 are left out on purpose: azure-iot-sdk-c stops
/// retrying after them. Source: MQTT 3.1.1 §3.2.2.3.
enum class ConnectCode : std::uint8_t {
    accepted = 0,
    unacceptable_protocol_version = 1,
    server_unavailable = 3,
    not_authorized = 5,
};

/// Sizes of packets and parts of them.
struct PacketLimits {
    /// Body of a device-to-cloud message with its properties.
    /// Source: IoT Hub docs, "Understand IoT Hub quotas and throttling".
    static constexpr std::size_t payload_bytes_max = 256 * 1024;
    /// What a topic may take: the most MQTT can express.
    static constexpr std::size_t topic_bytes_max = 64 * 1024;
    /// Remaining length accepted after CONNECT: topic with its length, packet id, payload.
    static constexpr std::size_t packet_bytes_max = payload_bytes_max + topic_bytes_max + 4;
    /// The same before the peer has authenticated. Ours: a CONNECT is some 500 bytes.
    static constexpr std::size_t unauthenticated_bytes_max = 64 * 1024;
    /// Topic filters of one SUBSCRIBE or UNSUBSCRIBE. Ours: an identity has use for seven.
    static constexpr std::size_t filters_max = 64;
};

/// A whole packet: the first byte of its fixed header, and what follows the remaining length.
struct Packet {
    std::uint8_t header = 0;
    Bytes body;

    std::uint8_t type_bits() const { return static_cast<std::uint8_t>(header >> 4); }
    std::uint8_t flags() const { return header & 0x0F; }
    bool is(PacketType type) const { return type_bits() == static_cast<std::uint8_t>(type); }
};

// The structs below view the bytes they were decoded from.

struct Will {
    std::string_view topic;
    Bytes payload;
    std::uint8_t qos = 0;
    bool retain = false;
};

struct Connect {
    std::string_view protocol_name;
    std::uint8_t protocol_level = 0;
    bool clean_session = false;
    std::uint16_t keep_alive_s = 0;
    std::string_view client_id;
    std::optional<Will> will;
    std::optional<std::string_view> user_name;
    std::optional<Bytes> password;
};

struct Publish {
    bool dup = false;
    bool retain = false;
    std::uint8_t qos = 0;
    std::string_view topic;
    std::uint16_t packet_id = 0;  ///< 0 at QoS 0, never otherwise.
    Bytes payload;
};

}  // namespace carillon::mqtt
