#include "cluster/door.hpp"

#include "base/log.hpp"
#include "net/peer_chain.hpp"

#include <algorithm>
#include <thread>
#include <unordered_map>
#include <utility>

namespace carillon {

/// What a thread knows of the owner, and its connections. The thread's own.
struct Door::ThreadState {
    std::shared_ptr<const Connector> connector;  ///< Null while nobody serves.
    std::int64_t incarnation = 0;
    std::uint8_t version = 0;  ///< Of what is said to the owner.
    TimePoint retry_at{};
    Duration pause = retry_min;
    /// Since when nobody serves, or no try has succeeded; nothing if none has failed.
    std::optional<TimePoint> unreached_since;
    Timers::Id wakes;  ///< For those who wait.
    /// Bound: ConnectionCount::open_max.
    std::unordered_map<const Line*, std::unique_ptr<Line>> lines;

    bool may_try(TimePoint now) const { return connector != nullptr && now >= retry_at; }
    void failed(TimePoint now) {
        if (!unreached_since) unreached_since = now;
        if (now < retry_at) return;  // One of several that failed together.
        retry_at = now + pause;
        pause = std::min<Duration>(2 * pause, retry_max);
    }
    void reached() {
        pause = retry_min;
        unreached_since.reset();
    }
};

/// One connection: the peer's channel, and the one to the owner of the hub. What one side does not take keeps
/// the other one from being read.
///
///     peer's handshake --> waiting --> connecting --> greeting --accepted--> open --> ending
///                             ^            |              |
///                             +------------+--------------+  the owner is not there
class Door::Line {
public:
    Line(Door& door, ThreadState& state, LineService service, std::unique_ptr<Channel> peer)
        : door_(door), state_(state), service_(service), peer_(std::move(peer)) {
        peer_->set_handler(peer_side_);
        is_peer_there_ = true;
    }

    void refuse() {
        door_.refused_.fetch_add(1, std::memory_order_relaxed);
        end(Errc::unreachable);
    }

    /// Lets both sides go, with what was passed on already.
    void end(Errc reason) {
        if (stage_ == Stage::handshake && is_peer_there_) peer_->abort(reason);
        stage_ = Stage::ending;
        if (is_peer_there_) peer_->close(reason);
        if (is_owner_there_) owner_->close(reason);
    }

    /// The owner is another one now. True if this ends the line; if the old one has heard nothing of the
    /// peer, it goes on to the new one.
    bool leaves_owner() {
        if (stage_ == Stage::connecting || stage_ == Stage::greeting) owner_->abort(Errc::unreachable);
        if (stage_ != Stage::open) return false;
        end(Errc::connection_closed);
        return true;
    }

    /// Goes to the owner, if it waits for that and the owner may be tried.
    void try_owner() {
        if (stage_ != Stage::waiting) return;
        if (state_.may_try(now())) {
            connector_ = state_.connector;
            incarnation_ = state_.incarnation;
            auto made = connector_->connect(peer_->thread(), owner_side_, std::nullopt);
            if (made) {
                stage_ = Stage::connecting;
                owner_ = *std::move(made);
                is_owner_there_ = true;
                return;
            }
            state_.failed(now());
        }
        if (!door_.is_patient(state_, now())) return refuse();
        door_.wake_later(peer_->thread(), state_);
    }

private:
    enum class Stage : std::uint8_t { handshake, waiting, connecting, greeting, open, ending };

    class PeerSide final : public ChannelHandler {
    public:
        explicit PeerSide(Line& line) : line_(line) {}
        void handshaken() override { line_.peer_handshaken(); }
        void received(Bytes bytes) override { line_.pass_in(bytes); }
        void drained() override {
            if (line_.is_owner_there_) line_.owner_->resume_reading();
        }
        void ended(Channel&) override { line_.peer_ended(); }
        void shutting_down(Channel&) override { line_.end(Errc::connection_closed); }
        void closed(Errc) override { line_.side_closed(line_.is_peer_there_); }

