#include "wire/mqtt/client_decode.hpp"

#include "wire/mqtt/byte_reader.hpp"

namespace carillon::mqtt {

Result<Connack> decode_connack(const Packet& packet) {
    ByteReader in{packet.body};
    const std::uint8_t flags = in.u8();
    Connack connack;
    connack.session_present = flags == 1;
    connack.code = in.u8();
    if (packet.flags() != 0 || flags > 1 || !in.ok() || in.more()) {
        return fail(Errc::malformed_packet, "CONNACK");
    }
    return connack;
}

Result<Suback> decode_suback(const Packet& packet) {
    ByteReader in{packet.body};
    Suback suback;
    suback.packet_id = in.packet_id();
    const Bytes codes = in.rest();
    if (packet.flags() != 0 || !in.ok() || codes.empty()) return fail(Errc::malformed_packet, "SUBACK");
    suback.codes.assign(codes.begin(), codes.end());
    for (std::uint8_t code : suback.codes) {
        if (code > 2 && code != 0x80) return fail(Errc::malformed_packet, "SUBACK return code");
    }
    return suback;
}

Result<std::uint16_t> decode_unsuback(const Packet& packet) {
    ByteReader in{packet.body};
    const std::uint16_t id = in.packet_id();
    if (packet.flags() != 0 || !in.ok() || in.more()) return fail(Errc::malformed_packet, "UNSUBACK");
    return id;
}

}  // namespace carillon::mqtt
