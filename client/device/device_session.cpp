#include "device/device_session.hpp"

#include "base/text.hpp"
#include "wire/mqtt/client_decode.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/topic_prefixes.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace carillon {

using mqtt::Packet;
using mqtt::PacketType;

namespace {

/// A CONNACK's refusal as an error of the service. Source: azure-iot-sdk-csharp:
/// MqttIotHubAdapter.cs, which tells the same three apart.
Errc reason_of(std::uint8_t code) {
    switch (code) {
        case 1:
            return Errc::invalid_protocol_version;
        case 3:
            return Errc::service_unavailable;
        default:
            return Errc::iot_hub_unauthorized;
    }
}

}  // namespace

DeviceSession::DeviceSession(DeviceSessionHost& host, const IdentityKey& identity,
                             std::uint16_t last_packet_id)
    : host_(host), client_id_(identity.path()), last_packet_id_(last_packet_id) {}

void DeviceSession::connect(const DeviceIntroduction& introduction, TimePoint now) {
    CARILLON_ASSERT(stage_ == Stage::idle);
    stage_ = Stage::connecting;
    keep_alive_s_ = introduction.keep_alive_s;
    deadline_ = now + DeviceSessionLimits::connack_max;
    const std::string user_name =
        device_user_name(introduction.host_name, client_id_, introduction.model_id, introduction.client_type);
    mqtt::Connect connect;
    connect.protocol_name = "MQTT";
    connect.protocol_level = 4;
    connect.clean_session = introduction.clean_session;
    connect.keep_alive_s = keep_alive_s_;
    connect.client_id = client_id_;
    connect.user_name = user_name;
    if (!introduction.token.empty()) connect.password = as_bytes(introduction.token);
    mqtt::append_connect(host_.output(), connect);
}

void DeviceSession::receive(Bytes input, TimePoint now) {
    while (!is_closed()) {
        const auto packet = framer_.next(input);
        if (!packet) return close(packet.error().code, "a packet that cannot be");
        if (!*packet) return;
        handle(**packet, now);
    }
}

void DeviceSession::tick(TimePoint now) {
    if (is_closed() || now < deadline_) return;
    if (stage_ == Stage::connecting) return close(Errc::gateway_timeout, "no answer to CONNECT");
    if (awaits_ping_) return close(Errc::gateway_timeout, "no answer to a ping");
    awaits_ping_ = true;
    mqtt::append_pingreq(host_.output());
    deadline_ = now + DeviceSessionLimits::ping_answer_max;
}

void DeviceSession::handle(const Packet& packet, TimePoint now) {
    if (packet.is(PacketType::connack)) return handle_connack(packet, now);
    if (!is_running()) return close(Errc::malformed_packet, "something before CONNACK");
    if (packet.is(PacketType::publish)) return handle_publish(packet);
    if (packet.is(PacketType::suback)) return handle_suback(packet);
    if (packet.is(PacketType::puback)) return handle_puback(packet);
    if (packet.is(PacketType::pingresp) && mqtt::decode_empty(packet)) {
        // Whatever else is sent, a ping follows each answered one, and the hub is known to live.
        awaits_ping_ = false;
        deadline_ = now + std::chrono::seconds(keep_alive_s_);
        return;
    }
    close(Errc::malformed_packet, "a packet that no hub sends");
}

void DeviceSession::handle_connack(const Packet& packet, TimePoint now) {
    const auto connack = mqtt::decode_connack(packet);
    if (!connack || stage_ != Stage::connecting) return close(Errc::malformed_packet, "CONNACK");
    if (connack->code != 0) {
        refusal_ = connack->code;
        return close(reason_of(connack->code), "the hub refused the device");
    }
    stage_ = Stage::running;
    deadline_ = keep_alive_s_ == 0 ? TimePoint::max() : now + std::chrono::seconds(keep_alive_s_);
    framer_.set_limit(mqtt::PacketLimits::packet_bytes_max);
    host_.connected(connack->session_present);
}

void DeviceSession::handle_publish(const Packet& packet) {
    const auto publish = mqtt::decode_publish(packet);
    // The hub grants at most QoS 1.
    if (!publish || publish->qos > 1) return close(Errc::malformed_packet, "PUBLISH");
    const auto topic = parse_hub_topic(publish->topic, identity());
    const std::string_view payload = as_text(publish->payload);
    // A topic of a later hub's is not for this client, but is acknowledged, or it would come again.
    if (!topic) return complete(publish->packet_id);
    switch (topic->kind) {
        case HubTopic::Kind::method: {
            const IncomingMethod call{.name = topic->name, .rid = topic->rid, .payload = payload};
            complete(publish->packet_id);
            return host_.method_called(call);
        }
        case HubTopic::Kind::twin_response: {
            complete(publish->packet_id);
            const auto request = parse_u64(topic->rid);
            if (!request || *request > last_request_) return;
            const TwinAnswer answer{.request = static_cast<std::uint32_t>(*request),
                                    .status = topic->status,
                                    .version = topic->version,
                                    .body = payload};
            return host_.twin_answered(answer);
        }
        case HubTopic::Kind::desired:
            complete(publish->packet_id);
            return host_.desired_changed(*topic->version, payload);
        case HubTopic::Kind::c2d:
        case HubTopic::Kind::input: {
            const HubMessage message{
                .input = topic->name, .bag = topic->bag, .payload = payload, .packet_id = publish->packet_id};
            return host_.message_received(message);
        }
    }
}

