#include "net/listener.hpp"

#include "base/log.hpp"
#include "net/thread_buffers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <future>
#include <span>

namespace carillon {
namespace {

/// An IPv4 or IPv6 socket address.
struct BoundAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
    sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
    bool is_v6() const { return storage.ss_family == AF_INET6; }
    std::span<const std::uint8_t> bytes() {
        if (is_v6()) return {v6().sin6_addr.s6_addr, sizeof v6().sin6_addr};
        return {reinterpret_cast<const std::uint8_t*>(&v4().sin_addr), sizeof v4().sin_addr};
    }
    std::uint16_t port() { return ntohs(is_v6() ? v6().sin6_port : v4().sin_port); }

    std::string text() {
        char host[INET6_ADDRSTRLEN] = "?";
        if (is_v6()) {
            ::inet_ntop(AF_INET6, &v6().sin6_addr, host, sizeof host);
            return "[" + std::string(host) + "]:" + std::to_string(port());
        }
        ::inet_ntop(AF_INET, &v4().sin_addr, host, sizeof host);
        return std::string(host) + ":" + std::to_string(port());
    }
};

bool parse_address(const std::string& text, std::uint16_t port, BoundAddress& address) {
    if (::inet_pton(AF_INET, text.c_str(), &address.v4().sin_addr) == 1) {
        address.v4().sin_family = AF_INET;
        address.v4().sin_port = htons(port);
        address.size = sizeof(sockaddr_in);
        return true;
    }
    if (::inet_pton(AF_INET6, text.c_str(), &address.v6().sin6_addr) == 1) {
        address.v6().sin6_family = AF_INET6;
        address.v6().sin6_port = htons(port);
        address.size = sizeof(sockaddr_in6);
        return true;
    }
    return false;
}

tl::unexpected<Error> kernel_refused() {
    return fail(Errc::io_failed, std::strerror(errno));
}

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }
    int release() { return std::exchange(descriptor_, -1); }

private:
    int descriptor_;
};

enum class Sharing { alone, shared };

/// What accepted sockets inherit, which saves a call for each.
bool set_options(int descriptor) {
    constexpr auto timeout = std::chrono::milliseconds(Listener::user_timeout);
    const auto set = [descriptor](int level, int name, int value) {
        return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
    };
    return set(SOL_SOCKET, SO_KEEPALIVE, 1) && set(IPPROTO_TCP, TCP_NODELAY, 1) &&
           set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(timeout.count()));
}

Result<Descriptor> bind_socket(BoundAddress address, Sharing sharing) {
    Descriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return kernel_refused();
    auto set = [&socket](int level, int name, int value) {
        return ::setsockopt(socket.get(), level, name, &value, sizeof value) == 0;
    };
    bool ok = set(SOL_SOCKET, SO_REUSEADDR, 1) && set_options(socket.get());
    if (address.is_v6()) ok = ok && set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (sharing == Sharing::shared) ok = ok && set(SOL_SOCKET, SO_REUSEPORT, 1);
    if (!ok || ::bind(socket.get(), address.get(), address.size) != 0) return kernel_refused();
    return socket;
}

Result<std::uint16_t> port_of(const Descriptor& socket) {
    BoundAddress bound;
    if (::getsockname(socket.get(), bound.get(), &bound.size) != 0) return kernel_refused();
    return bound.port();
}

}  // namespace

/// One thread's share of a listener.
class Listener::Acceptor final : public Pollable {
public:
    Acceptor(Listener& listener, IoThread& thread, int descriptor)
        : listener_(listener), thread_(thread), descriptor_(descriptor) {}
    ~Acceptor() override { close(); }

    bool listen() const { return ::listen(descriptor_, backlog) == 0; }

    void begin() {
        if (!thread_.watch(descriptor_, EPOLLIN, *this)) pause(errno);
    }

    void close() {
        if (descriptor_ < 0) return;
        thread_.timers().cancel(resume_);
        thread_.unwatch(descriptor_, *this);
        ::close(descriptor_);
        descriptor_ = -1;
    }

    void ready(std::uint32_t) override {
        for (int i = 0; i < accepted_at_once_max; ++i) {
            if (!has_room()) return wait(pause_when_busy);
            ConnectionCount* count = listener_.options_.limits.count;
            if (count != nullptr && !count->take()) return pause_at_limit(*count);
            BoundAddress peer;
            const int accepted = ::accept4(descriptor_, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted >= 0) {
                welcome(accepted, peer);
                continue;
            }
            const int error = errno;
            if (count != nullptr) count->give_back();
            if (error == ECONNABORTED || error == EINTR) continue;
            if (error != EAGAIN) pause(error);
            return;
        }
    }

private:
    bool has_room() {
        ThreadBuffers& buffers = thread_.buffers();
        return buffers.strangers.waiting() < HandshakeGate::handshakes_max &&
               buffers.handshakes.has_room(thread_.clock().now());
    }

