#pragma once

#include "base/errc.hpp"
#include "base/metrics.hpp"

namespace carillon {

/// What became of the TLS handshakes that a thread's listeners began. That thread writes it, any reads it.
struct alignas(64) HandshakeMetrics {
    Counter done;
    Counter resumed;  ///< Of these, by a session of before.
    Counter failed;
    Counter abandoned;  ///< The peer ended the connection before.
    Counter timed_out;  ///< Or cut as too many were unfinished.

    void ended_well(bool is_resumed) {
        ++done;
        if (is_resumed) ++resumed;
    }
    /// Counts one that did not end well.
    void lost(Errc reason) {
        ++(reason == Errc::tls_failed                     ? failed
           : reason == Errc::connection_forcefully_closed ? timed_out
                                                          : abandoned);
    }
};

}  // namespace carillon
