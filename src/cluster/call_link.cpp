#include "cluster/call_link.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

/// What may wait in the channel of a link: below `ChannelLimits::unsent_bytes_max`, with a frame beyond it.
constexpr std::size_t link_unsent_max = 128 * 1024;

/// Hands what a session has to say to its connection, as far as there is room. `again` is called in a later
/// step if there was none, unless the connection says by itself that there is (`drained`). False if the
/// connection is to end.
template <class Again>
bool pump(CallSession& session, Channel& channel, Again again) {
    if (channel.is_congested()) return true;
    const std::size_t unsent = channel.unsent();
    if (unsent < link_unsent_max) {
        std::string out;
        session.take_output(out, link_unsent_max - unsent);
        if (!out.empty() && !channel.send(as_bytes(out))) return false;
        if (out.empty()) return !session.is_over();
    }
    if (session.has_output()) again();
    return true;
}

}  // namespace

// --- the side that asks ------------------------------------------------------------------------------

CallLink::~CallLink() {
    *alive_ = false;
    thread_.timers().cancel(watch_timer_);
    finish_all("the node is not asked any more");
}

void CallLink::ask(CallHead head, std::string request, std::chrono::milliseconds patience, Done done) {
    const TimePoint now = thread_.clock().now();
    Call call{++last_number_, head, std::move(request), now + patience, std::move(done), {}};
    if (stage_ == Stage::none && now < retry_at_)
        return finish_unsent(std::move(call), "the node was not reached just now");
    const bool is_full = calls() >= options_.limits.calls_max ||
                         waiting_bytes_ + call.request.size() > options_.limits.held_bytes_max;
    if (is_full) return finish_unsent(std::move(call), "too many calls to the node wait");
    call.timer = thread_.timers().at(call.deadline, [this, number = call.number] { overdue(number); });
    if (stage_ == Stage::open) {
        pass_on(std::move(call));
        return send_output();
    }
    waiting_bytes_ += call.request.size();
    waiting_.push_back(std::move(call));
    if (stage_ == Stage::none) connect();
}

void CallLink::connect() {
    auto made = options_.connector->connect(thread_, *this, std::nullopt);
    if (!made) {
        retry_at_ = thread_.clock().now() + retry_pause;
        return finish_all("the node cannot be reached");
    }
    stage_ = Stage::connecting;
    channel_ = *std::move(made);
}

void CallLink::handshaken() {
    if (stage_ != Stage::connecting) return;
    stage_ = Stage::greeting;
    if (version_ == 0) version_ = options_.versions.newest;
    greeting_.clear();
    LineHello hello;
    hello.service = LineService::calls;
    hello.incarnation = options_.incarnation;
    hello.asking_incarnation = options_.own_incarnation;
    if (!channel_->send(as_bytes(encode_hello(hello, version_)))) channel_->abort(Errc::unreachable);
}

void CallLink::heard_greeting(Bytes bytes) {
    constexpr std::size_t versions_bytes = 3;
    greeting_ += as_text(bytes.first(std::min(bytes.size(), versions_bytes - greeting_.size())));
    const auto answer = static_cast<LineAnswer>(greeting_[0]);
    if (answer == LineAnswer::other_version) {
        if (greeting_.size() < versions_bytes) return;
        const LineVersions theirs{static_cast<std::uint8_t>(greeting_[1]),
                                  static_cast<std::uint8_t>(greeting_[2])};
        const auto common = options_.versions.common_with(theirs);
        // One that says something else each time would be asked forever.
        if (common && *common < version_ && *common >= LineHello::calls_version_min) {
            version_ = *common;
            stage_ = Stage::ending;  // And at once once more, for who waits.
        }
        return channel_->abort(Errc::unreachable);
    }
    if (answer != LineAnswer::accepted) return channel_->abort(Errc::unreachable);
    stage_ = Stage::open;
    channel_->authenticated();
    CallSession::Host& host = *this;
    session_ = std::make_unique<CallSession>(CallSession::Side::asks, host, options_.limits);
    silent_pings_ = 0;
    for (Call& call : std::exchange(waiting_, {})) pass_on(std::move(call));
    waiting_bytes_ = 0;
    watch();
    if (bytes.size() > 1) return received(bytes.subspan(1));
    send_output();
}

