#include "load/mqtt.hpp"

#include <optional>
#include <utility>

namespace carillon::load {
namespace {

enum PacketType : std::uint8_t {
    connect = 1,
    connack = 2,
    publish_type = 3,
    puback = 4,
    subscribe = 8,
    suback = 9
};

void put_u16(std::string& out, std::size_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xFF);
}

void put_text(std::string& out, std::string_view text) {
    put_u16(out, text.size());
    out += text;
}

std::size_t get_u16(std::string_view in) {
    return static_cast<std::size_t>(static_cast<std::uint8_t>(in[0])) << 8 | static_cast<std::uint8_t>(in[1]);
}

/// Remaining length, MQTT 3.1.1 §2.2.3.
void put_length(std::string& out, std::size_t length) {
    do {
        const std::size_t digit = length % 128;
        length /= 128;
        out += static_cast<char>(length > 0 ? digit | 0x80 : digit);
    } while (length > 0);
}

std::string framed(PacketType type, std::uint8_t flags, std::string_view body) {
    std::string out;
    out.reserve(body.size() + 5);
    out += static_cast<char>(type << 4 | flags);
    put_length(out, body.size());
    out += body;
    return out;
}

std::string connect_packet(const MqttOptions& options) {
    std::string body;
    put_text(body, "MQTT");
    body += '\x04';
    const unsigned flags = (options.clean_session ? 0x02U : 0U) | (options.user_name.empty() ? 0U : 0x80U) |
                           (options.password.empty() ? 0U : 0x40U);
    body += static_cast<char>(flags);
    put_u16(body, options.keep_alive_s);
    put_text(body, options.client_id);
    if (!options.user_name.empty()) put_text(body, options.user_name);
    if (!options.password.empty()) put_text(body, options.password);
    return framed(connect, 0, body);
}

std::string subscribe_packet(const std::vector<std::string>& filters) {
    std::string body;
    put_u16(body, 1);
    for (const std::string& filter : filters) {
        put_text(body, filter);
        body += '\0';
    }
    return framed(subscribe, 2, body);
}

}  // namespace

void MqttClient::open(Endpoint server, const std::string& host_name, std::uint32_t source,
                      MqttOptions options) {
    options_ = std::move(options);
    partial_.clear();
    is_ready_ = false;
    connection_.open(server, host_name, source);
}

void MqttClient::close() {
    is_ready_ = false;
    partial_.clear();
    connection_.close();
}

void MqttClient::publish(std::string_view topic, std::string_view payload) {
    std::string body;
    body.reserve(2 + topic.size() + payload.size());
    put_text(body, topic);
    body += payload;
    connection_.send(framed(publish_type, 0, body));
}

void MqttClient::publish(std::string_view topic, std::string_view payload, std::uint16_t packet_id) {
    std::string body;
    body.reserve(4 + topic.size() + payload.size());
    put_text(body, topic);
    put_u16(body, packet_id);
    body += payload;
    constexpr std::uint8_t qos_1 = 2;
    connection_.send(framed(publish_type, qos_1, body));
}

void MqttClient::opened() {
    connection_.send(connect_packet(options_));
    // Both in one record, as devices in a hurry do (MQTT 3.1.1 §3.1.4).
    if (!options_.filters.empty()) connection_.send(subscribe_packet(options_.filters));
}

void MqttClient::received(std::string_view bytes) {
    if (partial_.empty()) {
        const std::size_t taken = consume(bytes);
        if (taken < bytes.size() && connection_.is_open()) partial_.assign(bytes.substr(taken));
        return;
    }
    partial_ += bytes;
    const std::size_t taken = consume(partial_);
    partial_.erase(0, std::min(taken, partial_.size()));
}

std::size_t MqttClient::consume(std::string_view bytes) {
    std::size_t at = 0;
    while (bytes.size() - at >= 2) {
        std::size_t length = 0;
        std::size_t header = 1;
        std::optional<std::size_t> whole;
        for (unsigned shift = 0; header <= 4 && at + header < bytes.size(); shift += 7) {
            const auto digit = static_cast<std::uint8_t>(bytes[at + header++]);
            length |= static_cast<std::size_t>(digit & 0x7F) << shift;
            if (digit < 0x80) {
                whole = header + length;
                break;
            }
        }
        if (!whole || bytes.size() - at < *whole) break;
        packet(static_cast<std::uint8_t>(bytes[at]), bytes.substr(at + header, length));
        if (!connection_.is_open()) return bytes.size();
        at += *whole;
    }
    return at;
}

void MqttClient::packet(std::uint8_t first, std::string_view body) {
    switch (first >> 4) {
        case connack:
            if (body.size() < 2 || body[1] != 0) return fail("CONNECT refused");
            if (!options_.filters.empty()) return;
            is_ready_ = true;
            return peer_.ready();
        case suback:
            for (const char code : body.substr(std::min<std::size_t>(2, body.size()))) {
                if (static_cast<std::uint8_t>(code) == 0x80) return fail("SUBSCRIBE refused");
            }
            is_ready_ = true;
            return peer_.ready();
        case puback:
            if (body.size() < 2) return fail("bad PUBACK");
            return peer_.acknowledged(static_cast<std::uint16_t>(get_u16(body)));
        case publish_type: {
            const unsigned qos = (first >> 1) & 3U;
            if (body.size() < 2) return fail("bad PUBLISH");
            const std::size_t topic_bytes = get_u16(body);
            const std::size_t header = 2 + topic_bytes + (qos > 0 ? 2U : 0U);
            if (body.size() < header) return fail("bad PUBLISH");
            if (qos == 1) connection_.send(framed(puback, 0, body.substr(2 + topic_bytes, 2)));
            return peer_.message(body.substr(2, topic_bytes), body.substr(header));
        }
        default:
            return;
    }
}

void MqttClient::closed(const char* reason) {
    is_ready_ = false;
    partial_.clear();
    peer_.closed(reason);
}

void MqttClient::fail(const char* reason) {
    connection_.close();
    closed(reason);
}

}  // namespace carillon::load
