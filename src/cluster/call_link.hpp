#pragma once

#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "cluster/call_session.hpp"
#include "cluster/line_hello.hpp"
#include "net/channel.hpp"
#include "net/connector.hpp"
#include "net/io_thread.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

/// Asks another node, over one connection that is made when it is first needed and again after it broke. What
/// was asked ends once: by the node's answer, at its deadline, or at once when the connection breaks or the
/// link is given up. To a node of an older program it speaks as that one does (`LineVersions`). One thread's.
class CallLink final : private ChannelHandler, private CallSession::Host {
public:
    /// How often the other side is asked for a sign of life, and how many times in a row it may give none
    /// until it is taken for gone: a node whose machine is gone ends no connection.
    static constexpr std::chrono::seconds ping_interval{2};
    static constexpr int silent_pings_max = 3;
    /// How long after a try that failed the next one is not made.
    static constexpr std::chrono::milliseconds retry_pause{100};

    struct Options {
        std::shared_ptr<const Connector> connector;
        std::int64_t incarnation = 0;  ///< Of the node that is asked.
        std::int64_t own_incarnation = 0;
        CallLimits limits{};
        std::chrono::milliseconds ping_interval = CallLink::ping_interval;
        LineVersions versions{};  ///< For tests.
    };
    using Done = UniqueFunction<void(CallEnd)>;

    CallLink(IoThread& thread, Options options) : thread_(thread), options_(std::move(options)) {}
    /// What was asked ends now.
    ~CallLink() override;
    CallLink(const CallLink&) = delete;
    CallLink& operator=(const CallLink&) = delete;

    /// `done` is called once, in a later step of the loop. The head's time is set here.
    void ask(CallHead head, std::string request, std::chrono::milliseconds patience, Done done);
    /// The connection takes no more calls; when the last has ended it may be given up.
    bool is_worn() const { return session_ != nullptr && session_->is_worn(); }
    /// Calls that are not answered.
    std::size_t calls() const { return waiting_.size() + asked_.size(); }

private:
    enum class Stage : std::uint8_t { none, connecting, greeting, open, ending };
    struct Call {
        std::uint64_t number = 0;
        CallHead head;
        std::string request;
        TimePoint deadline;
        Done done;
        Timers::Id timer;
    };

    // Of the channel:
    void handshaken() override;
    void received(Bytes bytes) override;
    void drained() override { send_output(); }
    void closed(Errc reason) override;
    // Of the session:
    void asked(CallSession::CallId, CallHead, std::string) override {}
    void given_up(CallSession::CallId) override {}
    void answered(CallSession::CallId call, CallEnd end) override;

    void connect();
    void heard_greeting(Bytes bytes);
    void pass_on(Call call);
    void send_output();
    void watch();
    void overdue(std::uint64_t number);
    void finish(Call call, CallEnd end);
    void finish_unsent(Call call, std::string why);
    /// The connection is over, or none came up.
    void finish_all(const std::string& why);

    IoThread& thread_;
    const Options options_;
    Stage stage_ = Stage::none;
    std::unique_ptr<Channel> channel_;
    std::unique_ptr<CallSession> session_;
    std::string greeting_;      ///< What the node answers to the hello. Bound: versions_bytes
    std::uint8_t version_ = 0;  ///< Of the hello; 0: the newest.
    int silent_pings_ = 0;      ///< In a row.
    TimePoint retry_at_{};
    Timers::Id watch_timer_;
    bool sends_later_ = false;
    std::deque<Call> waiting_;  ///< For the connection. Bound: CallLimits::calls_max
    std::unordered_map<CallSession::CallId, Call> asked_;  ///< Bound: CallLimits::calls_max
    std::uint64_t last_number_ = 0;
    std::size_t waiting_bytes_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Ends a call of another node, once, on any thread. If it is destroyed before, the call is refused; after
/// `begin` it is lost.
class CallAnswer {
public:
    struct Reply {
        enum class Kind : std::uint8_t { answer, moved, refusal, loss };
        Kind kind = Kind::refusal;
        std::int64_t epoch = 0;
        std::string body;
    };
    explicit CallAnswer(UniqueFunction<void(Reply)> reply) : reply_(std::move(reply)) {}
    CallAnswer(CallAnswer&& other) noexcept
        : reply_(std::exchange(other.reply_, {})), has_begun_(other.has_begun_) {}
    CallAnswer& operator=(CallAnswer&& other) = delete;
    ~CallAnswer() { say({has_begun_ ? Reply::Kind::loss : Reply::Kind::refusal, 0, {}}); }

    /// The call is being carried out.
    void begin() { has_begun_ = true; }
    void answer(std::string body) { say({Reply::Kind::answer, 0, std::move(body)}); }
    /// The shard is not here; its epoch as this node believes.
    void moved(std::int64_t epoch) { say({Reply::Kind::moved, epoch, {}}); }

private:
    void say(Reply reply) {
        if (auto once = std::exchange(reply_, {})) once(std::move(reply));
    }
    UniqueFunction<void(Reply)> reply_;
    bool has_begun_ = false;
};

/// Who answers calls of other nodes. Called on the connection's thread.
class CallService {
public:
    virtual ~CallService() = default;
    /// Who asks waits no longer than `time_left`.
    virtual void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
                      CallAnswer answer) = 0;
};

/// Where calls of other nodes arrive, as a service of `LineEndpoint`. Used from all threads.
class CallEndpoint final : public ConnectionFactory {
public:
    /// `service` outlives it, and it outlives its connections.
    CallEndpoint(IoThreads& threads, CallService& service, const CallLimits& limits = {});
    ~CallEndpoint() override;

    struct Figures {
        std::uint64_t links = 0;  ///< Accepted, ever.
        std::uint64_t calls = 0;  ///< Taken, ever.
    };
    Figures figures() const {
        return {links_.load(std::memory_order_relaxed), calls_.load(std::memory_order_relaxed)};
    }

    void accepted(std::unique_ptr<Channel> channel) override;

private:
    class Served;
    CallService& service_;
    const CallLimits limits_;
    std::atomic<std::uint64_t> links_{0};
    std::atomic<std::uint64_t> calls_{0};
    /// Of each thread. Bound: ConnectionCount::open_max.
    std::vector<std::unordered_map<const Served*, std::shared_ptr<Served>>> served_;
};

}  // namespace carillon
