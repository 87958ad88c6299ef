#pragma once

#include "net/listener.hpp"
#include "server/process/given_sockets.hpp"

#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// Bound: GivenSockets::count_max, or one an address.
using Listeners = std::vector<std::unique_ptr<Listener>>;

/// Where a hub listens that was not told where.
inline constexpr const char* loopback = "127.0.0.1";
inline constexpr const char* loopback_v6 = "::1";

/// What listeners of one port have in common.
struct PortPlan {
    IoThreads& threads;
    ConnectionFactory& factory;
    ChannelLimits limits;
    const TlsContexts* tls = nullptr;  ///< Null: plain bytes.
    std::uint16_t port = 0;
    const char* flag = "";  ///< The option that names the port, for errors.
};

/// Listens on the sockets that the service manager made for the port, wherever they are bound, or at each
/// address of `bind`; at the loopback addresses if that is empty. Adds the listeners to `listeners`, and
/// where they are to `shown`. Fails as `Listener::open`, in words that say the ways out.
Result<> open_listeners(const PortPlan& plan, const std::vector<std::string>& bind, const GivenSockets& given,
                        Listeners& listeners, std::vector<std::string>& shown);

}  // namespace carillon
