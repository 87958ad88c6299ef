#include "endpoint/mqtt/websocket_endpoint.hpp"

#include "base/text.hpp"
#include "endpoint/rest/http_message.hpp"
#include "net/websocket_channel.hpp"

#include <algorithm>

namespace carillon {

namespace mqtt {

namespace {

constexpr std::string_view refusal =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The element of a comma-separated list that equals `wanted`, in its own spelling.
std::optional<std::string_view> find_in_list(std::optional<std::string_view> list, std::string_view wanted) {
    if (!list) return std::nullopt;
    for (const std::string_view element : split(*list, ',')) {
        if (equals_ignoring_case(trimmed(element), wanted)) return trimmed(element);
    }
    return std::nullopt;
}

/// A protocol may be offered in several fields of the same name.
std::optional<std::string_view> offered_protocol(const rest::HttpRequest& request) {
    for (const rest::HttpField& field : request.fields) {
        if (!equals_ignoring_case(field.name, "sec-websocket-protocol")) continue;
        if (const auto protocol = find_in_list(field.value, "mqtt")) return protocol;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> websocket_answer(const rest::HttpRequest& request) {
    const auto protocol = offered_protocol(request);
    const auto key = request.find("sec-websocket-key");
    const auto version = request.find("sec-websocket-version");
    const bool is_handshake = find_in_list(request.find("connection"), "upgrade") &&
                              find_in_list(request.find("upgrade"), "websocket") && key &&
                              websocket::is_key(*key) && version && *version == "13" && request.body.empty();
    if (!is_handshake || !protocol) return std::nullopt;
    std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    answer += "Sec-WebSocket-Accept: " + websocket::accept_key(*key) + "\r\n";
    answer += "Sec-WebSocket-Protocol: " + std::string(*protocol) + "\r\n\r\n";
    return answer;
}

}  // namespace mqtt

namespace {

/// Waits for the end of a connection whose handshake was refused.
class Refused final : public ChannelHandler {
public:
    static void close(std::unique_ptr<Channel> channel) {
        auto* handler = new Refused(std::move(channel));  // Dies in `closed`.
        handler->channel_->set_handler(*handler);
        static_cast<void>(handler->channel_->send(as_bytes(mqtt::refusal)));
        handler->channel_->close();
    }
    void received(Bytes) override {}
    void closed(Errc) override { delete this; }

private:
    explicit Refused(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
    std::unique_ptr<Channel> channel_;
};

}  // namespace

void MqttWebSockets::upgrade(std::unique_ptr<Channel> channel, const rest::HttpRequest& request,
                             std::string surplus) {
    const auto answer = mqtt::websocket_answer(request);
    if (!answer || !channel->send(as_bytes(*answer))) return Refused::close(std::move(channel));
    auto stream = std::make_unique<WebSocketChannel>(std::move(channel), std::move(surplus));
    WebSocketChannel& started = *stream;
    mqtt_.accepted(std::move(stream));
    started.start();
}

}  // namespace carillon
