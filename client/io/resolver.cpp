#include "io/resolver.hpp"

#include "base/text.hpp"
#include "io/loop.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <cstring>
#include <memory>

namespace carillon::client {

namespace {

Result<std::vector<SocketAddress>> look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(looked_up_name(host).c_str(), nullptr, &hints, &found);
    if (error != 0) {
        return fail(Errc::unreachable, "the name " + host + " does not resolve: " + ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
    std::vector<SocketAddress> addresses;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (addresses.size() >= Resolver::addresses_max) break;
        SocketAddress& address = addresses.emplace_back();
        address.length = one->ai_addrlen;
        std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    }
    return addresses;
}

}  // namespace

void SocketAddress::set_port(std::uint16_t port) {
    // The port stands at the same place in both families.
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
}

std::string looked_up_name(std::string_view name) {
    const std::string lower = to_lower(name);
    constexpr std::string_view loopback = ".localhost";
    const bool is_below = lower.size() > loopback.size() && std::string_view(lower).ends_with(loopback);
    return is_below ? "localhost" : std::string(name);
}

Resolver::~Resolver() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Resolver::resolve(const std::string& host, Answer answer) {
    std::vector<Answer>& waiting = waiting_[host];
    waiting.push_back(std::move(answer));
    if (waiting.size() > 1) return;
    if (auto literal = look_up(host, AI_NUMERICHOST)) {
        return loop_.post([this, host, addresses = *std::move(literal)]() mutable {
            answered(host, std::move(addresses));
        });
    }
    const std::lock_guard lock(mutex_);
    asked_.push_back(host);
    changed_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
}

void Resolver::work() {
    for (;;) {
        std::string host;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_ending_ || !asked_.empty(); });
            if (is_ending_) return;
            host = std::move(asked_.front());
            asked_.pop_front();
        }
        auto addresses = look_up(host, 0);
        loop_.post(
            [this, host = std::move(host), addresses = std::move(addresses)] { answered(host, addresses); });
    }
}

void Resolver::answered(const std::string& host, const Result<std::vector<SocketAddress>>& addresses) {
    const auto waiting = waiting_.extract(host);
    if (waiting.empty()) return;
    for (Answer& answer : waiting.mapped()) answer(addresses);
}

}  // namespace carillon::client
