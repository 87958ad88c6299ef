#include "cluster/line_endpoint.hpp"

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/socket_channel.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace carillon {

/// A line until it is known whose connection it brings.
class LineEndpoint::Greeting final : public ChannelHandler {
public:
    Greeting(LineEndpoint& endpoint, std::unique_ptr<Channel> channel)
        : endpoint_(endpoint), channel_(std::move(channel)) {
        channel_->set_handler(*this);
    }

    void handshaken() override {
        const PeerCertificate* const shown = channel_->peer_certificate();
        const bool is_node = shown != nullptr && shown->is_verified &&
                             std::string_view(shown->common_name).ends_with(endpoint_.options_.node_domain);
        if (!is_node) give_up("not a node of this cluster");
    }

    void received(Bytes bytes) override {
        said_ += as_text(bytes);
        const LineVersions versions = endpoint_.options_.versions;
        if (!said_.empty() && !versions.has(static_cast<std::uint8_t>(said_[0]))) return say_versions();
        const auto size = hello_bytes(as_bytes(said_), versions);
        if (!size) return give_up(size.error().detail);
        if (!*size || said_.size() < **size) return;
        auto hello = decode_hello(as_bytes(said_), versions);
        if (!hello) return give_up(hello.error().detail);
        answer(*std::move(hello));
    }

    void closed(Errc) override { endpoint_.greetings_[channel_->thread().number()].erase(this); }

private:
    void give_up(const std::string& reason) {
        endpoint_.refuse(channel_->peer_address(), reason, channel_->thread().clock().now());
        channel_->abort(Errc::connection_forcefully_closed);
    }

    bool say(LineAnswer answer) {
        const auto byte = static_cast<std::uint8_t>(answer);
        const bool is_sent = channel_->send({&byte, 1});
        if (answer != LineAnswer::accepted) channel_->close();
        return is_sent;
    }

    /// The node speaks another version: it may know one of ours.
    void say_versions() {
        const LineVersions versions = endpoint_.options_.versions;
        const std::array<std::uint8_t, 3> bytes{static_cast<std::uint8_t>(LineAnswer::other_version),
                                                versions.oldest, versions.newest};
        [[maybe_unused]] const bool is_sent = channel_->send(bytes);
        channel_->close();
    }

    void answer(LineHello hello) {
        if (hello.incarnation != endpoint_.options_.incarnation) {
            say(LineAnswer::not_owner);
            return;
        }
        if (hello.service == LineService::calls) return answer_node(hello);
        ConnectionFactory* const service = endpoint_.service(hello.service);
        const auto address = address_bytes(hello.peer.address);
        auto* const socket = dynamic_cast<SocketChannel*>(channel_.get());
        CARILLON_ASSERT(socket != nullptr);
        StrangerCounts& strangers = *endpoint_.options_.strangers;
        const auto account = strangers.account_of(address);
        if (service == nullptr || address.empty() || !strangers.take(account)) {
            if (service != nullptr && !address.empty())
                strangers.refused.fetch_add(1, std::memory_order_relaxed);
            say(LineAnswer::refused);
            return;
        }
        socket->speaks_for_stranger(account);
        if (!say(LineAnswer::accepted)) return;
        hand_over(*service, std::move(hello.peer), endpoint_.count());
    }

    /// A node speaks for itself, and has proved who it is.
    void answer_node(const LineHello& hello) {
        const Options& options = endpoint_.options_;
        const PeerCertificate& shown = *channel_->peer_certificate();
        std::string_view node = shown.common_name;
        node.remove_suffix(options.node_domain.size());
        if (options.calls == nullptr || (options.may_ask && !options.may_ask(node, hello.asking_incarnation)))
            return static_cast<void>(say(LineAnswer::refused));
        if (!say(LineAnswer::accepted)) return;
        RelayedPeer peer{channel_->peer_address(), shown, {}};
        hand_over(*options.calls, std::move(peer), nullptr);
    }

    /// Ends this object.
    void hand_over(ConnectionFactory& service, RelayedPeer peer, std::shared_ptr<void> counted) {
        auto relayed =
            std::make_unique<RelayedChannel>(std::move(channel_), std::move(peer), std::move(counted));
        RelayedChannel& line = *relayed;
        const auto own = endpoint_.greetings_[line.thread().number()].extract(this);
        service.accepted(std::move(relayed));
        line.tell_handshaken();
    }

    LineEndpoint& endpoint_;
    std::unique_ptr<Channel> channel_;
    std::string said_;  ///< Bound: LineHello::bytes_max.
};

LineEndpoint::LineEndpoint(IoThreads& threads, Options options)
    : options_(std::move(options)), greetings_(threads.size()) {}

LineEndpoint::~LineEndpoint() = default;

void LineEndpoint::accepted(std::unique_ptr<Channel> channel) {
    auto& mine = greetings_[channel->thread().number()];
    auto greeting = std::make_unique<Greeting>(*this, std::move(channel));
    const Greeting* const key = greeting.get();
    mine.emplace(key, std::move(greeting));
}

/// What a connection holds as long as it is there.
std::shared_ptr<void> LineEndpoint::count() {
    accepted_.fetch_add(1, std::memory_order_relaxed);
    open_->fetch_add(1, std::memory_order_relaxed);
    return {nullptr, [open = open_](void*) { open->fetch_sub(1, std::memory_order_relaxed); }};
}

LineEndpoint::Figures LineEndpoint::figures() const {
    return {open_->load(std::memory_order_relaxed), accepted_.load(std::memory_order_relaxed)};
}

ConnectionFactory* LineEndpoint::service(LineService service) const {
    switch (service) {
        case LineService::mqtt:
            return options_.mqtt;
        case LineService::https:
            return options_.https;
        case LineService::amqp:
            return options_.amqp;
        case LineService::calls:
            return options_.calls;
    }
    return nullptr;
}

void LineEndpoint::refuse(const std::string& peer, const std::string& reason, TimePoint now) {
    if (const auto times = log_rate_.count(now)) {
        log.warn("lines refused peer={} reason={} count={}", peer, reason, *times);
    }
}

}  // namespace carillon
