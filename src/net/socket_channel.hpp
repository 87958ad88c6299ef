#pragma once

#include "base/log_rate.hpp"
#include "base/timers.hpp"
#include "net/channel.hpp"
#include "net/io_thread.hpp"
#include "net/stranger_counts.hpp"
#include "net/stranger_turns.hpp"
#include "net/tls_context.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// What waits for all peers of a hub that do not read as fast as they are sent to. Any thread.
struct UnsentTotal {
    /// Beyond it, the connections that took nothing for longest are cut.
    std::size_t bytes_max = 128 * 1024 * 1024;
    std::atomic<std::size_t> bytes{0};
    std::atomic<std::size_t> cuts{0};
    LogRate log_rate{std::chrono::seconds(10)};
};

/// The connections that a hub's listeners accepted and that are open. Any thread.
struct ConnectionCount {
    /// At it, nothing is accepted until one has ended; what waits, waits in the kernel. What the process may
    /// open beyond it is a reserve for the store and for connections of our own.
    std::size_t open_max = std::numeric_limits<std::size_t>::max();
    std::atomic<std::size_t> open{0};
    std::atomic<std::size_t> pauses{0};  ///< Times that accepting stopped at `open_max`.
    LogRate log_rate{std::chrono::seconds(10)};

    /// A place for one more; false if there is none.
    bool take() {
        if (open.fetch_add(1, std::memory_order_relaxed) < open_max) return true;
        give_back();
        return false;
    }
    void give_back() { open.fetch_sub(1, std::memory_order_relaxed); }
};

/// What a peer may cost.
struct ChannelLimits {
    /// Ours: what a device may leave unread.
    std::size_t unsent_bytes_max = 256 * 1024;
    /// The same for what is sent while nothing else waits: a twin is one message, however it is spelled.
    std::size_t lone_bytes_max = 512 * 1024;
    /// What `unsent_bytes_max` of all connections together may come to; null for no bound. Outlives them.
    UnsentTotal* total = nullptr;
    /// Where the connection has a place, which it gives back; null for none. Outlives them.
    ConnectionCount* count = nullptr;
    /// Where the connection counts until `authenticated`, if it `counts_as_stranger`; null for nowhere.
    StrangerCounts* strangers = nullptr;
    /// Received until `authenticated`. Ours: what an unknown peer may cost.
    std::size_t unauthenticated_bytes_max = 64 * 1024;
    /// Read at a time until then, so that little waits where its owner pauses.
    std::size_t unauthenticated_read_max = 8 * 1024;
    std::chrono::seconds unauthenticated_time_max{10};
    /// How long a peer may take nothing of what waits for it.
    std::chrono::seconds stall_max{10};
    /// How long a closed connection waits for the peer's own end.
    std::chrono::seconds linger_max{1};
};

/// A connection on a socket, by TLS or, for a listener that was configured so, without.
///
/// Each readiness costs one read; what is said within a turn leaves in one write. Ciphertext lies in
/// the thread's buffers, except what the peer does not take (`leftover_`) and what arrived while
/// reading was paused (`held_`).
///
///     handshaking --> open --close--> closing --all sent--> lingering --peer's end--> finished
///          ^            |                |                       |                       ^
///          |            +----------------+---- abort, error, limit ---------------------+
///     connecting, where the connection is ours to make (connector.hpp)
class SocketChannel final : public Channel, public Pollable, public Stranger {
public:
    /// Takes the connected, non-blocking `descriptor`. `ssl` is the client's side of TLS; without it bytes
    /// are sent as they are, unless it `serves_tls`.
    SocketChannel(IoThread& thread, int descriptor, SslPtr ssl, std::string peer_address,
                  const ChannelLimits& limits);
    ~SocketChannel() override;

    /// It is the server's side of TLS, which is made when the peer has said a whole record, by what
    /// `contexts` has then: who says less costs no more than it said. Before `start`.
    void serves_tls(const TlsContexts& contexts);
    /// It has a place in the account of its address, which it gives back once it is authenticated or closed.
    /// Before `start`.
    void counts_as_stranger(StrangerCounts::Account account);
    /// Who speaks through it from here on is somebody unknown at another address: the place goes to that
    /// account, and the limits of the unauthenticated begin anew. In a callback.
    void speaks_for_stranger(StrangerCounts::Account account);
    /// Sends what is queued, then says that nothing will follow, and goes on reading.
    void end_sending();
    /// Begins to listen to the socket; once the factory has set the handler.
    void start();
    /// Begins with a socket that is still connecting: the handshake follows by itself, and without
    /// TLS `ChannelHandler::handshaken` says that the connection is there. A peer that cannot be
    /// reached ends it with `unreachable`.
    void start_connecting();

