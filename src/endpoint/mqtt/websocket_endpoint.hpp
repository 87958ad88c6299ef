#pragma once

#include "endpoint/rest/rest_endpoint.hpp"

#include <memory>
#include <optional>
#include <string>

namespace carillon {

/// MQTT over WebSocket: takes over what asks for `/$iothub/websocket` on the HTTPS port, and hands
/// the stream within to the MQTT endpoint. A request that is not a proper handshake, or offers no
/// protocol `mqtt` (in any case; the spelling offered is the one answered), gets 400.
/// `mqtt` outlives this. Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol";
/// RFC 6455 §4.2; azure-iot-sdk-c offers `MQTT`, azure-iot-sdk-node `mqtt`.
class MqttWebSockets final : public WebSocketFactory {
public:
    explicit MqttWebSockets(ConnectionFactory& mqtt) : mqtt_(mqtt) {}

    void upgrade(std::unique_ptr<Channel> channel, const rest::HttpRequest& request,
                 std::string surplus) override;

private:
    ConnectionFactory& mqtt_;
};

namespace mqtt {

/// The answer that accepts the handshake, or nothing if it is to be refused.
std::optional<std::string> websocket_answer(const rest::HttpRequest& request);

}  // namespace mqtt
}  // namespace carillon
