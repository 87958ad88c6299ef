#pragma once

#include <cstddef>

namespace carillon {

/// The memory in which OpenSSL puts messages of a handshake together, 21 KiB for each. It keeps them from the
/// first byte to the end of the handshake, although nothing is in them while a server waits for what the peer
/// says to its answer. So these lie on pages of their own, which go back to the system for as long as that
/// takes: an answered hello then costs some 15 KiB instead of 42.
///
/// Any thread; each has a step of its own.
class HandshakeMemory {
public:
    /// Handshakes beyond it take usual memory. Ours: what four threads keep of strangers
    /// (`StrangerTurns::unfinished_max`), in 96 MiB of addresses.
    static constexpr std::size_t blocks_max = 4096;

    /// Has OpenSSL take all its memory through here, if nothing was asked of it yet; else false, and
    /// handshakes cost what they did.
    static bool install();

    /// The first step of a handshake of a server, on this thread.
    class FirstStep {
    public:
        FirstStep();
        ~FirstStep();
        FirstStep(const FirstStep&) = delete;
        FirstStep& operator=(const FirstStep&) = delete;
        /// Our answer is on its way and the peer has said no more. What is in the memory then is of no use.
        static void waits();
    };
};

}  // namespace carillon
