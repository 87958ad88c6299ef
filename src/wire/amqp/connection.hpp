#pragma once

#include "base/clock.hpp"
#include "base/errc.hpp"
#include "wire/amqp/flat_map.hpp"
#include "wire/amqp/framer.hpp"
#include "wire/amqp/performatives.hpp"
#include "wire/amqp/sasl.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::amqp {

struct ConnectionLimits {
    /// Time a peer has from accepting its connection until it is authenticated.
    static constexpr std::chrono::seconds authentication_max{10};
    /// What it may send until then, and make the hub keep.
    static constexpr std::size_t unauthenticated_bytes_max = 64 * 1024;
    static constexpr std::size_t unauthenticated_sessions_max = 8;
    static constexpr std::size_t unauthenticated_links_max = 16;

    /// What the service announces. Source: azure-iot-sdk-c#2233, log of the service.
    static constexpr std::uint32_t frame_bytes_max = 65536;
    static constexpr std::uint16_t channel_max = 8191;
    static constexpr std::uint32_t handle_max = 262143;
    static constexpr std::uint32_t incoming_window = 5000;
    static constexpr std::uint32_t idle_timeout_ms = 240'000;
    static constexpr std::uint64_t message_bytes_max = 1024 * 1024;
    /// A peer that wants to hear of us more often than this is refused. Source: iotedge:
    /// AmqpConnectionHandler.
    static constexpr std::uint32_t peer_idle_timeout_min_ms = 5000;

    /// Ours: a thousand devices of a gateway with seven links each, and each with a session of its own.
    static constexpr std::size_t sessions_max = 2048;
    static constexpr std::size_t links_max = 16384;
    /// Links of a connection that will be refused later, while input goes on.
    static constexpr std::size_t postponed_links_max = 16;
    /// Of all messages whose last frame has not come, in one connection.
    static constexpr std::size_t partial_bytes_max = 2 * message_bytes_max;
    /// Deliveries taken and not yet disposed of; then the connection takes no more input.
    static constexpr std::size_t in_hand_max = 256;
    static constexpr std::size_t in_hand_bytes_max = 1024 * 1024;
    /// Messages that wait for credit or for the session's window: of a link, and their bytes in one
    /// connection.
    static constexpr std::size_t queued_max = 256;
    static constexpr std::size_t queued_bytes_max = 1024 * 1024;
    /// Deliveries of a session that one end has not settled; then no more are sent, or the link that was sent
    /// them ends.
    static constexpr std::size_t unsettled_max = 5000;
    /// Input kept while the connection takes none; the caller stops reading meanwhile.
    static constexpr std::size_t held_bytes_max = 192 * 1024;
};

/// Names a link within its connection; never given twice.
using LinkId = std::uint32_t;
/// Names a session that a client began.
using SessionId = std::uint32_t;

/// A delivery that is to be disposed of.
struct Receipt {
    LinkId link = 0;
    std::uint32_t id = 0;
    std::uint32_t bytes = 0;
    bool settled = false;  ///< The sender wants no answer.
};

/// A whole message from the peer. Views end with the call.
struct Delivery {
    Receipt receipt;
    std::uint32_t format = 0;
    Bytes tag;
    Bytes message;
};

/// What a message is sent with.
struct Outgoing {
    Bytes tag;  ///< 1 to 32 bytes.
    std::uint32_t format = 0;
    bool settled = false;
    std::uint64_t cookie = 0;  ///< Given back when the peer disposes of it.
};

/// What the peer says of a message sent unsettled.
struct Disposal {
    LinkId link = 0;
    std::uint32_t id = 0;
    std::uint64_t cookie = 0;
    DeliveryState state;
    /// False: the peer waits for `Connection::settle` (receiver settle mode second).
    bool settled = false;
};

