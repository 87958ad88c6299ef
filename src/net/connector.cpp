#include "net/connector.hpp"

#include "base/text.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace carillon {
namespace {

const sockaddr* generic(const void* address) {
    return static_cast<const sockaddr*>(address);
}

tl::unexpected<Error> unreachable(const char* what, int error) {
    return fail(Errc::unreachable, std::string(what) + ": " + std::strerror(error));
}

/// Closes a descriptor that nobody took.
struct TrialSocket {
    int number;
    ~TrialSocket() {
        if (number >= 0) ::close(number);
    }
    int take() { return std::exchange(number, -1); }
};

bool is_local_name(const std::string& host) {
    constexpr std::string_view suffix = ".localhost";
    const std::string lower = to_lower(host);
    return lower.size() > suffix.size() && std::string_view(lower).ends_with(suffix);
}

}  // namespace

bool SocketAddress::is_ipv4_loopback() const {
    if (storage.ss_family != AF_INET) return false;
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof address);
    return ntohl(address.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

Result<SocketAddress> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string name = is_local_name(host) ? "localhost" : host;
    const int error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) return fail(Errc::unreachable, host + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
    const addrinfo* best = found;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (one->ai_family == AF_INET) {
            best = one;
            break;
        }
    }
    SocketAddress address;
    address.length = best->ai_addrlen;
    std::memcpy(&address.storage, best->ai_addr, best->ai_addrlen);
    return address;
}

Result<std::unique_ptr<Channel>> Connector::connect(IoThread& thread, ChannelHandler& handler,
                                                    std::optional<std::uint32_t> source) const {
    const int family = settings_.server.storage.ss_family;
    TrialSocket socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (socket.number < 0) return unreachable("no socket", errno);
    const int on = 1;
    ::setsockopt(socket.number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source && family == AF_INET) {
        // The port is chosen at connect, where the pair of addresses decides which are free.
        ::setsockopt(socket.number, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        sockaddr_in from{};
        from.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(*source);
        if (::bind(socket.number, generic(&from), sizeof from) != 0) {
            return unreachable("source address", errno);
        }
    }
    if (::connect(socket.number, generic(&settings_.server.storage), settings_.server.length) != 0 &&
        errno != EINPROGRESS) {
        return unreachable("connect", errno);
    }
    SslPtr ssl;
    if (settings_.tls) {
        ssl = settings_.tls->new_connection(settings_.host_name);
        if (ssl == nullptr) return fail(Errc::unreachable, "no memory for TLS");
    }
    auto channel = std::make_unique<SocketChannel>(thread, socket.take(), std::move(ssl), settings_.host_name,
                                                   settings_.limits);
    channel->set_handler(handler);
    channel->start_connecting();
    return std::unique_ptr<Channel>(std::move(channel));
}

}  // namespace carillon
