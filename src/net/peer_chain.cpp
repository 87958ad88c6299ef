#include "net/peer_chain.hpp"

#include "net/relayed_channel.hpp"
#include "net/socket_channel.hpp"
#include "net/websocket_channel.hpp"

namespace carillon {

std::vector<std::string> peer_chain(const Channel& channel) {
    if (const auto* inside = dynamic_cast<const WebSocketChannel*>(&channel))
        return peer_chain(inside->inner());
    if (const auto* relayed = dynamic_cast<const RelayedChannel*>(&channel)) return relayed->peer().chain;
    const auto* const socket = dynamic_cast<const SocketChannel*>(&channel);
    return socket != nullptr ? socket->peer_chain() : std::vector<std::string>();
}

}  // namespace carillon
