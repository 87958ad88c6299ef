#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace carillon {

/// Listening sockets that the service manager made and gave to this process (socket activation): they are
/// there before the hub is and stay when it goes, so that clients wait for a restart instead of being
/// refused. Source: sd_listen_fds(3).
class GivenSockets {
public:
    struct Socket {
        int descriptor = -1;
        std::string address;
        std::uint16_t port = 0;
    };
    static constexpr int first_descriptor = 3;
    static constexpr std::int64_t count_max = 64;  ///< Ours: an address has three ports.

    /// Reads `LISTEN_PID` and `LISTEN_FDS`, and takes them out of the environment, so that no process of ours
    /// believes to be meant. None if another process is meant. Fails with `config_invalid` for one that is no
    /// listening TCP socket.
    static Result<GivenSockets> from_environment();

    /// Those of a port. They stay open as long as the process lives.
    std::vector<Socket> of_port(std::uint16_t port) const;
    /// Logs those of other ports, of which the hub makes no use.
    void warn_of_others(std::initializer_list<std::uint16_t> ports) const;

private:
    std::vector<Socket> sockets_;  ///< Bound: count_max.
};

}  // namespace carillon