void CallLink::received(Bytes bytes) {
    if (bytes.empty() || stage_ == Stage::ending) return;
    if (stage_ == Stage::greeting) return heard_greeting(bytes);
    if (stage_ != Stage::open) return;
    silent_pings_ = 0;
    if (const auto taken = session_->receive(bytes); !taken) {
        log.warn("link to a node ended peer={} reason={}", channel_->peer_address(), taken.error().detail);
        return channel_->abort(Errc::malformed_packet);
    }
    send_output();
}

void CallLink::pass_on(Call call) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(call.deadline - thread_.clock().now());
    call.head.time_left_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left.count(), 1, INT32_MAX));
    const auto asked = session_->ask(call.head, std::move(call.request));
    if (!asked) return finish_unsent(std::move(call), asked.error().detail);
    call.request.clear();
    asked_.emplace(*asked, std::move(call));
}

void CallLink::answered(CallSession::CallId id, CallEnd end) {
    const auto found = asked_.find(id);
    if (found == asked_.end()) return;
    Call call = std::move(found->second);
    asked_.erase(found);
    finish(std::move(call), std::move(end));
}

void CallLink::overdue(std::uint64_t number) {
    const auto is_it = [number](const Call& call) { return call.number == number; };
    const std::string late = "no answer came in time";
    if (const auto found = std::find_if(waiting_.begin(), waiting_.end(), is_it); found != waiting_.end()) {
        Call call = std::move(*found);
        waiting_.erase(found);
        waiting_bytes_ -= call.request.size();
        return finish_unsent(std::move(call), late);
    }
    for (auto at = asked_.begin(); at != asked_.end(); ++at) {
        if (at->second.number != number) continue;
        session_->give_up(at->first);
        Call call = std::move(at->second);
        asked_.erase(at);
        finish(std::move(call), {.how = CallEnd::How::lost, .epoch = 0, .body = late});
        return send_output();
    }
}

void CallLink::finish(Call call, CallEnd end) {
    thread_.timers().cancel(call.timer);
    thread_.post([done = std::move(call.done), held = std::move(end)]() mutable { done(std::move(held)); });
}

void CallLink::finish_unsent(Call call, std::string why) {
    finish(std::move(call), {.how = CallEnd::How::unsent, .epoch = 0, .body = std::move(why)});
}

void CallLink::send_output() {
    if (stage_ != Stage::open) return;
    const bool is_sound = pump(*session_, *channel_, [this] {
        if (std::exchange(sends_later_, true)) return;
        thread_.post([this, alive = alive_] {
            if (!*alive) return;
            sends_later_ = false;
            send_output();
        });
    });
    if (!is_sound) channel_->abort(Errc::unreachable);
}

void CallLink::watch() {
    watch_timer_ = thread_.timers().at(thread_.clock().now() + options_.ping_interval, [this] {
        watch_timer_ = {};
        if (stage_ != Stage::open) return;
        // Counted rather than timed: what came while this thread stood still has not been read yet.
        if (++silent_pings_ > silent_pings_max) return channel_->abort(Errc::unreachable);
        // The next call makes a new connection.
        if (session_->is_worn() && asked_.empty()) return channel_->close();
        session_->ping();
        send_output();
        if (stage_ == Stage::open) watch();
    });
}

void CallLink::finish_all(const std::string& why) {
    waiting_bytes_ = 0;
    for (Call& call : std::exchange(waiting_, {})) finish_unsent(std::move(call), why);
    // The session knows which of them have left.
    if (session_ != nullptr) session_->end();
    for (auto& [id, call] : std::exchange(asked_, {})) {
        finish(std::move(call), {.how = CallEnd::How::lost, .epoch = 0, .body = why});
    }
}

void CallLink::closed(Errc) {
    const bool asks_again = stage_ == Stage::ending;
    const bool was_open = stage_ == Stage::open;
    stage_ = Stage::none;
    thread_.timers().cancel(watch_timer_);
    // Its own last call: it may go now.
    channel_.reset();
    if (asks_again && !waiting_.empty()) return connect();
    if (!was_open) retry_at_ = thread_.clock().now() + retry_pause;
    finish_all(was_open ? "the link to the node broke" : "the node did not take the link");
    session_.reset();
}

// --- the side that answers ---------------------------------------------------------------------------