/// What a connection asks of its host, and tells it. Calls come from within the connection's own; each may be
/// answered at once, from within the call, or later. Views end with the call.
class ConnectionHost {
public:
    virtual ~ConnectionHost() = default;
    /// Where bytes for the peer are appended; the host sends them after its call to the connection and
    /// `flush`.
    virtual std::string& output() = 0;
    /// False while more waits for the peer than should; the connection then takes no frame until
    /// `output_drained`.
    virtual bool takes_output() const = 0;
    /// A server's client chose a mechanism; answer by `Connection::sasl_decided`, or `sasl_challenge`.
    virtual void sasl_requested(const SaslInit& init) = 0;
    /// The peer's open has come; ours has been sent.
    virtual void opened(const Open& open) = 0;
    /// A client wants a link; answer by `Connection::accept_link`, `refuse_link` or `postpone_link`. No frame
    /// is taken until then.
    virtual void link_requested(LinkId link, const Attach& attach) = 0;
    /// A server has answered `Connection::attach`. If it refuses, its source or target is absent and
    /// `detached` follows.
    virtual void attached(LinkId link, const Attach& attach) = 0;
    /// Answer by `Connection::dispose`, even if it is settled.
    virtual void delivered(const Delivery& delivery) = 0;
    virtual void disposed(const Disposal& disposal) = 0;
    /// The sender has settled what `dispose` left to it (receiver settle mode second).
    virtual void confirmed(LinkId link, std::uint32_t delivery, const DeliveryState& state) = 0;
    /// The peer's flow came. To a sender: `Connection::credit` is other than before, and if the peer drains,
    /// what is not used until this returns is given up. To a receiver: so much of its credit is left.
    virtual void flowed(LinkId link) = 0;
    /// The link is gone by the peer's or the protocol's doing; its number means nothing any more.
    virtual void detached(LinkId link, const Condition& error) = 0;
    /// A server's client answers a challenge; answer as `sasl_requested`.
    virtual void sasl_responded(Bytes response) { static_cast<void>(response); }
};

/// Whether one accepted the connection or made it.
enum class Side : std::uint8_t { server, client };

/// What a connection says of itself; outlives it.
struct ConnectionSettings {
    std::string container_id;
    std::string hostname;
    /// A client's, empty: no SASL; or what a server offers beside `sasl_mechanisms`.
    std::string_view mechanism;
    std::string initial_response;  ///< A client's.
};

/// What a link is accepted with, or asked for.
struct LinkTerms {
    /// A receiver's: the credit that the sender is kept supplied with; 0: by `grant` alone.
    std::uint32_t credit = 0;
};

/// One AMQP 1.0 connection without socket or clock, of either side: bytes and time go in, requests to the
/// host and bytes for the peer come out. One thread. A server takes what begins with SASL and what does not,
/// and lets its client begin sessions and links; the host decides who may.
///
///   awaiting header [-- SASL: mechanisms, init --> deciding [-- challenge, response --> deciding] -->
///   awaiting header] --> awaiting open --> open --> closed
///
/// While SASL or a link is being decided, and while more deliveries are in hand than should, the connection
/// takes no frame: `wants_input` is false and what it was given waits inside. So frames sent ahead are legal,
/// and an answer never overtakes another.
///
/// A breach of the protocol ends the link, the session or the connection with its error, as AMQP 1.0 §2.8 has
/// it: `is_closed`, and `close_reason` for the log.
class Connection {
public:
    Connection(ConnectionHost& host, const ConnectionSettings& settings, Side side, TimePoint now);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// A client's first bytes.
    void start();

    // --- from the network ----------------------------------------------------------------------
    void receive(Bytes input, TimePoint now);
    /// False while input should stay in the kernel. Becomes true again within an answer of the host only.
    bool wants_input() const;
    /// When `tick` is due. Moves on with what is received, so a caller with one lazy timer looks here when it
    /// fires.
    TimePoint deadline() const;
    /// Sends a heartbeat if one is due; ends a peer that is silent or not authenticated in time.
    void tick(TimePoint now);
    /// `ConnectionHost::takes_output` is true again.
    void output_drained() { resume(); }
    /// Appends what answers were gathered into one frame. Before output is sent, if anything was called since
    /// `receive`.
    void flush();

