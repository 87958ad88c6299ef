#pragma once

#include "device/device_protocol.hpp"
#include "wire/mqtt/framer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// The device side of one MQTT 3.1.1 connection to a hub, for a device or a module identity, without
/// socket or clock: bytes and time go in, calls to the host and bytes for the hub come out. What
/// carries the bytes (TLS, frames of a WebSocket) is the owner's. One thread. An idle session owns
/// some 250 bytes.
///
///     idle --connect--> connecting --CONNACK 0--> running --disconnect--> closed
///                            |                      |                        ^
///                            +----------------------+---- refused, illegal, silent
///
/// It does not connect again: a new connection is a new session, and what was not acknowledged is for
/// the owner to send again. Source: MQTT 3.1.1; IoT Hub docs, "Communicate with your IoT hub using
/// the MQTT protocol".
class DeviceSession final : public DeviceProtocol {
public:
    /// `last_packet_id` is that of the session before, so that what it sent can be sent again under its id.
    DeviceSession(DeviceSessionHost& host, const IdentityKey& identity, std::uint16_t last_packet_id = 0);
    DeviceSession(const DeviceSession&) = delete;
    DeviceSession& operator=(const DeviceSession&) = delete;

    using DeviceProtocol::send_telemetry;

    /// Sends CONNECT.
    void connect(const DeviceIntroduction& introduction, TimePoint now) override;
    void receive(Bytes input, TimePoint now) override;
    TimePoint deadline() const override { return deadline_; }
    /// Sends a ping, or ends a session whose hub does not answer.
    void tick(TimePoint now) override;

    void subscribe(DeviceFeatures features) override;
    void answer_method(std::string_view rid, int status, std::string_view payload_json) override;
    std::uint32_t get_twin() override;
    std::uint32_t patch_reported(std::string_view patch_json) override;
    /// Sends at QoS 1 and gives the packet id. What is sent again is marked as a duplicate (MQTT 3.1.1 §4.4).
    Result<std::uint16_t> send_telemetry(std::string_view bag, std::string_view payload,
                                         std::uint16_t resent_id) override;
    /// Tells the hub that the message of this packet id is done with; it may be left undone, and then
    /// comes again on a later connection.
    void complete(std::uint16_t packet_id);
    void settle(std::uint16_t packet_id, MessageAnswer answer) override {
        if (answer == MessageAnswer::complete) complete(packet_id);
    }
    void disconnect() override;

    bool is_running() const override { return stage_ == Stage::running; }
    bool is_closed() const override { return stage_ == Stage::closed; }
    Errc close_reason() const override { return close_reason_; }
    const char* close_detail() const override { return close_detail_; }
    bool is_refused() const override { return refusal_ != 0; }
    /// The code of a CONNACK that refused; 0 if none did. MQTT 3.1.1 §3.2.2.3.
    std::uint8_t refusal() const { return refusal_; }
    const std::string& client_id() const { return client_id_; }
    std::size_t telemetry_in_flight() const { return in_flight_.size(); }
    std::uint16_t last_packet_id() const override { return last_packet_id_; }

private:
    enum class Stage : std::uint8_t { idle, connecting, running, closed };
    struct Subscribing {
        std::uint16_t packet_id = 0;
        DeviceFeatures features;
    };

    void handle(const mqtt::Packet& packet, TimePoint now);
    void handle_connack(const mqtt::Packet& packet, TimePoint now);
    void handle_publish(const mqtt::Packet& packet);
    void handle_suback(const mqtt::Packet& packet);
    void handle_puback(const mqtt::Packet& packet);
    void close(Errc reason, const char* detail);
    std::uint16_t next_packet_id();
    mqtt::ClientIdentity identity() const { return mqtt::ClientIdentity::of_client_id(client_id_); }
    void publish(std::string_view topic, std::string_view payload);

    DeviceSessionHost& host_;
    mqtt::Framer framer_{mqtt::PacketLimits::unauthenticated_bytes_max};
    std::string client_id_;
    TimePoint deadline_ = TimePoint::max();
    std::vector<Subscribing> subscribing_;
    std::vector<std::uint16_t> in_flight_;
    const char* close_detail_ = "";
    std::uint32_t last_request_ = 0;
    Errc close_reason_ = Errc::connection_closed;
    std::uint16_t keep_alive_s_ = 0;
    std::uint16_t last_packet_id_ = 0;
    Stage stage_ = Stage::idle;
    bool awaits_ping_ = false;
    std::uint8_t refusal_ = 0;
};

}  // namespace carillon
