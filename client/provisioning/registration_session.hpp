#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "provisioning/registration_line.hpp"
#include "wire/mqtt/framer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// The device side of one MQTT 3.1.1 connection to a provisioning service, without socket or clock: bytes go
/// in, bytes for the service and answers come out. One request at a time.
///
///     connecting --CONNACK 0--> subscribing --SUBACK--> ready --refused, illegal--> closed
///
/// It sends no pings: a registration asks again before its keep-alive is over.
/// Source: DPS docs, "Communicate with your DPS using the MQTT protocol".
class RegistrationSession {
public:
    /// Longer than a client waits for an answer, or between two requests. Source: azure-iot-sdk-node.
    static constexpr std::uint16_t keep_alive_s = 180;

    /// Begins with CONNECT. `user_name` holds id scope and registration id.
    RegistrationSession(std::string_view user_name, std::string_view registration_id, std::string_view token);

    void receive(Bytes input);

    // --- only while `is_ready` ---------------------------------------------------------------------
    /// Asks; answered by `take_answer`. An answer to an earlier request is dropped from then on.
    void begin(std::string_view body);
    void poll(std::string_view operation_id);
    void disconnect();

    bool is_ready() const { return stage_ == Stage::ready; }
    bool is_closed() const { return stage_ == Stage::closed; }
    /// Why it is closed: `iot_hub_unauthorized_access`, `service_unavailable`, `invalid_protocol_version`, as
    /// CONNACK says; `malformed_packet`, `message_too_large`; `connection_closed`.
    const Error& reason() const { return reason_; }
    /// The answer to the latest request, once.
    std::optional<RegistrationAnswer> take_answer();
    /// What is to be sent.
    std::string take_output();

private:
    enum class Stage : std::uint8_t { connecting, subscribing, ready, closed };

    void handle(const mqtt::Packet& packet);
    void handle_connack(const mqtt::Packet& packet);
    void handle_suback(const mqtt::Packet& packet);
    void handle_publish(const mqtt::Packet& packet);
    void ask(std::string_view topic, std::string_view body);
    void close(Errc code, const char* detail);

    mqtt::Framer framer_{mqtt::PacketLimits::packet_bytes_max};
    std::string output_;
    std::optional<RegistrationAnswer> answer_;
    Error reason_{Errc::connection_closed, {}};
    std::uint16_t requests_ = 0;  ///< The latest one's number is its `$rid`.
    Stage stage_ = Stage::connecting;
};

}  // namespace carillon
