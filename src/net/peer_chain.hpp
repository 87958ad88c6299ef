#pragma once

#include "net/channel.hpp"

#include <string>
#include <vector>

namespace carillon {

/// The certificates that a peer sent, DER, its own first; empty if it showed none, or came back to a session
/// of TLS (RFC 8446 §2.2), of which only its own is known then. They stay in the TLS library, where they are
/// anyhow. On the channel's thread.
std::vector<std::string> peer_chain(const Channel& channel);

}  // namespace carillon
