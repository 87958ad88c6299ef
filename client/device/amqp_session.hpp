#pragma once

#include "device/device_protocol.hpp"
#include "wire/amqp/connection.hpp"
#include "wire/amqp/message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct AmqpSessionLimits {
    /// How long the hub may take from the first byte until it has taken the device. As for MQTT.
    static constexpr std::chrono::seconds opening_max{30};
    /// Cloud-to-device messages that are not settled; then the hub gives no more.
    static constexpr std::uint32_t messages_in_hand_max = 64;
    /// Methods and twin answers that the hub may send ahead.
    static constexpr std::uint32_t answers_credit = 64;
};

/// A device's or a module's own AMQP 1.0 connection to a hub: its token by CBS, or its certificate, and a
/// link for each thing that it does. A link that the hub takes away ends the session, as a device that is
/// connected in part helps nobody.
///
///     idle --connect--> opening --SASL, open, token, link of telemetry--> running --disconnect--> closed
///                          |                                                |                       ^
///                          +------------------------------------------------+----- refused, lost ---+
///
/// Source: IoT Hub docs, "Communicate with your IoT hub using the AMQP protocol"; azure-iot-sdk-node:
/// device/transport/amqp.
class AmqpSession final : public DeviceProtocol, private amqp::ConnectionHost {
public:
    AmqpSession(DeviceSessionHost& host, const IdentityKey& identity, std::uint16_t last_packet_id = 0);
    ~AmqpSession() override;
    AmqpSession(const AmqpSession&) = delete;
    AmqpSession& operator=(const AmqpSession&) = delete;

    using DeviceProtocol::send_telemetry;

    void connect(const DeviceIntroduction& introduction, TimePoint now) override;
    void receive(Bytes input, TimePoint now) override;
    TimePoint deadline() const override;
    void tick(TimePoint now) override;

    void subscribe(DeviceFeatures features) override;
    void answer_method(std::string_view rid, int status, std::string_view payload_json) override;
    std::uint32_t get_twin() override;
    std::uint32_t patch_reported(std::string_view patch_json) override;
    Result<std::uint16_t> send_telemetry(std::string_view bag, std::string_view payload,
                                         std::uint16_t resent_id) override;
    void settle(std::uint16_t packet_id, MessageAnswer answer) override;
    void disconnect() override;

    bool is_running() const override { return stage_ == Stage::running; }
    bool is_closed() const override { return stage_ == Stage::closed; }
    Errc close_reason() const override { return close_reason_; }
    const char* close_detail() const override { return close_detail_.c_str(); }
    bool is_refused() const override { return is_refused_; }
    std::uint16_t last_packet_id() const override { return last_packet_id_; }

private:
    enum class Stage : std::uint8_t { idle, opening, running, closed };
    /// Features whose links the hub has not all attached.
    struct Subscribing {
        DeviceFeatures features;
        std::vector<amqp::LinkId> links;  ///< Bound: the links of a device.
        bool awaits_desired = false;
    };

    // --- amqp::ConnectionHost ---------------------------------------------------------------------
    std::string& output() override { return host_.output(); }
    bool takes_output() const override { return true; }
    void sasl_requested(const amqp::SaslInit&) override {}  // A server's.
    void opened(const amqp::Open& open) override;
    void link_requested(amqp::LinkId link, const amqp::Attach& attach) override;
    void attached(amqp::LinkId link, const amqp::Attach& attach) override;
    void delivered(const amqp::Delivery& delivery) override;
    void disposed(const amqp::Disposal& disposal) override;
    void confirmed(amqp::LinkId, std::uint32_t, const amqp::DeliveryState&) override {}
    void flowed(amqp::LinkId link) override;
    void detached(amqp::LinkId link, const amqp::Condition& error) override;

    amqp::LinkId attach(amqp::LinkRole role, std::string_view address, std::uint32_t credit);
    void want(amqp::LinkId& link, amqp::LinkRole role, std::string_view suffix, std::uint32_t credit,
              Subscribing& subscribing);
    bool is_attached(amqp::LinkId link) const;
    void ask_for_desired();
    bool send(amqp::LinkId link, std::string_view message, std::uint64_t cookie);
    std::uint32_t ask_twin(bool is_patch, std::string_view body);
    void token_answered(const amqp::MessageView& message);
    void take_message(const amqp::Delivery& delivery, const amqp::MessageView& view);
    void take_twin_news(const amqp::MessageView& view);
    void tell_subscribed();
    void close(Errc reason, std::string_view detail);
    void settle_connection();

    DeviceSessionHost& host_;
    const IdentityKey identity_;
    std::string address_;  ///< `/devices/{id}[/modules/{id}]/`
    amqp::ConnectionSettings settings_;
    std::unique_ptr<amqp::Connection> connection_;
    std::string host_name_;
    std::string token_;
    std::string client_type_;
    std::string model_id_;
    std::string close_detail_;
    TimePoint now_{};  ///< Of the call under way.
    TimePoint opening_until_ = TimePoint::max();
    std::vector<Subscribing> subscribing_;            ///< Bound: a feature each.
    std::vector<amqp::LinkId> attached_;              ///< Bound: the links of a device.
    std::vector<std::uint16_t> in_flight_;            ///< Bound: DeviceSessionLimits::telemetry_in_flight_max
    std::map<std::uint16_t, amqp::Receipt> in_hand_;  ///< Bound: AmqpSessionLimits::messages_in_hand_max
    amqp::SessionId session_ = 0;
    amqp::LinkId token_link_ = 0;
    amqp::LinkId token_answers_link_ = 0;
    amqp::LinkId telemetry_link_ = 0;
    amqp::LinkId method_calls_link_ = 0;
    amqp::LinkId method_answers_link_ = 0;
    amqp::LinkId twin_requests_link_ = 0;
    amqp::LinkId twin_answers_link_ = 0;
    amqp::LinkId messages_link_ = 0;
    amqp::LinkId inputs_link_ = 0;
    std::uint64_t last_tag_ = 0;
    std::uint32_t last_request_ = 0;
    Errc close_reason_ = Errc::connection_closed;
    std::uint16_t last_packet_id_ = 0;
    std::uint16_t last_message_ = 0;
    Stage stage_ = Stage::idle;
    bool is_token_sent_ = false;
    bool is_refused_ = false;
};

}  // namespace carillon