void DeviceSession::handle_suback(const Packet& packet) {
    const auto suback = mqtt::decode_suback(packet);
    if (!suback) return close(Errc::malformed_packet, "SUBACK");
    const auto found = std::find_if(subscribing_.begin(), subscribing_.end(), [&](const Subscribing& one) {
        return one.packet_id == suback->packet_id;
    });
    if (found == subscribing_.end()) return close(Errc::malformed_packet, "SUBACK that was not asked for");
    const DeviceFeatures features = found->features;
    subscribing_.erase(found);
    constexpr std::uint8_t refused = 0x80;
    if (std::find(suback->codes.begin(), suback->codes.end(), refused) != suback->codes.end()) {
        return close(Errc::connection_closed, "the hub refused a subscription");
    }
    host_.subscribed(features);
}

void DeviceSession::handle_puback(const Packet& packet) {
    const auto packet_id = mqtt::decode_puback(packet);
    if (!packet_id) return close(Errc::malformed_packet, "PUBACK");
    const auto found = std::find(in_flight_.begin(), in_flight_.end(), *packet_id);
    if (found == in_flight_.end()) return;
    in_flight_.erase(found);
    host_.telemetry_stored(*packet_id);
}

void DeviceSession::subscribe(DeviceFeatures features) {
    CARILLON_ASSERT(is_running() && !features.is_empty());
    std::array<std::string, device_features> texts;
    std::array<mqtt::FilterRequest, device_features> requests;
    std::size_t count = 0;
    for (std::size_t i = 0; i < device_features; ++i) {
        const auto feature = static_cast<DeviceFeature>(i);
        if (!features.has(feature)) continue;
        texts[count] = feature_filter(feature, identity());
        requests[count].filter = texts[count];
        requests[count].qos = feature_qos(feature);
        ++count;
    }
    const std::uint16_t packet_id = next_packet_id();
    subscribing_.push_back({.packet_id = packet_id, .features = features});
    mqtt::append_subscribe(host_.output(), packet_id, std::span(requests.data(), count));
}

void DeviceSession::answer_method(std::string_view rid, int status, std::string_view payload_json) {
    std::string topic = std::string(mqtt::method_res_topic_prefix) + std::to_string(status) + "/?$rid=";
    topic.append(rid);
    publish(topic, payload_json);
}

std::uint32_t DeviceSession::get_twin() {
    publish(std::string(mqtt::twin_get_topic) + "/?$rid=" + std::to_string(++last_request_), {});
    return last_request_;
}

std::uint32_t DeviceSession::patch_reported(std::string_view patch_json) {
    publish(std::string(mqtt::twin_patch_topic) + "/?$rid=" + std::to_string(++last_request_), patch_json);
    return last_request_;
}

/// At QoS 0, as SDKs send what is answered anyway.
void DeviceSession::publish(std::string_view topic, std::string_view payload) {
    CARILLON_ASSERT(is_running());
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = as_bytes(payload);
    mqtt::append_publish(host_.output(), packet);
}

Result<std::uint16_t> DeviceSession::send_telemetry(std::string_view bag, std::string_view payload,
                                                    std::uint16_t resent_id) {
    CARILLON_ASSERT(is_running());
    if (in_flight_.size() >= DeviceSessionLimits::telemetry_in_flight_max) {
        return fail(Errc::throttling_backlog_limit_exceeded, "telemetry waits for the hub");
    }
    const std::string topic = telemetry_topic(identity()) + std::string(bag);
    mqtt::Publish packet;
    packet.qos = 1;
    packet.dup = resent_id != 0;
    packet.topic = topic;
    packet.packet_id = packet.dup ? resent_id : next_packet_id();
    packet.payload = as_bytes(payload);
    in_flight_.push_back(packet.packet_id);
    mqtt::append_publish(host_.output(), packet);
    return packet.packet_id;
}

void DeviceSession::complete(std::uint16_t packet_id) {
    if (packet_id != 0 && is_running()) mqtt::append_puback(host_.output(), packet_id);
}

void DeviceSession::disconnect() {
    if (is_running()) mqtt::append_disconnect(host_.output());
    close(Errc::connection_closed, "the device disconnected");
}

void DeviceSession::close(Errc reason, const char* detail) {
    if (is_closed()) return;
    stage_ = Stage::closed;
    deadline_ = TimePoint::max();
    close_reason_ = reason;
    close_detail_ = detail;
}

/// Not 0 and none that is under way. [MQTT-2.3.1-2]
std::uint16_t DeviceSession::next_packet_id() {
    for (;;) {
        if (++last_packet_id_ == 0) continue;
        if (std::find(in_flight_.begin(), in_flight_.end(), last_packet_id_) == in_flight_.end()) {
            return last_packet_id_;
        }
    }
}

}  // namespace carillon
