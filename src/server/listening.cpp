#include "server/listening.hpp"

#include "server/process/refused_port.hpp"

#include <cerrno>
#include <cstring>

namespace carillon {
Result<> open_listeners(const PortPlan& plan, const std::vector<std::string>& bind, const GivenSockets& given,
                        Listeners& listeners, std::vector<std::string>& shown) {
    const auto open = [&](const std::string& address, int descriptor) -> Result<> {
        Listener::Options options{.address = address,
                                  .port = plan.port,
                                  .limits = plan.limits,
                                  .tls = plan.tls,
                                  .given = descriptor};
        auto listener = Listener::open(plan.threads, plan.factory, std::move(options));
        if (!listener) return fail(std::move(listener).error());
        shown.push_back((*listener)->place());
        listeners.push_back(*std::move(listener));
        return {};
    };
    const auto given_here = given.of_port(plan.port);
    for (const auto& socket : given_here) {
        const auto done = open(socket.address, socket.descriptor);
        if (!done) return fail(refused_port(done.error(), socket.address, plan.port, plan.flag));
    }
    if (!given_here.empty()) return {};
    const bool is_default = bind.empty();
    const auto addresses = is_default ? std::vector<std::string>{loopback, loopback_v6} : bind;
    for (const std::string& address : addresses) {
        const auto done = open(address, -1);
        // A machine without IPv6 has no second loopback address, and needs none.
        const bool may_lack = is_default && address == loopback_v6;
        if (done || (may_lack && done.error().detail != std::strerror(EADDRINUSE))) continue;
        return fail(refused_port(done.error(), address, plan.port, plan.flag));
    }
    return {};
}

}  // namespace carillon