    private:
        Line& line_;
    };
    class OwnerSide final : public ChannelHandler {
    public:
        explicit OwnerSide(Line& line) : line_(line) {}
        void handshaken() override { line_.greet(); }
        void received(Bytes bytes) override { line_.owner_said(bytes); }
        void drained() override {
            if (line_.is_peer_there_) line_.peer_->resume_reading();
        }
        void ended(Channel&) override { line_.owner_ended(); }
        void shutting_down(Channel&) override { line_.end(Errc::connection_closed); }
        void closed(Errc) override { line_.owner_closed(); }

    private:
        Line& line_;
    };

    TimePoint now() const { return peer_->thread().clock().now(); }

    void peer_handshaken() {
        if (stage_ != Stage::handshake) return;
        peer_->pause_reading();
        stage_ = Stage::waiting;
        try_owner();
    }

    void greet() {
        if (stage_ != Stage::connecting) return;
        stage_ = Stage::greeting;
        LineHello hello;
        hello.service = service_;
        hello.incarnation = incarnation_;
        hello.peer.address = peer_->peer_address();
        if (const PeerCertificate* const shown = peer_->peer_certificate()) {
            hello.peer.certificate = *shown;
            hello.peer.chain = peer_chain(*peer_);
        }
        version_ = state_.version;
        answer_.clear();
        agrees_ = false;
        if (!owner_->send(as_bytes(encode_hello(hello, version_)))) refuse();
    }

    /// The owner does not speak the version of the hello; it says which ones it does.
    void agree(Bytes bytes) {
        constexpr std::size_t answer_bytes = 3;
        answer_ += as_text(bytes.first(std::min(bytes.size(), answer_bytes - answer_.size())));
        if (answer_.size() < answer_bytes) return;
        const LineVersions theirs{static_cast<std::uint8_t>(answer_[1]),
                                  static_cast<std::uint8_t>(answer_[2])};
        const auto common = door_.options_.versions.common_with(theirs);
        // One that says something else each time would be asked forever.
        if (!common || *common >= version_) {
            door_.tell_versions(theirs);
            return refuse();
        }
        if (connector_ == state_.connector) state_.version = *common;
        agrees_ = true;
        owner_->abort(Errc::unreachable);
    }

    void owner_said(Bytes bytes) {
        if (stage_ == Stage::greeting) {
            const auto answer =
                static_cast<LineAnswer>(answer_.empty() ? bytes[0] : static_cast<std::uint8_t>(answer_[0]));
            if (answer == LineAnswer::other_version) return agree(bytes);
            if (answer == LineAnswer::not_owner) return owner_->abort(Errc::unreachable);
            if (answer != LineAnswer::accepted) return refuse();
            state_.reached();
            stage_ = Stage::open;
            door_.lines_.fetch_add(1, std::memory_order_relaxed);
            owner_->authenticated();
            // From here on the owner bounds what the peer may cost until it has proved who it is.
            peer_->authenticated();
            peer_->resume_reading();
            bytes = bytes.subspan(1);
        }
        if (stage_ != Stage::open || bytes.empty() || !is_peer_there_) return;
        door_.bytes_out_.fetch_add(bytes.size(), std::memory_order_relaxed);
        if (!peer_->send(bytes)) return cut();
        if (peer_->is_congested()) owner_->pause_reading();
    }

    void pass_in(Bytes bytes) {
        if (stage_ != Stage::open || !is_owner_there_) return;
        door_.bytes_in_.fetch_add(bytes.size(), std::memory_order_relaxed);
        if (!owner_->send(bytes)) return cut();
        if (owner_->is_congested()) peer_->pause_reading();
    }

    /// The peer may still read: the owner is told no more than that it will say nothing more.
    void peer_ended() {
        if (stage_ != Stage::open) return end(Errc::connection_closed);
        static_cast<SocketChannel&>(*owner_).end_sending();
    }

