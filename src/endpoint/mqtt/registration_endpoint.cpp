#include "endpoint/mqtt/registration_endpoint.hpp"

#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/mqtt/mqtt_endpoint.hpp"
#include "endpoint/mqtt/registration_connection.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/framer.hpp"
#include "wire/mqtt/registration_topics.hpp"

#include <string>

namespace carillon {

namespace {

/// The first packet of a connection, until it is known whose it is.
class FirstPacket final : public ChannelHandler {
public:
    FirstPacket(Hub& hub, MqttEndpoint& mqtt, std::unique_ptr<Channel> channel)
        : hub_(hub), mqtt_(mqtt), channel_(std::move(channel)) {
        channel_->set_handler(*this);
    }

    void received(Bytes bytes) override {
        input_ += as_text(bytes);
        Bytes left = as_bytes(input_);
        mqtt::Framer framer(mqtt::PacketLimits::unauthenticated_bytes_max);
        const auto packet = framer.next(left);
        // What begins otherwise is no CONNECT, and the endpoint closes it at once.
        const mqtt::Packet begun_as{.header = as_bytes(input_).front(), .body = {}};
        const bool may_be_ours = packet && begun_as.is(mqtt::PacketType::connect);
        if (may_be_ours && !*packet) return;  // More is to come; the channel bounds how much, and how long.
        const bool registers = may_be_ours && is_of_registration(**packet);
        const std::string begun = std::move(input_);
        if (registers) {
            mqtt::RegistrationConnection::serve(hub_, std::move(channel_), as_bytes(begun));
        } else {
            mqtt_.take_over(std::move(channel_), as_bytes(begun));
        }
        delete this;
    }
    void closed(Errc) override { delete this; }

private:
    bool is_of_registration(const mqtt::Packet& packet) const {
        if (!packet.is(mqtt::PacketType::connect)) return false;
        const auto connect = mqtt::decode_connect(packet);
        if (!connect || !connect->user_name) return false;
        const auto name = mqtt::parse_registration_user_name(*connect->user_name);
        return name && hub_.provisioning().has_scope(name->scope);
    }

    Hub& hub_;
    MqttEndpoint& mqtt_;
    std::unique_ptr<Channel> channel_;
    std::string input_;  ///< Bound: ChannelLimits::unauthenticated_bytes_max.
};

}  // namespace

void MqttRegistrationEndpoint::accepted(std::unique_ptr<Channel> channel) {
    new FirstPacket(hub_, mqtt_, std::move(channel));  // Owns itself from here on.
}

}  // namespace carillon
