#include "wire/mqtt/decode.hpp"

#include "base/text.hpp"
#include "wire/mqtt/byte_reader.hpp"

namespace carillon::mqtt {

namespace {

/// Flags of packets that carry no choice but must show this pattern. MQTT 3.1.1 §2.2.2
constexpr std::uint8_t fixed_flags = 0b0010;

struct ConnectFlags {
    static constexpr std::uint8_t reserved = 0x01;
    static constexpr std::uint8_t clean_session = 0x02;
    static constexpr std::uint8_t will = 0x04;
    static constexpr std::uint8_t will_retain = 0x20;
    static constexpr std::uint8_t password = 0x40;
    static constexpr std::uint8_t user_name = 0x80;
    static constexpr int will_qos_shift = 3;

    std::uint8_t bits = 0;
    bool has(std::uint8_t flag) const { return (bits & flag) != 0; }
    std::uint8_t will_qos() const { return (bits >> will_qos_shift) & 0b11; }

    bool is_legal() const {
        if (has(reserved)) return false;                                        // [MQTT-3.1.2-3]
        if (!has(will) && (has(will_retain) || will_qos() != 0)) return false;  // [MQTT-3.1.2-11]
        if (will_qos() > 2) return false;                                       // [MQTT-3.1.2-14]
        return has(user_name) || !has(password);                                // [MQTT-3.1.2-22]
    }
};

tl::unexpected<Error> malformed(const char* what) {
    return fail(Errc::malformed_packet, what);
}

Result<> decode_filters(const Packet& packet, FilterList& out, bool with_qos) {
    if (packet.flags() != fixed_flags) return malformed("reserved flags of SUBSCRIBE or UNSUBSCRIBE");
    ByteReader in{packet.body};
    out.packet_id = in.packet_id();
    out.count = 0;
    while (in.more()) {
        if (out.count == out.entries.size()) return malformed("too many topic filters");
        FilterList::Entry& entry = out.entries[out.count++];
        entry.filter = in.text();
        entry.qos = with_qos ? in.u8() : std::uint8_t{0};
        if (entry.filter.empty() || entry.qos > 2) in.fail();  // [MQTT-4.7.3-1], [MQTT-3-8.3-4]
    }
    if (!in.ok()) return malformed("topic filters are cut short, empty or of a bad QoS");
    if (out.count == 0) return malformed("no topic filter");  // [MQTT-3.8.3-3], [MQTT-3.10.3-2]
    return {};
}

}  // namespace

std::string_view ByteReader::text() {
    const std::string_view text = as_text(binary());
    if (text.find('\0') != std::string_view::npos || !is_utf8(text)) {  // [MQTT-1.5.3-1], [MQTT-1.5.3-2]
        ok_ = false;
        return {};
    }
    return text;
}

Result<Connect> decode_connect(const Packet& packet) {
    if (packet.flags() != 0) return malformed("reserved flags of CONNECT");
    ByteReader in{packet.body};
    Connect connect;
    connect.protocol_name = in.text();
    connect.protocol_level = in.u8();
    if (!in.ok()) return malformed("CONNECT is cut short");
    if (connect.protocol_name != "MQTT" || connect.protocol_level != 4) return connect;

    const ConnectFlags flags{in.u8()};
    if (!flags.is_legal()) return malformed("CONNECT flags");
    connect.clean_session = flags.has(ConnectFlags::clean_session);
    connect.keep_alive_s = in.u16();
    connect.client_id = in.text();
    if (flags.has(ConnectFlags::will)) {
        Will& will = connect.will.emplace();
        will.topic = in.text();
        will.payload = in.binary();
        will.qos = flags.will_qos();
        will.retain = flags.has(ConnectFlags::will_retain);
    }
    if (flags.has(ConnectFlags::user_name)) connect.user_name = in.text();
    if (flags.has(ConnectFlags::password)) connect.password = in.binary();
    if (!in.ok() || in.more()) return malformed("CONNECT is cut short, over-long or not UTF-8");
    return connect;
}

Result<Publish> decode_publish(const Packet& packet) {
    Publish publish;
    publish.dup = (packet.flags() & 0b1000) != 0;
    publish.qos = (packet.flags() >> 1) & 0b11;
    publish.retain = (packet.flags() & 0b0001) != 0;
    if (publish.qos == 3) return malformed("PUBLISH of QoS 3");                       // [MQTT-3.3.1-4]
    if (publish.dup && publish.qos == 0) return malformed("DUP on a QoS 0 PUBLISH");  // [MQTT-3.3.1-2]
    ByteReader in{packet.body};
    publish.topic = in.text();
    if (publish.qos > 0) publish.packet_id = in.packet_id();
    publish.payload = in.rest();
    if (!in.ok()) return malformed("PUBLISH is cut short or not UTF-8");
    if (publish.topic.empty()) return malformed("PUBLISH without a topic");  // [MQTT-4.7.3-1]
    return publish;
}

Result<std::uint16_t> decode_puback(const Packet& packet) {
    ByteReader in{packet.body};
    const std::uint16_t id = in.packet_id();
    if (packet.flags() != 0 || !in.ok() || in.more()) return malformed("PUBACK");
    return id;
}

Result<> decode_subscribe(const Packet& packet, FilterList& out) {
    return decode_filters(packet, out, true);
}

Result<> decode_unsubscribe(const Packet& packet, FilterList& out) {
    return decode_filters(packet, out, false);
}

Result<> decode_empty(const Packet& packet) {
    if (packet.flags() != 0 || !packet.body.empty()) return malformed("flags or a body where none belong");
    return {};
}

}  // namespace carillon::mqtt