    void owner_ended() {
        if (stage_ != Stage::open) return owner_->abort(Errc::unreachable);
        end(Errc::connection_closed);
    }

    void cut() {
        stage_ = Stage::ending;
        if (is_peer_there_) peer_->abort(Errc::connection_forcefully_closed);
        if (is_owner_there_) owner_->abort(Errc::connection_forcefully_closed);
    }

    void owner_closed() {
        if (stage_ != Stage::connecting && stage_ != Stage::greeting) return side_closed(is_owner_there_);
        if (connector_ == state_.connector && !agrees_) state_.failed(now());
        is_owner_there_ = false;
        owner_.reset();
        stage_ = Stage::waiting;
        try_owner();
    }

    /// The last call of one of the sides.
    void side_closed(bool& is_there) {
        is_there = false;
        if (is_peer_there_ || is_owner_there_) return end(Errc::connection_closed);
        state_.lines.erase(this);  // Ends this object.
    }

    Door& door_;
    ThreadState& state_;
    const LineService service_;
    Stage stage_ = Stage::handshake;
    bool is_peer_there_ = false;
    bool is_owner_there_ = false;
    std::int64_t incarnation_ = 0;  ///< Of the owner it was passed on to.
    std::uint8_t version_ = 0;      ///< Of the hello that was sent.
    std::string answer_;            ///< Of an owner that speaks other versions. Bound: fixed.
    bool agrees_ = false;           ///< The owner is to be asked in a version that it speaks.
    std::shared_ptr<const Connector> connector_;
    PeerSide peer_side_{*this};
    OwnerSide owner_side_{*this};
    std::unique_ptr<Channel> peer_;
    std::unique_ptr<Channel> owner_;
};

/// What comes to one of the ports.
class Door::Factory final : public ConnectionFactory {
public:
    Factory(Door& door, LineService service) : door_(door), service_(service) {}

    void accepted(std::unique_ptr<Channel> channel) override {
        IoThread& thread = channel->thread();
        ThreadState& state = *door_.states_[thread.number()];
        auto line = std::make_unique<Line>(door_, state, service_, std::move(channel));
        Line& begun = *line;
        state.lines.emplace(&begun, std::move(line));
        // Before the handshake, which costs: who knows other nodes tries the next one. One of them finds out
        // now and then whether the owner is there again.
        const TimePoint now = thread.clock().now();
        if (!door_.is_patient(state, now) && !state.may_try(now)) begun.refuse();
    }

private:
    Door& door_;
    const LineService service_;
};

Door::Door(Options options) : options_(std::move(options)), threads_(options_.threads, clock_) {
    connections_.open_max = options_.connections_max;
    strangers_.per_address_max = options_.unknown_per_address_max;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        states_.push_back(std::make_unique<ThreadState>());
        states_.back()->unreached_since = clock_.now();
    }
}

Result<std::unique_ptr<Door>> Door::open(Options options) {
    std::unique_ptr<Door> door(new Door(std::move(options)));
    if (auto listening = door->listen(); !listening) return fail(std::move(listening).error());
    return door;
}

Result<> Door::listen() {
    for (const Service& service : options_.services) {
        factories_.push_back(std::make_unique<Factory>(*this, service.service));
        for (const std::string& address : options_.addresses) {
            Listener::Options wanted{.address = address, .port = service.port, .tls = options_.tls};
            wanted.limits.total = &unsent_;
            wanted.limits.count = &connections_;
            wanted.limits.strangers = &strangers_;
            wanted.limits.unauthenticated_time_max =
                std::max(wanted.limits.unauthenticated_time_max, options_.patience);
            auto listener = Listener::open(threads_, *factories_.back(), std::move(wanted));
            if (!listener) {
                return fail(listener.error().code, address + " port " + std::to_string(service.port) + ": " +
                                                       listener.error().detail);
            }
            listeners_.push_back(*std::move(listener));
        }
    }
    threads_.start();
    has_started_ = true;
    for (auto& listener : listeners_) {
        if (auto started = listener->start(); !started) return started;
    }
    return {};
}

