#pragma once

#include "base/device_id.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "endpoint/amqp/amqp_endpoint.hpp"
#include "endpoint/amqp/authenticator.hpp"
#include "endpoint/amqp/hosted_device.hpp"
#include "endpoint/amqp/link_handler.hpp"
#include "endpoint/amqp/management_answers.hpp"
#include "net/channel.hpp"
#include "net/io_thread.hpp"
#include "wire/amqp/connection.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon::amqp {

/// One AMQP connection of a client of the hub: joins a channel, the protocol (`amqp::Connection`), who the
/// client proved to be (`Authenticator`), what its links do (`LinkHandler`), and the devices that it speaks
/// for
/// (`HostedDevice`).
///
/// It stays on the thread that accepted it. What happens elsewhere comes back by `post`, in an order that the
/// senders keep. It is shared, as those who will post hold it: other threads' work ends at any time, also
/// after the channel has closed, and is then dropped here.
class HubConnection final : public ChannelHandler,
                            public ConnectionHost,
                            public std::enable_shared_from_this<HubConnection> {
public:
    /// Output that may wait for a peer before its input is left in the kernel. The channel cuts a peer that
    /// takes nothing for 10 s.
    static constexpr std::size_t output_bytes_max = 128 * 1024;
    /// What is handed to the channel at once.
    static constexpr std::size_t slice_bytes_max = 64 * 1024;

    HubConnection(AmqpEndpoint& endpoint, std::unique_ptr<Channel> channel);
    ~HubConnection() override;
    /// Once it is shared.
    void start();

    // --- for handlers of links; on the connection's thread -----------------------------------------
    Hub& hub() { return endpoint_->hub(); }
    AmqpEndpoint& endpoint() { return *endpoint_; }
    Channel& channel() { return *channel_; }
    IoThread& thread() { return thread_; }
    Connection& wire() { return wire_; }
    Authenticator& authenticator() { return authenticator_; }
    const Authenticator& authenticator() const { return authenticator_; }
    ManagementAnswers& management_answers() { return management_answers_; }
    Random& random();
    WallTime wall_now() const { return thread_.clock().wall_now(); }
    const std::string& peer_address() const { return channel_->peer_address(); }

    /// Answers `open_link`. A link on which the client sends is kept supplied with `credit`.
    void accept(LinkId link, std::unique_ptr<LinkHandler> handler, std::uint32_t credit);
    void refuse(LinkId link, const Error& error);
    /// As `refuse`, with a condition of one's own.
    void refuse(LinkId link, const Condition& error);
    /// Ends a link; its handler is gone when the outermost call returns to the loop.
    void detach(LinkId link, const Error& error);
    /// As `detach`, with a condition of one's own.
    void detach(LinkId link, const Condition& error);
    /// The handler of a link, or null. A link's number is never given twice.
    LinkHandler* handler(LinkId link) const;
    /// Accepts a message, or rejects it with the error.
    void dispose(const Receipt& receipt, const Result<>& result);
    /// Sends a message under a tag of its own; false as `Connection::send`.
    [[nodiscard]] bool send(LinkId link, bool settled, Bytes message);

    /// The link's handler is told `flowed` when it may be that more can be sent: the connection takes output
    /// again, or the client has said something, such as that its session has room.
    void wait_for_output(LinkId link);

    /// The client has proved to be someone: lifts the limits of a stranger. `key` is the policy's, if any.
    void authenticated(KeyTag key);
    /// While a login is being looked at, no input is taken. Calls are counted.
    void hold_input() { ++holds_; }
    void release_input();
    /// Runs `function` here once `delay` has passed.
    void after(Duration delay, UniqueFunction<void(HubConnection&)> function);
    /// A token's time may end sooner than was known.
    void tokens_changed() { arm(); }

    /// The device or module that links of this connection speak for; made if it is not there.
    HostedDevice& host(const IdentityKey& key);
    /// Null if no link speaks for it.
    HostedDevice* hosted(const IdentityKey& key) const;
    /// The last link of a device has gone.
    void retire(HostedDevice& device);

    // --- from any thread -----------------------------------------------------------------------------
    /// Runs `function` on the connection's thread in a later step, unless the connection is over by then.
    /// Functions posted by one thread run in order.
    void post(UniqueFunction<void(HubConnection&)> function);
    /// True while bytes wait because the peer does not drain its socket.
    bool is_congested() const { return is_congested_.load(std::memory_order_relaxed); }

    /// The endpoint goes away and the threads have stopped.
    void abandon();

    // ChannelHandler
    void received(Bytes bytes) override;
    void drained() override;
    void ended(Channel& channel) override;
    void shutting_down(Channel& channel) override;
    void key_ended(Channel& channel) override;
    void closed(Errc reason) override;

    // ConnectionHost
    std::string& output() override { return output_; }
    bool takes_output() const override;
    void sasl_requested(const SaslInit& init) override;
    void sasl_responded(Bytes response) override { authenticator_.respond(response); }
    void opened(const Open& open) override;
    void link_requested(LinkId link, const Attach& attach) override;
    void attached(LinkId, const Attach&) override {}
    void delivered(const Delivery& delivery) override;
    void disposed(const Disposal& disposal) override;
    void confirmed(LinkId, std::uint32_t, const DeliveryState&) override {}
    void flowed(LinkId link) override;
    void detached(LinkId link, const Condition& error) override;

private:
    /// Around everything that talks to the protocol: when the outermost ends, what was said is sent, and a
    /// connection that has ended is wound up.
    class Scope {
    public:
        explicit Scope(HubConnection& connection) : connection_(connection) { ++connection_.depth_; }
        ~Scope() {
            if (--connection_.depth_ == 0) connection_.settle();
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        HubConnection& connection_;
    };

    void settle();
    void count();
    void flush();
    void wake_waiting();
    void update_reading();
    void wind_up();
    void forget(LinkId link);
    void arm();
    TimePoint deadline() const;
    void timer_fired();
    void look_at_tokens();

    AmqpEndpoint* endpoint_;  ///< Null once it is gone.
    std::unique_ptr<Channel> channel_;
    IoThread& thread_;
    Metrics& metrics_;
    Connection wire_;
    Authenticator authenticator_;
    std::map<IdentityKey, std::unique_ptr<HostedDevice>> hosted_;  ///< Bound: ConnectionLimits::links_max.
    /// Bound: ConnectionLimits::links_max.
    std::unordered_map<LinkId, std::unique_ptr<LinkHandler>> handlers_;
    /// Those that went in the middle of a call. Bound: ConnectionLimits::links_max.
    std::vector<std::unique_ptr<LinkHandler>> leaving_;
    ManagementAnswers management_answers_;
    std::vector<LinkId> waiting_;  ///< Once each. Bound: ConnectionLimits::links_max.
    std::string output_;           ///< Bound: ConnectionLimits::queued_bytes_max.
    Timers::Id timer_;
    std::uint64_t last_tag_ = 0;
    std::size_t counted_sessions_ = 0;  ///< As `metrics_` has them.
    std::size_t counted_links_ = 0;
    std::uint32_t holds_ = 0;
    std::uint16_t depth_ = 0;
    bool is_reading_ = true;
    bool is_wound_up_ = false;
    bool is_over_ = false;  ///< The channel has closed.
    bool recheck_asked_ = false;
    bool had_tokens_ = false;
    std::atomic<bool> is_congested_{false};
};

}  // namespace carillon::amqp
