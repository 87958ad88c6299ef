#include "wire/mqtt/encode.hpp"

#include <array>

namespace carillon::mqtt {

namespace {

void append_bytes(std::string& out, Bytes bytes) {
    out.append(as_text(bytes));
}

}  // namespace

void append_u16(std::string& out, std::size_t value) {
    const std::array<char, 2> bytes{static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
    out.append(bytes.data(), bytes.size());
}

void append_text(std::string& out, std::string_view text) {
    append_u16(out, text.size());
    out.append(text);
}

void append_fixed_header(std::string& out, PacketType type, std::uint8_t flags, std::size_t length) {
    std::array<char, 1 + 10> header;  // of ten digits of seven bits at most
    std::size_t size = 0;
    header[size++] = static_cast<char>(static_cast<unsigned>(type) << 4 | flags);
    do {
        const std::size_t digit = length & 0x7F;
        length >>= 7;
        header[size++] = static_cast<char>(length > 0 ? digit | 0x80 : digit);
    } while (length > 0);
    out.append(header.data(), size);
}

void append_connack(std::string& out, ConnectCode code, bool session_present) {
    append_fixed_header(out, PacketType::connack, 0, 2);
    // [MQTT-3.2.2-4]: a refusal never claims a session.
    out.push_back(static_cast<char>(session_present && code == ConnectCode::accepted));
    out.push_back(static_cast<char>(code));
}

void append_puback(std::string& out, std::uint16_t packet_id) {
    append_fixed_header(out, PacketType::puback, 0, 2);
    append_u16(out, packet_id);
}

void append_suback(std::string& out, std::uint16_t packet_id, std::span<const std::uint8_t> codes) {
    append_fixed_header(out, PacketType::suback, 0, 2 + codes.size());
    append_u16(out, packet_id);
    append_bytes(out, codes);
}

void append_unsuback(std::string& out, std::uint16_t packet_id) {
    append_fixed_header(out, PacketType::unsuback, 0, 2);
    append_u16(out, packet_id);
}

void append_pingresp(std::string& out) {
    append_fixed_header(out, PacketType::pingresp, 0, 0);
}

void append_publish_header(std::string& out, std::uint8_t qos, bool dup, std::size_t topic_bytes,
                           std::size_t payload_bytes) {
    const std::size_t id_bytes = qos > 0 ? 2 : 0;
    const auto flags = static_cast<std::uint8_t>((dup ? 0b1000 : 0) | qos << 1);
    append_fixed_header(out, PacketType::publish, flags, 2 + topic_bytes + id_bytes + payload_bytes);
    append_u16(out, topic_bytes);
}

void append_publish(std::string& out, const Publish& publish) {
    const std::size_t begin = out.size();
    append_publish_header(out, publish.qos, publish.dup, publish.topic.size(), publish.payload.size());
    if (publish.retain) out[begin] = static_cast<char>(out[begin] | 0b0001);
    out.append(publish.topic);
    if (publish.qos > 0) append_u16(out, publish.packet_id);
    append_bytes(out, publish.payload);
}

void append_connect(std::string& out, const Connect& connect) {
    std::size_t length = 2 + connect.protocol_name.size() + 1 + 1 + 2 + 2 + connect.client_id.size();
    unsigned flags = connect.clean_session ? 0x02 : 0;
    if (connect.will) {
        flags |= 0x04U | static_cast<unsigned>(connect.will->qos) << 3 | (connect.will->retain ? 0x20U : 0U);
        length += 2 + connect.will->topic.size() + 2 + connect.will->payload.size();
    }
    if (connect.user_name) {
        flags |= 0x80U;
        length += 2 + connect.user_name->size();
    }
    if (connect.password) {
        flags |= 0x40U;
        length += 2 + connect.password->size();
    }
    append_fixed_header(out, PacketType::connect, 0, length);
    append_text(out, connect.protocol_name);
    out.push_back(static_cast<char>(connect.protocol_level));
    out.push_back(static_cast<char>(flags));
    append_u16(out, connect.keep_alive_s);
    append_text(out, connect.client_id);
    if (connect.will) {
        append_text(out, connect.will->topic);
        append_text(out, as_text(connect.will->payload));
    }
    if (connect.user_name) append_text(out, *connect.user_name);
    if (connect.password) append_text(out, as_text(*connect.password));
}

void append_subscribe(std::string& out, std::uint16_t packet_id, std::span<const FilterRequest> filters) {
    std::size_t length = 2;
    for (const FilterRequest& request : filters) length += 2 + request.filter.size() + 1;
    append_fixed_header(out, PacketType::subscribe, 0b0010, length);
    append_u16(out, packet_id);
    for (const FilterRequest& request : filters) {
        append_text(out, request.filter);
        out.push_back(static_cast<char>(request.qos));
    }
}

void append_subscribe(std::string& out, std::uint16_t packet_id, std::string_view filter, std::uint8_t qos) {
    const FilterRequest request{.filter = filter, .qos = qos};
    append_subscribe(out, packet_id, std::span(&request, 1));
}

void append_unsubscribe(std::string& out, std::uint16_t packet_id, std::string_view filter) {
    append_fixed_header(out, PacketType::unsubscribe, 0b0010, 2 + 2 + filter.size());
    append_u16(out, packet_id);
    append_text(out, filter);
}

void append_pingreq(std::string& out) {
    append_fixed_header(out, PacketType::pingreq, 0, 0);
}

void append_disconnect(std::string& out) {
    append_fixed_header(out, PacketType::disconnect, 0, 0);
}

}  // namespace carillon::mqtt
