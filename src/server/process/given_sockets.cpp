#include "server/process/given_sockets.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <optional>

namespace carillon {
namespace {

std::optional<std::int64_t> take_variable(const char* name) {
    const char* const value = std::getenv(name);
    const auto number = value == nullptr ? std::nullopt : parse_i64(value);
    ::unsetenv(name);
    return number;
}

bool is_listening(int descriptor) {
    int is_so = 0;
    socklen_t size = sizeof is_so;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &is_so, &size) == 0 && is_so != 0;
}

Result<GivenSockets::Socket> look_at(int descriptor) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    char text[INET6_ADDRSTRLEN] = "";
    GivenSockets::Socket socket{.descriptor = descriptor, .address = {}, .port = 0};
    if (is_listening(descriptor) &&
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
        if (storage.ss_family == AF_INET) {
            const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
            ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
            socket.port = ntohs(v4.sin_port);
        } else if (storage.ss_family == AF_INET6) {
            const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
            ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
            socket.port = ntohs(v6.sin6_port);
        }
    }
    if (socket.port == 0) {
        return fail(
            Errc::config_invalid,
            fmt::format("descriptor {} of the service manager is not a listening TCP socket; the socket "
                        "unit takes ListenStream= with ports, and Accept=no",
                        descriptor));
    }
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    // Several threads accept from it, and all but one find that it was taken.
    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    socket.address = text;
    return socket;
}

}  // namespace

Result<GivenSockets> GivenSockets::from_environment() {
    const auto pid = take_variable("LISTEN_PID");
    const auto count = take_variable("LISTEN_FDS");
    ::unsetenv("LISTEN_FDNAMES");
    GivenSockets given;
    if (pid != ::getpid() || !count || *count <= 0) return given;
    if (*count > count_max) {
        return fail(Errc::config_invalid, fmt::format("{} sockets were given, at most {} are taken", *count,
                                                      std::int64_t{count_max}));
    }
    for (int i = 0; i < *count; ++i) {
        auto socket = look_at(first_descriptor + i);
        if (!socket) return fail(std::move(socket).error());
        given.sockets_.push_back(*std::move(socket));
    }
    return given;
}

void GivenSockets::warn_of_others(std::initializer_list<std::uint16_t> ports) const {
    for (const Socket& socket : sockets_) {
        if (std::find(ports.begin(), ports.end(), socket.port) != ports.end()) continue;
        log.warn("socket of the service manager not used port={}", socket.port);
    }
}

std::vector<GivenSockets::Socket> GivenSockets::of_port(std::uint16_t port) const {
    std::vector<Socket> found;
    for (const Socket& socket : sockets_) {
        if (socket.port == port) found.push_back(socket);
    }
    return found;
}

}  // namespace carillon
