#pragma once

#include "net/channel.hpp"

#include <memory>
#include <string>
#include <vector>

struct ssl_st;

namespace carillon {

/// What the peer's certificate of a finished handshake says; null if it showed none.
std::unique_ptr<PeerCertificate> read_peer_certificate(const ssl_st* ssl);
/// The certificates it sent, DER, its own first; empty if it showed none.
std::vector<std::string> read_peer_chain(const ssl_st* ssl);

}  // namespace carillon