Door::~Door() {
    close({});
}

void Door::close(std::chrono::milliseconds patience) {
    if (!std::exchange(has_started_, false)) return;
    for (auto& listener : listeners_) listener->stop();
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        threads_[i].post([&thread = threads_[i]] { thread.shut_down_connections(); });
    }
    const auto end = std::chrono::steady_clock::now() + patience;
    constexpr std::chrono::milliseconds step{5};
    while (threads_.connections() > 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(step);
    threads_.stop();
}

void Door::lead_to(const std::optional<DoorTarget>& target) {
    if (target == target_) return;
    target_ = target;
    std::shared_ptr<const Connector> connector;
    if (target) {
        auto server = resolve(target->address, target->port);
        if (!server) {
            log.warn("connections cannot be passed on address={} reason={}", target->address,
                     server.error().detail);
        } else {
            Connector::Settings settings{
                .server = *server, .host_name = target->name, .tls = options_.lines, .limits = {}};
            settings.limits.stall_max = owner_stall_max;
            settings.limits.total = &unsent_;
            connector = std::make_shared<const Connector>(std::move(settings));
        }
    }
    if (connector) log.info("connections are passed on to node={} address={}", target->name, target->address);
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        threads_[i].post(
            [this, &thread = threads_[i], connector, incarnation = target ? target->incarnation : 0] {
                note_change(thread, connector, incarnation);
            });
    }
}

/// Lines to the one before end: what it may still say, it says to nobody.
void Door::note_change(IoThread& thread, std::shared_ptr<const Connector> connector,
                       std::int64_t incarnation) {
    ThreadState& state = *states_[thread.number()];
    state.connector = std::move(connector);
    state.incarnation = incarnation;
    state.version = options_.versions.newest;
    state.retry_at = {};
    thread.timers().cancel(state.wakes);
    state.reached();
    if (!state.connector) state.unreached_since = clock_.now();
    for (const auto& [key, line] : state.lines) {
        if (line->leaves_owner()) cut_.fetch_add(1, std::memory_order_relaxed);
    }
    wake(state);
}

bool Door::is_patient(const ThreadState& state, TimePoint now) const {
    return !state.unreached_since || now < *state.unreached_since + options_.patience;
}

/// Has those who wait try again when they may, or told that they wait in vain.
void Door::wake_later(IoThread& thread, ThreadState& state) {
    if (state.wakes) return;
    const TimePoint end = state.unreached_since.value_or(clock_.now()) + options_.patience;
    state.wakes = thread.timers().at(state.connector ? std::min(state.retry_at, end) : end, [&state] {
        state.wakes = {};
        wake(state);
    });
}

void Door::wake(ThreadState& state) {
    for (const auto& [key, line] : state.lines) line->try_owner();
}

void Door::tell_versions(LineVersions theirs) {
    const auto times = versions_rate_.count(clock_.now());
    if (!times) return;
    log.error(
        "connections cannot be passed on, as the node that serves speaks other versions of the protocol "
        "between "
        "nodes serves={}-{} this={}-{} count={}",
        theirs.oldest, theirs.newest, options_.versions.oldest, options_.versions.newest, *times);
}

std::vector<std::uint16_t> Door::ports() const {
    std::vector<std::uint16_t> ports;
    const std::size_t addresses = options_.addresses.size();
    for (std::size_t i = addresses; i <= listeners_.size(); i += addresses)
        ports.push_back(listeners_[i - 1]->port());
    return ports;
}

DoorFigures Door::figures() const {
    return {.open = connections_.open.load(std::memory_order_relaxed),
            .lines = lines_.load(std::memory_order_relaxed),
            .refused = refused_.load(std::memory_order_relaxed),
            .cut = cut_.load(std::memory_order_relaxed),
            .bytes_in = bytes_in_.load(std::memory_order_relaxed),
            .bytes_out = bytes_out_.load(std::memory_order_relaxed)};
}

}  // namespace carillon
