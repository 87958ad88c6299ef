#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/mqtt/packet.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace carillon::mqtt {

/// Cuts a stream of bytes into packets. A packet that lies whole in the input is viewed there;
/// only one that is cut off is copied, until its rest arrives. Between packets it owns no memory,
/// and what it owns never exceeds twice what the peer has sent of one packet.
class Framer {
public:
    explicit Framer(std::size_t packet_bytes_max) : packet_bytes_max_(packet_bytes_max) {}

    /// Raises or lowers the bound on a packet's remaining length.
    void set_limit(std::size_t packet_bytes_max) { packet_bytes_max_ = packet_bytes_max; }

    /// Takes the next packet off the front of `input`; nothing if it is not complete, and then all
    /// of `input` has been taken. The packet is valid until the next call and while the input is.
    /// Fails, from the header alone, with `malformed_packet` if the remaining length takes more than
    /// four bytes, and with `message_too_large` if it is over the limit. MQTT 3.1.1 §2.2.3
    Result<std::optional<Packet>> next(Bytes& input);

    /// Bytes of a packet that is not complete yet.
    std::size_t pending() const { return is_delivered_ ? 0 : partial_.size(); }

private:
    Result<std::optional<Packet>> next_of_partial(Bytes& input);

    std::size_t packet_bytes_max_;
    std::vector<std::uint8_t> partial_;  ///< Bound: PacketLimits::packet_bytes_max.
    bool is_delivered_ = false;          ///< `partial_` holds the packet returned last.
};

}  // namespace carillon::mqtt
