#include "client/faulty_proxy.hpp"

#include "base/result.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <chrono>

namespace carillon::client_test {

namespace {

constexpr std::size_t piece_bytes_max = 16 * 1024;

sockaddr_in socket_address(std::uint32_t address, std::uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(address);
    at.sin_port = htons(port);
    return at;
}

}  // namespace

/// One connection: the device's socket and ours to the hub.
struct FaultyProxy::Pair {
    Pair(int device_end, int hub_end) : device(device_end), hub(hub_end) {}
    ~Pair() {
        // What is under way is lost, as on a line that breaks.
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        for (const int end : {device, hub}) {
            ::setsockopt(end, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            ::close(end);
        }
    }
    int device;
    int hub;
    std::size_t carried = 0;
};

FaultyProxy::FaultyProxy(load::Endpoint hub) : hub_(hub) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in at = socket_address(hub.address, 0);
    socklen_t size = sizeof at;
    const bool listens = ::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                         ::listen(listener_, 64) == 0 &&
                         ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) == 0;
    CARILLON_ASSERT(listens);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
}

FaultyProxy::~FaultyProxy() {
    is_ending_ = true;
    thread_.join();
    ::close(listener_);
}

/// False if the connection is over.
bool FaultyProxy::carry(Pair& pair, int from, int to) {
    std::array<char, piece_bytes_max> piece;
    std::size_t room = piece.size();
    if (const std::size_t pace = carry_per_ms_; pace > 0) room = std::min(room, pace);
    const std::size_t limit = cut_after_;
    if (limit > 0) room = std::min(room, limit - std::min(pair.carried, limit));
    if (room == 0) return false;
    const ssize_t got = ::recv(from, piece.data(), room, MSG_DONTWAIT);
    if (got <= 0) return false;
    if (swallows_) return true;
    pair.carried += static_cast<std::size_t>(got);
    const char* at = piece.data();
    for (ssize_t left = got; left > 0;) {
        const ssize_t sent = ::send(to, at, static_cast<std::size_t>(left), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        left -= sent;
    }
    return true;
}

void FaultyProxy::run() {
    while (!is_ending_) {
        std::vector<pollfd> ends{{listener_, POLLIN, 0}};
        for (const auto& pair : pairs_) {
            ends.push_back({pair->device, POLLIN, 0});
            ends.push_back({pair->hub, POLLIN, 0});
        }
        ::poll(ends.data(), ends.size(), 5);
        std::vector<std::unique_ptr<Pair>> alive;
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            Pair& pair = *pairs_[i];
            bool goes_on = true;
            if (ends[1 + 2 * i].revents != 0) goes_on = carry(pair, pair.device, pair.hub);
            if (goes_on && ends[2 + 2 * i].revents != 0) goes_on = carry(pair, pair.hub, pair.device);
            if (goes_on) alive.push_back(std::move(pairs_[i]));
        }
        pairs_ = std::move(alive);
        const int device = ends[0].revents == 0 ? -1 : ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (device >= 0) {
            ++connections_;
            const int hub = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const sockaddr_in at = socket_address(hub_.address, hub_.port);
            auto pair = std::make_unique<Pair>(device, hub);
            // A hub that is not there ends the connection, as a port forward does.
            if (::connect(hub, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) {
                pairs_.push_back(std::move(pair));
            }
        }
        if (carry_per_ms_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    pairs_.clear();
}

}  // namespace carillon::client_test