    // --- answers of the host ---------------------------------------------------------------------
    /// Asks the client for more, as its mechanism has it.
    void sasl_challenge(Bytes challenge);
    /// Ends SASL: with `ok` the client goes on, otherwise the connection closes.
    void sasl_decided(SaslCode code);
    /// Lifts the limits of an unauthenticated peer.
    void authenticated(TimePoint now);
    bool is_authenticated() const { return is_authenticated_; }
    /// Attaches as asked: name, modes, source, target and properties are sent back as they came.
    void accept_link(LinkId link, const LinkTerms& terms);
    /// Attaches without source or target, and detaches at once with `error`. AMQP 1.0 §2.6.3
    void refuse_link(LinkId link, const Condition& error);
    /// Takes input again though the link is not decided on; only `refuse_link` may follow. False, and nothing
    /// is changed, if the host is being asked right now, the client is not authenticated, or as many links
    /// are postponed as may be.
    [[nodiscard]] bool postpone_link(LinkId link);
    /// Ends a link; with an empty condition as a matter of course. The host is not told `detached`.
    void detach(LinkId link, const Condition& error);
    /// Gives up a delivery, and tells the sender its outcome unless it was sent settled. Unknown if its link
    /// has gone.
    void dispose(const Receipt& receipt, const DeliveryState& state);
    /// Sends a message, or queues it until the peer gives credit and window. False, and nothing is sent: the
    /// link is not there, the queue is full, or the peer takes no message of this size.
    [[nodiscard]] bool send(LinkId link, const Outgoing& outgoing, Bytes message);
    /// The answer to a `Disposal` that is not settled.
    void settle(const Disposal& disposal, const DeliveryState& state);
    /// Ends the connection, `error` being what the peer is told.
    void close(Errc reason, const char* detail, const Condition& error);

    // --- what a client asks ------------------------------------------------------------------------
    /// Once open. Nothing beyond `sessions_max`.
    std::optional<SessionId> begin();
    /// Asks for a link; `attach` without handle. Nothing beyond `links_max`.
    std::optional<LinkId> attach(SessionId session, const Attach& attach, const LinkTerms& terms);
    /// Gives the sender of a link of ours credit for so many messages from now on; with `drain` it is to use
    /// or give up at once.
    void grant(LinkId link, std::uint32_t credit, bool drain);
    void end(SessionId session);

    // --- what it knows ---------------------------------------------------------------------------
    bool is_open() const { return stage_ == Stage::open; }
    bool is_closed() const { return stage_ == Stage::closed; }
    Errc close_reason() const { return close_reason_; }
    const char* close_detail() const { return close_detail_; }
    /// Messages that may be sent over a link at once, or credit that its sender has left; 0 if it is not
    /// there.
    std::uint32_t credit(LinkId link) const;
    std::size_t link_count() const { return links_.size(); }
    std::size_t session_count() const { return sessions_.size(); }

private:
    enum class Stage : std::uint8_t {
        header,
        mechanisms,
        init,
        deciding,
        outcome,
        awaiting_open,
        open,
        closed,
        response
    };
    struct Link;
    struct Session;
    struct Partial;
    struct Sending;
    struct Queued;
    struct Unsettled;

    // connection.cpp
    bool take(Bytes& input);
    bool take_header(Bytes& input);
    void header_received();
    void handle(const Frame& frame);
    void handle_sasl(Bytes body);
    void handle_amqp(const Frame& frame);
    void handle_open(const Open& open);
    void send_open();
    void resume();
    void hold(Bytes input);
    void breach(const char* condition, const char* detail, Errc reason = Errc::malformed_packet);
    std::string& out();

