#include "device/device_link.hpp"

namespace carillon::client {

namespace {

constexpr std::string_view websocket_path = "/$iothub/websocket";
/// Has Azure's hub not ask for a certificate. Source: azure-iot-sdk-java: MqttIotHubConnection.java.
constexpr std::string_view no_certificate = "?iothub-no-client-cert=true";

}  // namespace

DeviceLink::DeviceLink(ClientIo& io, StreamHandler& handler, const LinkSettings& settings)
    : io_(io), handler_(handler), settings_(settings), stream_(io.loop(), *this) {}

DeviceLink::~DeviceLink() {
    *lives_ = false;
}

void DeviceLink::open() {
    io_.resolver().resolve(settings_.address, [this, lives = lives_](const auto& found) {
        if (!*lives) return;
        if (!found) return handler_.closed(found.error());
        auto addresses = *found;
        for (SocketAddress& address : addresses) address.set_port(settings_.port);
        stream_.connect(std::move(addresses), settings_.tls, settings_.host_name);
    });
}

void DeviceLink::opened() {
    if (settings_.websocket.empty()) return handler_.opened();
    websocket_.emplace(io_.random());
    std::string target(websocket_path);
    if (!settings_.has_certificate) target += no_certificate;
    stream_.send(websocket_->request(settings_.host_name, target, settings_.websocket));
}

void DeviceLink::received(Bytes bytes) {
    if (!websocket_) return handler_.received(bytes);
    const bool was_open = websocket_->is_open();
    std::string reply;
    const auto outcome = websocket_->receive(bytes, reply, [this](Bytes data) {
        if (*lives_) handler_.received(data);
    });
    if (!*lives_) return;
    stream_.send(reply);
    if (!outcome) {
        // What a proxy or an overloaded hub says is not a verdict on the device: it is tried again.
        const Error reason{Errc::connection_closed, outcome.error().detail};
        stream_.close();
        return handler_.closed(reason);
    }
    if (!was_open && websocket_->is_open()) handler_.opened();
}

void DeviceLink::send(std::string_view bytes) {
    if (!websocket_) return stream_.send(bytes);
    if (!websocket_->is_open() || bytes.empty()) return;
    std::string frame;
    websocket_->append(frame, as_bytes(bytes));
    stream_.send(frame);
}

void DeviceLink::close() {
    *lives_ = false;
    stream_.close();
}

}  // namespace carillon::client
