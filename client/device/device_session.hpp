#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/result.hpp"
#include "device/device_topics.hpp"
#include "wire/mqtt/framer.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct DeviceSessionLimits {
    /// How long the hub may take to answer CONNECT. Source: azure-iot-sdk-c:
    /// iothubtransport_mqtt_common.c, the wait for CONNACK.
    static constexpr std::chrono::seconds connack_max{30};
    /// How long the hub may take to answer a ping. Source: azure-iot-sdk-csharp: MqttIotHubAdapter.cs.
    static constexpr std::chrono::seconds ping_answer_max{30};
    /// Telemetry sent and not acknowledged. Ours: four times what the hub works on at once.
    static constexpr std::size_t telemetry_in_flight_max = 64;
};

/// Some of the features.
class DeviceFeatures {
public:
    constexpr DeviceFeatures() = default;
    constexpr DeviceFeatures(std::initializer_list<DeviceFeature> features) {
        for (DeviceFeature feature : features) add(feature);
    }
    constexpr void add(DeviceFeature feature) {
        bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(feature));
    }
    constexpr bool has(DeviceFeature feature) const {
        return (bits_ >> static_cast<unsigned>(feature) & 1) != 0;
    }
    constexpr bool is_empty() const { return bits_ == 0; }
    constexpr bool operator==(const DeviceFeatures&) const = default;

private:
    std::uint8_t bits_ = 0;
};

/// How a device introduces itself. Views need only last for the call.
struct DeviceIntroduction {
    std::string_view host_name;  ///< The hub's.
    /// A shared access signature; empty where a TLS client certificate proves the device.
    std::string_view token;
    std::string_view client_type = "carillon/" CARILLON_VERSION;
    std::string_view model_id = {};  ///< DTMI of a Plug and Play model, if any.
    std::uint16_t keep_alive_s = 240;
    /// True: the hub forgets subscriptions when the connection ends.
    bool clean_session = false;
};

/// A direct method to be carried out. Views end with the call.
struct IncomingMethod {
    std::string_view name;
    std::string_view rid;  ///< For `DeviceSession::answer_method`.
    std::string_view payload;
};

/// The hub's answer to a twin request. Views end with the call.
struct TwinAnswer {
    std::uint32_t request = 0;  ///< What `get_twin` or `patch_reported` gave.
    int status = 0;             ///< 200 and 204 are success, any other has an error as its body.
    std::optional<std::int64_t> version;
    std::string_view body;
};

/// A cloud-to-device message, or one for a module's input. Views end with the call.
struct HubMessage {
    std::string_view input;  ///< Empty for a cloud-to-device message.
    std::string_view bag;    ///< For `mqtt::parse_property_bag`.
    std::string_view payload;
    std::uint16_t packet_id = 0;  ///< For `DeviceSession::complete`; 0 if there is nothing to complete.
};

/// Who is told of what a session receives. Calls come from within `DeviceSession::receive`, and may
/// call the session in turn; what is of no interest need not be overridden.
class DeviceSessionHost {
public:
    virtual ~DeviceSessionHost() = default;
    /// Where bytes for the hub are appended; the host sends them after its call to the session.
    virtual std::string& output() = 0;
    /// The hub took the device. With `session_present` it remembers the subscriptions of earlier
    /// connections; subscribing again is harmless.
    virtual void connected(bool session_present) = 0;
    virtual void subscribed(DeviceFeatures) {}
    virtual void method_called(const IncomingMethod&) {}
    virtual void twin_answered(const TwinAnswer&) {}
    virtual void desired_changed(std::int64_t /*version*/, std::string_view /*patch_json*/) {}
    virtual void message_received(const HubMessage&) {}
    /// The hub has stored the telemetry of this packet id.
    virtual void telemetry_stored(std::uint16_t /*packet_id*/) {}
};

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
class DeviceSession {
public:
    /// `last_packet_id` is that of the session before, so that what it sent can be sent again under its id.
    DeviceSession(DeviceSessionHost& host, const IdentityKey& identity, std::uint16_t last_packet_id = 0);
    DeviceSession(const DeviceSession&) = delete;
    DeviceSession& operator=(const DeviceSession&) = delete;

    /// Sends CONNECT; the first call, once.
    void connect(const DeviceIntroduction& introduction, TimePoint now);
    void receive(Bytes input, TimePoint now);
    /// When `tick` is due; `TimePoint::max()` if never.
    TimePoint deadline() const { return deadline_; }
    /// Sends a ping, or ends a session whose hub does not answer.
    void tick(TimePoint now);

    // --- only while `is_running` -----------------------------------------------------------------
    /// Answered by `DeviceSessionHost::subscribed`; a refusal closes the session.
    void subscribe(DeviceFeatures features);
    /// `status` is the application's; `payload_json` may be empty.
    void answer_method(std::string_view rid, int status, std::string_view payload_json);
    /// Answered by `DeviceSessionHost::twin_answered`, if `twin_responses` is subscribed to.
    std::uint32_t get_twin();
    std::uint32_t patch_reported(std::string_view patch_json);
    /// Sends at QoS 1 and gives the packet id. `bag` is the encoded property bag, or empty.
    /// `resent_id` is the packet id under which an earlier connection sent it and got no acknowledgement: it
    /// is then marked as a duplicate (MQTT 3.1.1 §4.4). Such messages come first on a connection.
    /// Fails with `throttling_backlog_limit_exceeded` while `telemetry_in_flight_max` are not stored.
    Result<std::uint16_t> send_telemetry(std::string_view bag, std::string_view payload,
                                         std::uint16_t resent_id = 0);
    /// Tells the hub that the message of this packet id is done with; it may be left undone, and then
    /// comes again on a later connection.
    void complete(std::uint16_t packet_id);
    /// Says goodbye and closes: the hub publishes no will.
    void disconnect();

    // --- what it knows ---------------------------------------------------------------------------
    bool is_running() const { return stage_ == Stage::running; }
    bool is_closed() const { return stage_ == Stage::closed; }
    Errc close_reason() const { return close_reason_; }
    const char* close_detail() const { return close_detail_; }
    /// The code of a CONNACK that refused; 0 if none did. MQTT 3.1.1 §3.2.2.3.
    std::uint8_t refusal() const { return refusal_; }
    const std::string& client_id() const { return client_id_; }
    std::size_t telemetry_in_flight() const { return in_flight_.size(); }
    std::uint16_t last_packet_id() const { return last_packet_id_; }

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
