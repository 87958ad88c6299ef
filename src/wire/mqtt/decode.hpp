#pragma once

#include "base/result.hpp"
#include "wire/mqtt/packet.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace carillon::mqtt {

// Decoders of what a client sends, strict about flags, lengths, UTF-8 and left-over bytes. All fail
// with `malformed_packet`. What they return views the packet's body.

/// Reads a CONNECT. One that names a protocol or level other than MQTT 3.1.1's is read no further
/// than that, as what follows is laid out differently; the caller looks at both.
/// Source: MQTT 3.1.1 §3.1.
Result<Connect> decode_connect(const Packet& packet);

/// Reads a PUBLISH of either direction. QoS 2 is returned, though no hub takes it; QoS 3, an empty
/// topic, packet id 0, and DUP at QoS 0 are malformed. Source: MQTT 3.1.1 §3.3.
Result<Publish> decode_publish(const Packet& packet);

/// The packet id of a PUBACK. Source: MQTT 3.1.1 §3.4.
Result<std::uint16_t> decode_puback(const Packet& packet);

/// The topic filters of a SUBSCRIBE or UNSUBSCRIBE, held without the heap; reused between packets.
struct FilterList {
    struct Entry {
        std::string_view filter;
        std::uint8_t qos = 0;  ///< As requested, 0 to 2; 0 in an UNSUBSCRIBE.
    };
    std::uint16_t packet_id = 0;
    std::size_t count = 0;
    std::array<Entry, PacketLimits::filters_max> entries;

    std::span<const Entry> filters() const { return {entries.data(), count}; }
};

/// Source: MQTT 3.1.1 §3.8. More than `filters_max` filters are refused as malformed.
Result<> decode_subscribe(const Packet& packet, FilterList& out);
/// Source: MQTT 3.1.1 §3.10.
Result<> decode_unsubscribe(const Packet& packet, FilterList& out);

/// Checks a packet that has neither flags nor body: PINGREQ, DISCONNECT, PINGRESP.
Result<> decode_empty(const Packet& packet);

}  // namespace carillon::mqtt
