#include "endpoint/rest/websocket_protocols.hpp"

#include "base/text.hpp"
#include "endpoint/rest/http/http_message.hpp"
#include "net/websocket_channel.hpp"

#include <algorithm>

namespace carillon {

namespace rest {

namespace {

constexpr std::string_view refusal =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

bool is_in_list(std::optional<std::string_view> list, std::string_view wanted) {
    if (!list) return false;
    const auto elements = split(*list, ',');
    return std::any_of(elements.begin(), elements.end(), [wanted](std::string_view element) {
        return equals_ignoring_case(trimmed(element), wanted);
    });
}

struct Chosen {
    std::string_view offered;  ///< As the client spells it.
    ConnectionFactory* endpoint = nullptr;
};

/// Protocols may be offered in several fields of the same name, best first.
std::optional<Chosen> choose(const HttpRequest& request, const WebSocketProtocols::Served& served) {
    for (const HttpField& field : request.fields) {
        if (!equals_ignoring_case(field.name, "sec-websocket-protocol")) continue;
        for (const std::string_view element : split(field.value, ',')) {
            for (const auto& [name, endpoint] : served) {
                if (equals_ignoring_case(trimmed(element), name)) return Chosen{trimmed(element), endpoint};
            }
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<WebSocketAccepted> accept_websocket(const HttpRequest& request,
                                                  const WebSocketProtocols::Served& served) {
    const auto chosen = choose(request, served);
    const auto key = request.find("sec-websocket-key");
    const auto version = request.find("sec-websocket-version");
    const bool is_handshake = is_in_list(request.find("connection"), "upgrade") &&
                              is_in_list(request.find("upgrade"), "websocket") && key &&
                              websocket::is_key(*key) && version && *version == "13" && request.body.empty();
    if (!is_handshake || !chosen) return std::nullopt;
    std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    answer += "Sec-WebSocket-Accept: " + websocket::accept_key(*key) + "\r\n";
    answer += "Sec-WebSocket-Protocol: " + std::string(chosen->offered) + "\r\n\r\n";
    return WebSocketAccepted{std::move(answer), chosen->endpoint};
}

}  // namespace rest

namespace {

/// Waits for the end of a connection whose handshake was refused.
class Refused final : public ChannelHandler {
public:
    static void close(std::unique_ptr<Channel> channel) {
        auto* handler = new Refused(std::move(channel));  // Dies in `closed`.
        handler->channel_->set_handler(*handler);
        static_cast<void>(handler->channel_->send(as_bytes(rest::refusal)));
        handler->channel_->close();
    }
    void received(Bytes) override {}
    void closed(Errc) override { delete this; }

private:
    explicit Refused(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
    std::unique_ptr<Channel> channel_;
};

}  // namespace

void WebSocketProtocols::upgrade(std::unique_ptr<Channel> channel, const rest::HttpRequest& request,
                                 std::string surplus) {
    const auto accepted = rest::accept_websocket(request, served_);
    if (!accepted || !channel->send(as_bytes(accepted->answer))) return Refused::close(std::move(channel));
    auto stream = std::make_unique<WebSocketChannel>(std::move(channel), std::move(surplus));
    WebSocketChannel& started = *stream;
    accepted->endpoint->accepted(std::move(stream));
    started.start();
}

}  // namespace carillon
