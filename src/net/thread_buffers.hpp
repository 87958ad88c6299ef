#pragma once

#include "base/bytes.hpp"
#include "net/handshake_gate.hpp"
#include "net/net_metrics.hpp"
#include "net/stranger_turns.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct bio_st;

namespace carillon {

struct BioFree {
    void operator()(bio_st* bio) const;
};

/// What the connections of a thread share: buffers lent while bytes move, so that an idle connection
/// owns none, the gate for new ones, and what waits of strangers. Its thread only.
struct ThreadBuffers {
    static constexpr std::size_t size = 64 * 1024;
    static constexpr std::size_t pooled_max = 64;  ///< Queues kept for the next to speak.

    ThreadBuffers();

    /// An empty string with room, for bytes to be sent.
    std::string take_queue();
    void give_queue(std::string queue);

    std::array<std::uint8_t, size> input;  ///< What one read brought: ciphertext, if TLS.
    std::array<std::uint8_t, size> plain;  ///< The same decrypted.
    Bytes unread;                          ///< Ciphertext OpenSSL has not taken yet.
    std::string output;                    ///< Ciphertext OpenSSL made and nobody sent yet.
    /// Stands between OpenSSL and the two above. It has no state of its own, so that all connections
    /// of the thread share it.
    std::unique_ptr<bio_st, BioFree> bio;
    HandshakeGate handshakes;  ///< Of connections that the thread accepted.
    StrangerTurns strangers;
    HandshakeMetrics handshake_metrics;

private:
    std::vector<std::string> pool_;  ///< Bound: pooled_max.
};

}  // namespace carillon
