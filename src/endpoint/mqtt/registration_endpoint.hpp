#pragma once

#include "net/channel.hpp"

#include <memory>

namespace carillon {

class Hub;
class MqttEndpoint;

/// Stands in front of the MQTT endpoint while the hub provisions devices: reads each connection's CONNECT and
/// keeps those that come to register, by their user name `{id scope}/registrations/{id}/…`; the others go on
/// to the endpoint as they are. Both share a port, as the service's two do not.
/// Source: DPS docs, "Communicate with your DPS using the MQTT protocol".
class MqttRegistrationEndpoint final : public ConnectionFactory {
public:
    /// Both outlive this.
    MqttRegistrationEndpoint(Hub& hub, MqttEndpoint& mqtt) : hub_(hub), mqtt_(mqtt) {}

    void accepted(std::unique_ptr<Channel> channel) override;

private:
    Hub& hub_;
    MqttEndpoint& mqtt_;
};

}  // namespace carillon
