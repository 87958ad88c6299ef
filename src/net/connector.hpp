#pragma once

#include "base/result.hpp"
#include "net/channel.hpp"
#include "net/socket_channel.hpp"
#include "net/tls_context.hpp"

#include <sys/socket.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace carillon {

/// Where a server is, as the kernel takes it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    /// True for 127.0.0.0/8, where any address may be a source.
    bool is_ipv4_loopback() const;
};

/// Looks a host up, IPv4 first; blocks. Names below `localhost` are this machine (RFC 6761 §6.3).
/// Fails with `unreachable`.
Result<SocketAddress> resolve(const std::string& host, std::uint16_t port);

/// Makes connections to one server: the client's counterpart of a listener. Immutable, any thread;
/// outlives its channels.
class Connector {
public:
    struct Settings {
        SocketAddress server;
        std::string host_name;                        ///< What the certificate must be for.
        std::shared_ptr<const TlsClientContext> tls;  ///< Null: bytes are sent as they are.
        ChannelLimits limits;                         ///< `unauthenticated_time_max` bounds connecting too.
    };
    explicit Connector(Settings settings) : settings_(std::move(settings)) {}

    /// Begins a connection on `thread`, which this is called on. `handler` hears of it by
    /// `handshaken`, or by `closed` in a later step of the loop. `source` is an IPv4 address in host
    /// order to connect from: one address has only some 28,000 ports.
    /// Fails with `unreachable` if the kernel refuses, such as for want of descriptors.
    Result<std::unique_ptr<Channel>> connect(IoThread& thread, ChannelHandler& handler,
                                             std::optional<std::uint32_t> source) const;

private:
    Settings settings_;
};

}  // namespace carillon
