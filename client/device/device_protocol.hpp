#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/result.hpp"
#include "carillon/device_message.hpp"
#include "device/device_topics.hpp"
#include "wire/mqtt/property_bag.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

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
    std::string_view rid;  ///< For `DeviceProtocol::answer_method`.
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
    std::string_view bag;    ///< For `mqtt::parse_property_bag`, unless there is `properties`.
    std::string_view payload;
    std::uint16_t packet_id = 0;  ///< For `DeviceProtocol::settle`; 0 if there is nothing to settle.
    const mqtt::PropertyBag* properties = nullptr;
};

/// Receives what a session reports. Calls come from within `DeviceProtocol::receive`, and may
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
    /// The hub does not want it, and says why. Over AMQP only: over MQTT it ends the connection.
    virtual void telemetry_refused(std::uint16_t packet_id, const Error& /*reason*/) {
        telemetry_stored(packet_id);
    }
};

/// The device side of one connection to a hub, for a device or a module identity, without socket or clock:
/// bytes and time go in, calls to the host and bytes for the hub come out. What carries the bytes (TLS,
/// frames of a WebSocket) is the owner's. One thread.
///
/// It does not connect again: a new connection is a new session, and what was not acknowledged is for the
/// owner to send again.
class DeviceProtocol {
public:
    virtual ~DeviceProtocol() = default;

    /// Says who the device is; the first call, once.
    virtual void connect(const DeviceIntroduction& introduction, TimePoint now) = 0;
    virtual void receive(Bytes input, TimePoint now) = 0;
    /// When `tick` is due; `TimePoint::max()` if never.
    virtual TimePoint deadline() const = 0;
    /// Sends a sign of life, or ends a session whose hub does not answer.
    virtual void tick(TimePoint now) = 0;

    // --- only while `is_running` -----------------------------------------------------------------
    /// Answered by `DeviceSessionHost::subscribed`; a refusal closes the session.
    virtual void subscribe(DeviceFeatures features) = 0;
    /// `status` is the application's; `payload_json` may be empty.
    virtual void answer_method(std::string_view rid, int status, std::string_view payload_json) = 0;
    /// Answered by `DeviceSessionHost::twin_answered`, if `twin_responses` is subscribed to.
    virtual std::uint32_t get_twin() = 0;
    virtual std::uint32_t patch_reported(std::string_view patch_json) = 0;
    /// Sends a message that the hub acknowledges and gives its number. `bag` is the encoded property bag, or
    /// empty. `resent_id` is the number under which an earlier connection sent it and got no acknowledgement.
    /// Such messages come first on a connection.
    /// Fails with `throttling_backlog_limit_exceeded` while `telemetry_in_flight_max` are not stored.
    virtual Result<std::uint16_t> send_telemetry(std::string_view bag, std::string_view payload,
                                                 std::uint16_t resent_id) = 0;
    Result<std::uint16_t> send_telemetry(std::string_view bag, std::string_view payload) {
        return send_telemetry(bag, payload, 0);
    }
    /// Says what is to become of a message. Where the protocol has no word for it, the message is left, and
    /// comes again on a later connection.
    virtual void settle(std::uint16_t packet_id, MessageAnswer answer) = 0;
    /// Says goodbye and closes: the hub publishes no will.
    virtual void disconnect() = 0;

    // --- what it knows ---------------------------------------------------------------------------
    virtual bool is_running() const = 0;
    virtual bool is_closed() const = 0;
    virtual Errc close_reason() const = 0;
    virtual const char* close_detail() const = 0;
    /// The hub took the device's connection and refused the device.
    virtual bool is_refused() const = 0;
    virtual std::uint16_t last_packet_id() const = 0;
};

}  // namespace carillon
