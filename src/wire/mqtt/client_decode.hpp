#pragma once

#include "base/result.hpp"
#include "wire/mqtt/packet.hpp"

#include <cstdint>
#include <vector>

namespace carillon::mqtt {

// Decoders of what a server sends, for our own client and load tool; a PUBLISH, PUBACK or PINGRESP
// is read by those of decode.hpp. All fail with `malformed_packet`.

struct Connack {
    bool session_present = false;
    std::uint8_t code = 0;  ///< 0 is success; kept as a number, as other servers give any.
};
/// Source: MQTT 3.1.1 §3.2.
Result<Connack> decode_connack(const Packet& packet);

struct Suback {
    std::uint16_t packet_id = 0;
    std::vector<std::uint8_t> codes;  ///< Granted QoS, or 0x80.
};
/// Source: MQTT 3.1.1 §3.9.
Result<Suback> decode_suback(const Packet& packet);

/// The packet id. Source: MQTT 3.1.1 §3.11.
Result<std::uint16_t> decode_unsuback(const Packet& packet);

}  // namespace carillon::mqtt