/// A connection by which another node asks. Shared with the answers that are on their way to it.
class CallEndpoint::Served final : public ChannelHandler,
                                   public CallSession::Host,
                                   public std::enable_shared_from_this<Served> {
public:
    Served(CallEndpoint& endpoint, std::unique_ptr<Channel> channel)
        : endpoint_(endpoint),
          thread_(channel->thread()),
          channel_(std::move(channel)),
          session_(CallSession::Side::answers, *this, endpoint.limits_) {
        channel_->set_handler(*this);
    }
    ~Served() override { thread_.timers().cancel(watch_timer_); }

    void handshaken() override {
        channel_->authenticated();
        watch();
        send_output();
    }
    void received(Bytes bytes) override {
        silent_pings_ = 0;
        if (const auto taken = session_.receive(bytes); !taken) {
            log.warn("link of a node ended peer={} reason={}", channel_->peer_address(),
                     taken.error().detail);
            return channel_->abort(Errc::malformed_packet);
        }
        send_output();
    }
    void drained() override { send_output(); }
    void closed(Errc) override {
        const auto self = shared_from_this();
        session_.end();
        channel_.reset();
        thread_.timers().cancel(watch_timer_);
        endpoint_.served_[thread_.number()].erase(this);
    }

    void asked(CallSession::CallId call, CallHead head, std::string request) override {
        // Calls that were given up may still be at work.
        if (at_work_ >= 2 * endpoint_.limits_.calls_max) return session_.refuse(call);
        ++at_work_;
        endpoint_.calls_.fetch_add(1, std::memory_order_relaxed);
        auto reply = [weak = weak_from_this(), &thread = thread_, call](CallAnswer::Reply said) {
            thread.post([weak, call, held = std::move(said)]() mutable {
                if (const auto self = weak.lock()) self->reply(call, std::move(held));
            });
        };
        endpoint_.service_.call(head, std::chrono::milliseconds(head.time_left_ms), std::move(request),
                                CallAnswer(std::move(reply)));
    }
    void given_up(CallSession::CallId) override {}
    void answered(CallSession::CallId, CallEnd) override {}

private:
    void reply(CallSession::CallId call, CallAnswer::Reply said) {
        --at_work_;
        if (channel_ == nullptr) return;
        switch (said.kind) {
            case CallAnswer::Reply::Kind::answer:
                session_.answer(call, std::move(said.body));
                break;
            case CallAnswer::Reply::Kind::moved:
                session_.moved(call, said.epoch);
                break;
            case CallAnswer::Reply::Kind::refusal:
                session_.refuse(call);
                break;
            case CallAnswer::Reply::Kind::loss:
                session_.lose(call);
                break;
        }
        send_output();
    }

    void send_output() {
        if (channel_ == nullptr) return;
        const bool is_sound = pump(session_, *channel_, [this] {
            if (std::exchange(sends_later_, true)) return;
            thread_.post([weak = weak_from_this()] {
                const auto self = weak.lock();
                if (self == nullptr) return;
                self->sends_later_ = false;
                self->send_output();
            });
        });
        if (!is_sound) channel_->abort(Errc::connection_closed);
    }

    /// The other side pings.
    void watch() {
        watch_timer_ = thread_.timers().at(thread_.clock().now() + CallLink::ping_interval, [this] {
            watch_timer_ = {};
            if (++silent_pings_ > CallLink::silent_pings_max) return channel_->abort(Errc::unreachable);
            watch();
        });
    }

    CallEndpoint& endpoint_;
    IoThread& thread_;
    std::unique_ptr<Channel> channel_;
    CallSession session_;
    int silent_pings_ = 0;  ///< In a row.
    Timers::Id watch_timer_;
    std::size_t at_work_ = 0;  ///< Calls that the service has not ended.
    bool sends_later_ = false;
};

CallEndpoint::CallEndpoint(IoThreads& threads, CallService& service, const CallLimits& limits)
    : service_(service), limits_(limits), served_(threads.size()) {}

CallEndpoint::~CallEndpoint() = default;

void CallEndpoint::accepted(std::unique_ptr<Channel> channel) {
    links_.fetch_add(1, std::memory_order_relaxed);
    auto& mine = served_[channel->thread().number()];
    auto served = std::make_shared<Served>(*this, std::move(channel));
    mine.emplace(served.get(), served);
}

}  // namespace carillon