    // sessions.cpp
    void handle_begin(std::uint16_t channel, const Begin& begin);
    void handle_end(Session& session);
    void handle_flow(Session& session, const Flow& flow);
    void handle_link_flow(Session& session, const Flow& flow);
    void handle_disposition(Session& session, const Disposition& disposition);
    void handle_confirmations(Session& session, const Disposition& disposition);
    void breach_session(Session& session, const char* condition, const char* detail);
    void end_session(Session& session, const Condition& error);
    void drop_links(Session& session, const Condition& error);
    void send_flow(Session& session, Link* link, bool drain);
    void note_accepted(Session& session, std::uint32_t delivery);
    Session* find_session(std::uint16_t remote_channel) const;

    // links.cpp
    void handle_attach(Session& session, const Attach& attach, Bytes body);
    void handle_attached(Session& session, const Attach& attach);
    void handle_detach(Session& session, const Detach& detach);
    void handle_transfer(Session& session, const Transfer& transfer);
    void deliver(Session& session, Link& link, const Transfer& last, Bytes message);
    void take_partial(Session& session, Link& link, const Transfer& transfer, bool is_first);
    void replenish(Session& session, Link& link);
    void finish_drain(Link& link);
    void answer_attach(Link& link, const Attach& asked, bool is_accepted);
    void refuse_postponed(Link& link);
    void forget_asked(Link& link);
    void breach_link(Link& link, const char* condition, const char* detail);
    void start_detach(Link& link, const Condition& error);
    void drop(Link& link);
    void forget_contents(Link& link);
    void pump(Session& session);
    void pump(Link& link);
    bool send_part(Link& link, Sending& sending, Bytes tag, Bytes message);
    Link& add_link(Session& session, std::uint32_t handle, LinkRole role);

    ConnectionHost& host_;
    const ConnectionSettings& settings_;
    TimePoint last_heard_;
    /// When to look whether a heartbeat is due; meaningful if the peer asked for them.
    TimePoint check_due_;
    Duration check_every_{};
    Framer framer_{ConnectionLimits::frame_bytes_max};
    /// By our channel; a server's is that of its peer. Bound: ConnectionLimits::channel_max.
    FlatMap<Session> sessions_;
    FlatMap<Link> links_;                ///< Bound: ConnectionLimits::handle_max.
    std::unique_ptr<std::string> held_;  ///< Input that waits. Bound: ConnectionLimits::frame_bytes_max.
    std::size_t held_from_ = 0;          ///< How much of it has been processed.
    const Attach* requested_ = nullptr;  ///< While the host is being asked.
    /// The frame of a link that the host has not decided on. Bound: ConnectionLimits::frame_bytes_max.
    std::unique_ptr<std::string> asked_;
    LinkId undecided_ = 0;  ///< That link; 0: none.
    LinkId last_link_ = 0;
    Session* accepting_ =
        nullptr;  ///< Whose deliveries `accepted_first_` to `accepted_last_` wait to be told so.
    std::uint32_t accepted_first_ = 0;
    std::uint32_t accepted_last_ = 0;
    std::size_t partial_bytes_ = 0;
    std::size_t in_hand_ = 0;
    std::size_t in_hand_bytes_ = 0;
    std::size_t queued_bytes_ = 0;
    std::size_t unauthenticated_bytes_ = 0;
    std::uint32_t postponed_ = 0;  ///< Links that wait for their refusal.
    std::uint32_t peer_frame_bytes_max_ = frame_bytes_min;
    std::array<std::uint8_t, 8> header_{};
    std::uint8_t header_bytes_ = 0;
    Side side_;
    Stage stage_ = Stage::header;
    bool is_sasl_ = false;  ///< The header awaited by a client, or answered by a server, is that of SASL.
    bool is_sasl_done_ = false;
    bool is_open_sent_ = false;
    bool is_authenticated_ = false;
    bool is_processing_ = false;
    bool has_sent_ = false;  ///< Since the last check for a heartbeat.
    Errc close_reason_ = Errc::connection_closed;
    const char* close_detail_ = "";
};

}  // namespace carillon::amqp
