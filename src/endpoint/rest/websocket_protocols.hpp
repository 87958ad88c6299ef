#pragma once

#include "endpoint/rest/rest_endpoint.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Protocols over WebSocket: takes over what asks for a WebSocket on the HTTPS port, and hands the stream
/// within to the endpoint of the first protocol on offer that is served (in any case; the spelling offered
/// is the one answered). A request that is not a proper handshake, or offers none of them, gets 400.
/// The endpoints outlive this. Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT
/// protocol"; RFC 6455 §4.2; azure-iot-sdk-c offers `MQTT`, azure-iot-sdk-node `mqtt`, all `AMQPWSB10`.
class WebSocketProtocols final : public WebSocketFactory {
public:
    /// By the name of the protocol, such as `mqtt`.
    using Served = std::vector<std::pair<std::string_view, ConnectionFactory*>>;
    explicit WebSocketProtocols(Served served) : served_(std::move(served)) {}

    void upgrade(std::unique_ptr<Channel> channel, const rest::HttpRequest& request,
                 std::string surplus) override;

private:
    Served served_;  ///< Bound: fixed.
};

namespace rest {

/// The handshake of a WebSocket, accepted.
struct WebSocketAccepted {
    std::string answer;
    ConnectionFactory* endpoint = nullptr;
};
/// Nothing if it is to be refused.
std::optional<WebSocketAccepted> accept_websocket(const HttpRequest& request,
                                                  const WebSocketProtocols::Served& served);

}  // namespace rest
}  // namespace carillon
