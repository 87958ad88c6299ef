#include "provisioning/registration_session.hpp"

#include "wire/mqtt/client_decode.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/registration_topics.hpp"

#include <utility>

namespace carillon {

using mqtt::Packet;
using mqtt::PacketType;

namespace {

constexpr std::uint16_t subscribe_packet_id = 1;

/// Source: DPS has a refusal of credentials for 5, and for 3 one that passes; azure-iot-sdk-csharp:
/// ProvisioningTransportHandlerMqtt.cs.
Errc refusal_of(std::uint8_t code) {
    if (code == 1) return Errc::invalid_protocol_version;
    return code == 3 ? Errc::service_unavailable : Errc::iot_hub_unauthorized_access;
}

}  // namespace

RegistrationSession::RegistrationSession(std::string_view user_name, std::string_view registration_id,
                                         std::string_view token) {
    mqtt::Connect connect;
    connect.protocol_name = "MQTT";
    connect.protocol_level = 4;
    connect.clean_session = true;
    connect.keep_alive_s = keep_alive_s;
    connect.client_id = registration_id;
    connect.user_name = user_name;
    connect.password = as_bytes(token);
    mqtt::append_connect(output_, connect);
}

void RegistrationSession::receive(Bytes input) {
    while (!is_closed()) {
        const auto packet = framer_.next(input);
        if (!packet) return close(packet.error().code, "a packet that cannot be");
        if (!*packet) return;
        handle(**packet);
    }
}

void RegistrationSession::handle(const Packet& packet) {
    if (packet.is(PacketType::connack)) return handle_connack(packet);
    if (packet.is(PacketType::suback)) return handle_suback(packet);
    if (packet.is(PacketType::publish)) return handle_publish(packet);
    // A PUBACK says nothing that the answer does not say.
    if (packet.is(PacketType::puback) && is_ready() && mqtt::decode_puback(packet)) return;
    close(Errc::malformed_packet, "a packet that no service sends");
}

void RegistrationSession::handle_connack(const Packet& packet) {
    const auto connack = mqtt::decode_connack(packet);
    if (!connack || stage_ != Stage::connecting) return close(Errc::malformed_packet, "CONNACK");
    if (connack->code != 0) return close(refusal_of(connack->code), "the service refused the device");
    stage_ = Stage::subscribing;
    mqtt::append_subscribe(output_, subscribe_packet_id, mqtt::registration_answers, 1);
}

void RegistrationSession::handle_suback(const Packet& packet) {
    const auto suback = mqtt::decode_suback(packet);
    const bool is_expected =
        suback && stage_ == Stage::subscribing && suback->packet_id == subscribe_packet_id;
    if (!is_expected) return close(Errc::malformed_packet, "SUBACK");
    if (suback->codes.front() > 1)
        return close(Errc::connection_closed, "the service refused a subscription");
    stage_ = Stage::ready;
}

void RegistrationSession::handle_publish(const Packet& packet) {
    const auto publish = mqtt::decode_publish(packet);
    if (!publish || publish->qos > 1 || !is_ready()) return close(Errc::malformed_packet, "PUBLISH");
    if (publish->packet_id != 0) mqtt::append_puback(output_, publish->packet_id);
    const auto topic = mqtt::parse_registration_answer_topic(publish->topic);
    if (!topic || topic->rid != std::to_string(requests_)) return;
    answer_ = RegistrationAnswer{.status = topic->status,
                                 .retry_after = std::string(topic->retry_after),
                                 .body = std::string(as_text(publish->payload))};
}

void RegistrationSession::begin(std::string_view body) {
    ++requests_;
    ask(mqtt::registration_begin_topic(std::to_string(requests_)), body);
}

void RegistrationSession::poll(std::string_view operation_id) {
    ++requests_;
    ask(mqtt::registration_poll_topic(std::to_string(requests_), operation_id), {});
}

void RegistrationSession::ask(std::string_view topic, std::string_view body) {
    CARILLON_ASSERT(is_ready());
    answer_.reset();
    mqtt::Publish packet;
    packet.qos = 1;
    packet.topic = topic;
    // That of the subscription is free again.
    packet.packet_id = requests_;
    packet.payload = as_bytes(body);
    mqtt::append_publish(output_, packet);
}

void RegistrationSession::disconnect() {
    if (is_ready()) mqtt::append_disconnect(output_);
    close(Errc::connection_closed, "the device disconnected");
}

void RegistrationSession::close(Errc code, const char* detail) {
    if (is_closed()) return;
    stage_ = Stage::closed;
    reason_ = {code, detail};
}

std::optional<RegistrationAnswer> RegistrationSession::take_answer() {
    return std::exchange(answer_, std::nullopt);
}

std::string RegistrationSession::take_output() {
    return std::exchange(output_, {});
}

}  // namespace carillon
