#include "server/cluster/health_door.hpp"

#include "base/text.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

namespace carillon {
namespace {

struct Address {
    sockaddr_storage bytes{};
    socklen_t size = 0;
};

std::optional<Address> parse_address(std::string_view where) {
    const auto colon = where.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_u64(where.substr(colon + 1));
    std::string host(where.substr(0, colon));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    const auto in_order = htons(static_cast<std::uint16_t>(*port));
    Address address;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.bytes);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = in_order;
        address.size = sizeof *v6;
        if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
        return address;
    }
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.bytes);
    v4->sin_family = AF_INET;
    v4->sin_port = in_order;
    address.size = sizeof *v4;
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return std::nullopt;
    return address;
}

bool is_ready(int descriptor, short event, std::chrono::steady_clock::time_point until) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd polled{descriptor, event, 0};
    return left.count() > 0 && ::poll(&polled, 1, static_cast<int>(left.count())) == 1;
}

}  // namespace

Result<std::unique_ptr<HealthDoor>> HealthDoor::open(const std::string& where, std::function<State()> look) {
    const auto address = parse_address(where);
    if (!address) return fail(Errc::config_invalid, "cluster.health must be ADDRESS:PORT, not " + where);
    const int listener = ::socket(address->bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    constexpr int waiting_max = 16;
    const bool listens =
        listener >= 0 &&
        ::bind(listener, reinterpret_cast<const sockaddr*>(&address->bytes), address->size) == 0 &&
        ::listen(listener, waiting_max) == 0;
    const int ending = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!listens || ending < 0) {
        const std::string reason = std::strerror(errno);
        if (listener >= 0) ::close(listener);
        if (ending >= 0) ::close(ending);
        return fail(Errc::io_failed, "cannot listen on " + where + " for cluster.health: " + reason);
    }
    return std::unique_ptr<HealthDoor>(new HealthDoor(listener, ending, std::move(look)));
}

HealthDoor::HealthDoor(int listener, int ending, std::function<State()> look)
    : listener_(listener), ending_(ending), look_(std::move(look)) {
    thread_ = std::thread([this] { loop(); });
    ::pthread_setname_np(thread_.native_handle(), "carillon-health");
}

HealthDoor::~HealthDoor() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(ending_, &one, sizeof one);
    thread_.join();
    ::close(listener_);
    ::close(ending_);
}

void HealthDoor::loop() {
    for (;;) {
        std::array<pollfd, 2> polled{pollfd{listener_, POLLIN, 0}, pollfd{ending_, POLLIN, 0}};
        ::poll(polled.data(), polled.size(), -1);
        if (polled[1].revents != 0) return;
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0) {
            // No descriptors left: not to be tried again at once.
            if (errno != EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        answer(connection);
        ::close(connection);
    }
}

void HealthDoor::answer(int connection) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_max_ms);
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
        std::array<char, 1024> piece{};
        if (!is_ready(connection, POLLIN, until)) return;
        const ssize_t size = ::recv(connection, piece.data(), piece.size(), 0);
        if (size <= 0 || request.size() + static_cast<std::size_t>(size) > request_bytes_max) return;
        request.append(piece.data(), static_cast<std::size_t>(size));
    }
    const State state = look_();
    const std::string body = state.text + "\n";
    const std::string text = fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
        "Connection: close\r\n\r\n{}",
        state.serves ? "200 OK" : "503 Service Unavailable", body.size(),
        request.starts_with("HEAD ") ? "" : body);
    // As long as it is, a socket takes it at once.
    [[maybe_unused]] const auto sent = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(connection, SHUT_WR);
}

}  // namespace carillon