    void set_handler(ChannelHandler& handler) override { handler_ = &handler; }
    [[nodiscard]] bool send(Bytes bytes) override;
    std::size_t unsent() const override { return queued_.size() - queued_sent_ + leftover_.size(); }
    bool is_congested() const override { return !leftover_.empty(); }
    void holds(std::size_t bytes) override;
    void close(Errc reason) override;
    void abort(Errc reason) override;
    void pause_reading() override { is_paused_ = true; }
    void resume_reading() override;
    void authenticated() override;
    void stand_on(KeyTag key) override { key_ = key; }
    void move_to(IoThread& thread, UniqueFunction<void()> arrived) override;
    IoThread& thread() const override { return *thread_; }
    const std::string& peer_address() const override { return peer_address_; }
    const PeerCertificate* peer_certificate() const override { return certificate_.get(); }
    /// As `carillon::peer_chain`.
    std::vector<std::string> peer_chain() const;

    // --- for the thread ------------------------------------------------------------------------
    void ready(std::uint32_t events) override;
    void take_step() override;
    void time_is_up() override;
    void serve_again();
    void flush();
    void finish();
    /// False if it had been told before.
    bool shut_down();
    /// What it stands on is void.
    void end_key();
    KeyTag key() const { return key_; }

private:
    friend class IoThread;
    enum class State : std::uint8_t { connecting, handshaking, open, closing, lingering, finished };
    struct Move;

    void connected();
    void read();
    void settle();
    void borrow_buffers();
    void digest(Bytes input);
    void collect(Bytes input);
    void digest_tls(Bytes input);
    void handshake();
    void close_socket();
    void is_no_stranger();
    bool is_doubted() const;
    void decrypt();
    void deliver(Bytes plain);
    void end_of_input();
    void ask_to_serve();
    void write_queued();
    bool push(std::string_view bytes);
    void push_output();
    void continue_writing();
    void make_room(std::size_t bytes);
    void account();
    void took_something();
    void count_unsent(std::size_t bytes);
    void cut_the_slowest();
    void say_goodbye();
    void say_end();
    void die(Errc reason);
    void arm(Timers::Id& timer, std::chrono::seconds after);
    void watch_stall();
    void depart();
    void arrive(UniqueFunction<void()> arrived);

    IoThread* thread_;
    ChannelHandler* handler_ = nullptr;
    SslPtr ssl_;
    const TlsContexts* served_ = nullptr;  ///< Of a server's side of TLS.
    int descriptor_;
    State state_;
    bool is_busy_ : 1 = false;  ///< In a function that may call the handler.
    bool is_paused_ : 1 = false;
    bool is_readable_ : 1 = false;     ///< The socket may hold input: no short read since.
    bool peer_hung_up_ : 1 = false;    ///< Epoll said so; it will not say it again.
    bool has_ended_ : 1 = false;       ///< The end of input was seen.
    bool is_told_to_end_ : 1 = false;  ///< By `shut_down`.
    bool is_authenticated_ : 1 = false;
    bool flush_asked_ : 1 = false;
    bool serve_asked_ : 1 = false;
    bool was_congested_ : 1 = false;
    bool is_enrolled_ : 1 = false;
    bool is_counted_stranger_ : 1 = false;
    bool step_asked_ : 1 = false;
    bool end_asked_ : 1 = false;
    bool ends_sending_ : 1 = false;  ///< By `end_sending`.
    StrangerCounts::Account stranger_account_ = 0;
    Errc reason_ = Errc::connection_closed;
    KeyTag key_ = KeyTag::none;
    std::uint32_t input_bytes_ = 0;  ///< Before authentication.
    /// Plain bytes to send, lent by the thread. Bound: ChannelLimits::unsent_bytes_max.
    std::string queued_;
    std::size_t queued_sent_ = 0;
    std::string leftover_;  ///< Ciphertext the kernel did not take. Bound: ChannelLimits::unsent_bytes_max.
    std::size_t held_elsewhere_ = 0;  ///< As `holds` said.
    std::size_t counted_ = 0;         ///< Of all that, what is in `ChannelLimits::total`.
    /// Ciphertext that arrived and was not decrypted; of a handshake, a record that is not whole yet.
    /// Bound: ThreadBuffers::size.
    std::string held_;
    Timers::Id deadline_;  ///< For authentication, later for lingering.
    Timers::Id stall_;
    std::unique_ptr<Move> move_;
    std::unique_ptr<PeerCertificate> certificate_;
    const ChannelLimits& limits_;
    std::string peer_address_;       ///< Bound: fixed.
    SocketChannel* next_ = nullptr;  ///< In the thread's list of live connections.
    SocketChannel* previous_ = nullptr;
    SocketChannel* next_waiting_ = nullptr;  ///< In the thread's list of those with something unsent.
    SocketChannel* previous_waiting_ = nullptr;
};

}  // namespace carillon
