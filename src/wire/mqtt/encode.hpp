#pragma once

#include "base/bytes.hpp"
#include "wire/mqtt/packet.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace carillon::mqtt {

// Encoders append a packet to `out`. None checks its arguments: texts are UTF-8 of at most 65,535
// bytes, packet ids are not 0, and what is appended in all is below 256 MB.

void append_u16(std::string& out, std::size_t value);
/// A length-prefixed string. MQTT 3.1.1 §1.5.3
void append_text(std::string& out, std::string_view text);
/// The fixed header: type and flags, then `length` in 1 to 4 bytes. MQTT 3.1.1 §2.2.3
void append_fixed_header(std::string& out, PacketType type, std::uint8_t flags, std::size_t length);

// --- server to client ------------------------------------------------------------------------------

void append_connack(std::string& out, ConnectCode code, bool session_present);
void append_puback(std::string& out, std::uint16_t packet_id);
/// `codes` holds the granted QoS of each filter, in the order of the SUBSCRIBE.
void append_suback(std::string& out, std::uint16_t packet_id, std::span<const std::uint8_t> codes);
void append_unsuback(std::string& out, std::uint16_t packet_id);
void append_pingresp(std::string& out);

// --- either direction ------------------------------------------------------------------------------

/// Begins a PUBLISH: all up to the topic's text. The caller appends `topic_bytes` of topic, then at
/// QoS 1 the packet id, then `payload_bytes` of payload; so a topic made of parts needs no copy.
void append_publish_header(std::string& out, std::uint8_t qos, bool dup, std::size_t topic_bytes,
                           std::size_t payload_bytes);
/// A whole PUBLISH; `packet_id` counts at QoS 1 only.
void append_publish(std::string& out, const Publish& publish);

// --- client to server: our own client and load tool ------------------------------------------------

void append_connect(std::string& out, const Connect& connect);
/// A topic filter and the QoS asked for.
struct FilterRequest {
    std::string_view filter;
    std::uint8_t qos = 0;
};
/// `filters` are at least one. [MQTT-3.8.3-3]
void append_subscribe(std::string& out, std::uint16_t packet_id, std::span<const FilterRequest> filters);
void append_subscribe(std::string& out, std::uint16_t packet_id, std::string_view filter, std::uint8_t qos);
void append_unsubscribe(std::string& out, std::uint16_t packet_id, std::string_view filter);
void append_pingreq(std::string& out);
void append_disconnect(std::string& out);

}  // namespace carillon::mqtt
