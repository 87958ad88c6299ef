#include "net/peer_chain.hpp"

#include "net/socket_channel.hpp"
#include "net/websocket_channel.hpp"

namespace carillon {

std::vector<std::string> peer_chain(const Channel& channel) {
    if (const auto* inside = dynamic_cast<const WebSocketChannel*>(&channel))
        return peer_chain(inside->inner());
    const auto* const socket = dynamic_cast<const SocketChannel*>(&channel);
    return socket != nullptr ? socket->peer_chain() : std::vector<std::string>();
}

}  // namespace carillon
