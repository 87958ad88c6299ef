#pragma once

#include "io/client_io.hpp"
#include "io/tls_stream.hpp"
#include "wire/websocket/client_stream.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::client {

/// Where a device's hub is, and how to speak to it.
struct LinkSettings {
    std::string host_name;  ///< What the certificate must be for.
    std::string address;    ///< What to connect to.
    std::uint16_t port = 0;
    std::shared_ptr<const TlsClient> tls;
    std::string_view websocket;    ///< The subprotocol, if it is to be one.
    bool has_certificate = false;  ///< A client certificate proves the device.
};

/// A stream of MQTT or AMQP to a hub: a name looked up, TLS, and a WebSocket around it if it is to be one.
/// Told of and destroyed as a `TlsStream`. Source: IoT Hub docs, "Communicate with your IoT hub using the
/// MQTT protocol", MQTT over WebSockets.
class DeviceLink final : private StreamHandler {
public:
    DeviceLink(ClientIo& io, StreamHandler& handler, const LinkSettings& settings);
    ~DeviceLink() override;

    /// Begins; once.
    void open();
    void send(std::string_view bytes);
    std::size_t unsent() const { return stream_.unsent(); }
    void close();

private:
    void opened() override;
    void received(Bytes bytes) override;
    void drained() override { handler_.drained(); }
    void closed(const Error& reason) override { handler_.closed(reason); }

    ClientIo& io_;
    StreamHandler& handler_;
    const LinkSettings& settings_;
    TlsStream stream_;
    std::optional<websocket::ClientStream> websocket_;
    std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);  ///< For the resolver's answer.
};

}  // namespace carillon::client