    void welcome(int descriptor, BoundAddress& peer) {
        const ChannelLimits& limits = listener_.options_.limits;
        StrangerCounts* strangers = limits.strangers;
        const StrangerCounts::Account account =
            strangers != nullptr ? strangers->account_of(peer.bytes()) : StrangerCounts::Account{0};
        if (strangers != nullptr && !strangers->take(account)) {
            turn_away(descriptor);
            return say_turned_away(*strangers, peer);
        }
        auto channel = std::make_unique<SocketChannel>(thread_, descriptor, nullptr, peer.text(), limits);
        SocketChannel& started = *channel;
        if (listener_.options_.tls != nullptr) started.serves_tls(*listener_.options_.tls);
        if (strangers != nullptr) started.counts_as_stranger(account);
        listener_.factory_.accepted(std::move(channel));
        started.start();
    }

    void turn_away(int descriptor) {
        ::close(descriptor);
        if (listener_.options_.limits.count != nullptr) listener_.options_.limits.count->give_back();
    }

    void say_turned_away(StrangerCounts& strangers, BoundAddress& peer) {
        strangers.refused.fetch_add(1, std::memory_order_relaxed);
        if (const auto times = strangers.log_rate.count(thread_.clock().now())) {
            log.warn(
                "connections refused port={} reason=connections.unknown_per_address_max peer={} count={}",
                listener_.port_, peer.text(), *times);
        }
    }

    /// Out of descriptors, most likely: those waiting stay in the backlog for a moment, rather than
    /// being reported in every turn.
    void pause(int error) {
        const TimePoint now = thread_.clock().now();
        if (now >= next_warning_) {
            constexpr std::chrono::seconds between_warnings{10};
            next_warning_ = now + between_warnings;
            log.warn("accepting paused port={} reason={}", listener_.port_, std::strerror(error));
        }
        wait(pause_after_refusal);
    }

    void pause_at_limit(ConnectionCount& count) {
        count.pauses.fetch_add(1, std::memory_order_relaxed);
        if (const auto times = count.log_rate.count(thread_.clock().now())) {
            log.warn("accepting paused port={} reason=connections.open_max connections={} pauses={}",
                     listener_.port_, count.open_max, *times);
        }
        wait(pause_when_full);
    }

    /// Leaves those that come in the backlog for a while.
    void wait(std::chrono::milliseconds pause) {
        thread_.unwatch(descriptor_, *this);
        resume_ = thread_.timers().at(thread_.clock().now() + pause, [this] { begin(); });
    }

    Listener& listener_;
    IoThread& thread_;
    int descriptor_;
    Timers::Id resume_;
    TimePoint next_warning_{};
};

Listener::Listener(IoThreads& threads, ConnectionFactory& factory, Options options)
    : threads_(threads), factory_(factory), options_(std::move(options)) {}

Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::open(IoThreads& threads, ConnectionFactory& factory,
                                                 Options options) {
    BoundAddress address;
    if (!parse_address(options.address, options.port, address)) {
        return fail(Errc::config_invalid, "not an IP address: " + options.address);
    }
    std::unique_ptr<Listener> listener(new Listener(threads, factory, std::move(options)));
    if (listener->options_.given >= 0) {
        if (auto shared = listener->share_given(); !shared) return fail(std::move(shared).error());
        return listener;
    }
    // Shared ports of one user never conflict, so a second server would take half of the
    // connections unnoticed. A socket that does not share finds out, and picks a port if asked to.
    {
        auto probe = bind_socket(address, Sharing::alone);
        if (!probe) return fail(std::move(probe).error());
        auto port = port_of(*probe);
        if (!port) return fail(std::move(port).error());
        listener->port_ = *port;
    }
    if (!parse_address(listener->options_.address, listener->port_, address)) {
        return fail(Errc::config_invalid, "not an IP address");
    }
    for (std::size_t i = 0; i < threads.size(); ++i) {
        auto socket = bind_socket(address, Sharing::shared);
        if (!socket) return fail(std::move(socket).error());
        listener->acceptors_.push_back(std::make_unique<Acceptor>(*listener, threads[i], socket->release()));
    }
    return listener;
}

/// All threads accept from the one socket: what they inherit is set on it.
Result<> Listener::share_given() {
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        Descriptor socket(::fcntl(options_.given, F_DUPFD_CLOEXEC, 0));
        if (socket.get() < 0) return kernel_refused();
        if (!set_options(socket.get())) return kernel_refused();
        acceptors_.push_back(std::make_unique<Acceptor>(*this, threads_[i], socket.release()));
    }
    port_ = options_.port;
    return {};
}

std::string Listener::place() const {
    const bool is_v6 = options_.address.find(':') != std::string::npos;
    return (is_v6 ? "[" + options_.address + "]" : options_.address) + ":" + std::to_string(port_);
}

Result<> Listener::start() {
    for (auto& acceptor : acceptors_) {
        if (!acceptor->listen()) return kernel_refused();
    }
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        threads_[i].post([acceptor = acceptors_[i].get()] { acceptor->begin(); });
    }
    return {};
}

void Listener::stop() {
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        std::promise<void> closed;
        threads_[i].post([acceptor = acceptors_[i].get(), &closed] {
            acceptor->close();
            closed.set_value();
        });
        closed.get_future().wait();
    }
}

}  // namespace carillon
