#include "net/socket_channel.hpp"

#include "base/log.hpp"
#include "net/handshake_memory.hpp"
#include "net/peer_certificate.hpp"
#include "net/thread_buffers.hpp"

#include <linux/sockios.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <optional>

namespace carillon {
namespace {

/// Plain bytes turned into ciphertext at a time, so that what a slow peer leaves over stays small.
constexpr std::size_t encrypted_at_once_max = 64 * 1024;
/// The largest TLS record, which `plain` must have room for (RFC 8446 §5.1).
constexpr std::size_t record_bytes_max = 16 * 1024;
/// With what encryption may add. RFC 5246 §6.2.3
constexpr std::size_t cipher_record_bytes_max = record_bytes_max + 2048;
/// How every TLS connection begins (RFC 8446 §5.1: ContentType handshake).
constexpr std::uint8_t handshake_record = 22;
/// Asked for once and for all: edges are reported, so nothing is re-armed.
constexpr std::uint32_t watched_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/// Bytes the kernel holds for the peer, who has not confirmed them.
int in_kernel(int descriptor) {
    int bytes = 0;
    return ::ioctl(descriptor, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/// The length of the whole records at the front of `input`; all of it if that is no record, which OpenSSL
/// says.
std::size_t whole_records(Bytes input) {
    constexpr std::size_t header_bytes = 5;  // RFC 8446 §5.1: type, version, length
    std::size_t whole = 0;
    while (input.size() - whole >= header_bytes) {
        const std::size_t length = std::size_t{input[whole + 3]} << 8U | input[whole + 4];
        if (length > cipher_record_bytes_max) return input.size();
        if (input.size() - whole < header_bytes + length) break;
        whole += header_bytes + length;
    }
    return whole;
}

}  // namespace

/// Where a channel goes, once nothing of it is in use here.
struct SocketChannel::Move {
    IoThread& target;
    UniqueFunction<void()> arrived;
};

SocketChannel::SocketChannel(IoThread& thread, int descriptor, SslPtr ssl, std::string peer_address,
                             const ChannelLimits& limits)
    : thread_(&thread),
      ssl_(std::move(ssl)),
      descriptor_(descriptor),
      state_(ssl_ ? State::handshaking : State::open),
      limits_(limits),
      peer_address_(std::move(peer_address)) {
    borrow_buffers();
}

/// Has OpenSSL read and write by the buffers of the current thread.
void SocketChannel::borrow_buffers() {
    if (!ssl_) return;
    BIO* bio = thread_->buffers().bio.get();
    if (SSL_get_rbio(ssl_.get()) == bio) return;
    BIO_up_ref(bio);  // One reference pays for both directions.
    SSL_set_bio(ssl_.get(), bio, bio);
}

SocketChannel::~SocketChannel() {
    CARILLON_ASSERT(!is_busy_);
    if (state_ != State::finished && descriptor_ >= 0) {
        thread_->unwatch(descriptor_, *this);
        close_socket();
    }
    if (state_ == State::handshaking) thread_->buffers().handshakes.ended(this);
    thread_->timers().cancel(deadline_);
    thread_->timers().cancel(stall_);
    thread_->forget(*this);
    count_unsent(0);
    if (is_enrolled_) thread_->discharge(*this);
}

void SocketChannel::serves_tls(const TlsContexts& contexts) {
    served_ = &contexts;
    state_ = State::handshaking;
}

void SocketChannel::counts_as_stranger(StrangerCounts::Account account) {
    stranger_account_ = account;
    is_counted_stranger_ = true;
}

void SocketChannel::is_no_stranger() {
    if (is_counted_stranger_) limits_.strangers->give_back(stranger_account_);
    is_counted_stranger_ = false;
}

/// It comes from where handshakes mostly come to nothing.
bool SocketChannel::is_doubted() const {
    return is_counted_stranger_ && limits_.strangers->is_doubted(stranger_account_, thread_->clock().now());
}

void SocketChannel::close_socket() {
    ::close(std::exchange(descriptor_, -1));
    is_no_stranger();
    if (limits_.count != nullptr) limits_.count->give_back();
}

void SocketChannel::start() {
    if (state_ == State::finished) return;  // The factory wanted none of it.
    thread_->add(*this);
    is_enrolled_ = true;
    if (!is_authenticated_) arm(deadline_, limits_.unauthenticated_time_max);
    if (!thread_->watch(descriptor_, watched_events, *this)) die(Errc::io_failed);
}

void SocketChannel::start_connecting() {
    state_ = State::connecting;
    start();
}

void SocketChannel::connected() {
    if (ssl_) {
        state_ = State::handshaking;
        return handshake();  // A client speaks first.
    }
    state_ = State::open;
    handler_->handshaken();
}

// --- reading ---------------------------------------------------------------------------------

void SocketChannel::ready(std::uint32_t events) {
    if (state_ == State::finished) return;
    if ((events & EPOLLERR) != 0) {
        return die(state_ == State::connecting ? Errc::unreachable : Errc::connection_closed);
    }
    is_busy_ = true;
    if (state_ == State::connecting && (events & EPOLLOUT) != 0) connected();
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) peer_hung_up_ = true;
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) is_readable_ = true;
    if ((events & EPOLLOUT) != 0 && !leftover_.empty()) continue_writing();
    if (is_readable_) read();
    settle();
}

void SocketChannel::serve_again() {
    serve_asked_ = false;
    is_busy_ = true;
    if (!held_.empty() && !is_paused_ && state_ == State::open) {
        std::string input;
        input.swap(held_);
        digest(as_bytes(input));
        if (is_readable_ && held_.empty()) ask_to_serve();
    } else if (is_readable_) {
        read();
    }
    settle();
}

/// The end of whatever may have called the handler. Touches nothing of the channel after it left.
void SocketChannel::settle() {
    is_busy_ = false;
    if (move_) depart();
}

/// One read a turn, so that a peer with much to say does not hold up the others.
void SocketChannel::read() {
    if (state_ == State::finished || move_) return;
    const bool discards = state_ == State::closing || state_ == State::lingering;
    const bool waits = is_paused_ || step_asked_ || (!held_.empty() && state_ != State::handshaking);
    if (waits && !discards) return;
    auto& input = thread_->buffers().input;
    std::size_t room = input.size();
    // What is thrown away behind an answer is bounded by the time to linger: a reset at the byte limit
    // would take the answer with it.
    if (!is_authenticated_ && !discards) {
        if (input_bytes_ >= limits_.unauthenticated_bytes_max) {
            return abort(Errc::connection_forcefully_closed);
        }
        room = std::min(
            {room, limits_.unauthenticated_read_max, limits_.unauthenticated_bytes_max - input_bytes_});
    }
    const ssize_t got = ::recv(descriptor_, input.data(), room, 0);
    if (got < 0) {
        is_readable_ = errno == EINTR;
        if (is_readable_) ask_to_serve();
        if (errno != EINTR && errno != EAGAIN) die(Errc::connection_closed);
        return;
    }
    if (got == 0) {
        is_readable_ = false;
        return end_of_input();
    }
    const auto count = static_cast<std::size_t>(got);
    if (!is_authenticated_) input_bytes_ += static_cast<std::uint32_t>(count);
    // A short read has emptied the socket, and an edge will tell of more. An end that was already
    // reported will not be told again.
    is_readable_ = count == room || peer_hung_up_;
    if (!discards) digest({input.data(), count});
    const bool is_held_up = step_asked_ || (!held_.empty() && state_ != State::handshaking);
    if (is_readable_ && state_ != State::finished && !is_held_up) ask_to_serve();
}

void SocketChannel::digest(Bytes input) {
    if (state_ == State::handshaking && served_ != nullptr) return collect(input);
    if (ssl_) return digest_tls(input);
    deliver(input);
}

/// Keeps what comes of a server's handshake until it is a whole record, and then until it is its turn.
void SocketChannel::collect(Bytes input) {
    // What begins otherwise is another protocol, and of those some would wait for us.
    if (input_bytes_ == input.size() && input[0] != handshake_record) return die(Errc::tls_failed);
    held_ += as_text(input);
    if (step_asked_ || whole_records(as_bytes(held_)) == 0) return;
    step_asked_ = true;
    using Step = StrangerTurns::Step;
    const Step first = is_doubted() ? Step::doubted_first : Step::first;
    thread_->buffers().strangers.ask_for_step(*this, ssl_ ? Step::later : first);
}

void SocketChannel::take_step() {
    step_asked_ = false;
    if (state_ != State::handshaking) return;
    is_busy_ = true;
    std::optional<HandshakeMemory::FirstStep> first_step;
    if (!ssl_) {
        ssl_ = served_->current()->new_connection();
        first_step.emplace();
    }
    if (!ssl_) {
        die(Errc::io_failed);
        return settle();
    }
    borrow_buffers();
    // OpenSSL gets whole records only: it sets 33 KB aside for a hello of which one byte is there.
    const std::string said = std::move(held_);
    const std::size_t whole = whole_records(as_bytes(said));
    held_ = said.substr(whole);
    digest_tls(as_bytes(said).first(whole));
    if (first_step && state_ == State::handshaking) first_step->waits();
    if (is_readable_) ask_to_serve();
    settle();
}

void SocketChannel::digest_tls(Bytes input) {
    Bytes& unread = thread_->buffers().unread;
    unread = input;
    if (state_ == State::handshaking) handshake();
    std::string joined;
    if (state_ == State::open && !held_.empty()) {  // Said behind the handshake, with its end.
        held_.insert(0, as_text(unread));
        joined.swap(held_);
        unread = as_bytes(joined);
    }
    if (state_ == State::open) decrypt();
    if (state_ == State::open && !unread.empty()) held_ = as_text(unread);
    unread = {};
}

void SocketChannel::handshake() {
    const bool is_server = served_ != nullptr;
    const int done = SSL_do_handshake(ssl_.get());
    const bool failed = done != 1 && SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ;
    ThreadBuffers& buffers = thread_->buffers();
    if (is_server && done != 1 && !failed && !buffers.output.empty()) {
        // Who is doubted keeps nobody waiting.
        if (!is_doubted()) buffers.handshakes.answered(this, thread_->clock().now());
        buffers.strangers.answered(*this);
    }
    push_output();  // Our flight, or the alert that says why not.
    if (failed) {
        ERR_clear_error();
        die(Errc::tls_failed);
        return;
    }
    if (done != 1 || state_ != State::handshaking) return;
    state_ = State::open;
    buffers.handshakes.finished(this, thread_->clock().now());
    buffers.strangers.finished(*this);
    if (is_counted_stranger_) limits_.strangers->finished(stranger_account_);
    if (is_server) buffers.handshake_metrics.ended_well(SSL_session_reused(ssl_.get()) != 0);
    if (is_server) certificate_ = read_peer_certificate(ssl_.get());  // A server's was verified already.
    handler_->handshaken();
}

/// Decrypts what there is, and hands it over in pieces as large as the buffer allows.
void SocketChannel::decrypt() {
    ThreadBuffers& buffers = thread_->buffers();
    while (state_ == State::open && !is_paused_ && !move_ && !buffers.unread.empty()) {
        std::size_t filled = 0;
        int error = SSL_ERROR_NONE;
        while (!buffers.unread.empty() && buffers.plain.size() - filled >= record_bytes_max) {
            std::size_t count = 0;
            const int done =
                SSL_read_ex(ssl_.get(), buffers.plain.data() + filled, buffers.plain.size() - filled, &count);
            if (done != 1) {
                error = SSL_get_error(ssl_.get(), done);
                break;
            }
            filled += count;
        }
        push_output();  // Answers to key updates, alerts.
        if (filled > 0) deliver({buffers.plain.data(), filled});
        if (error == SSL_ERROR_ZERO_RETURN) {
            buffers.unread = {};
            if (state_ == State::open) end_of_input();
            return;
        }
        if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
            ERR_clear_error();
            buffers.unread = {};
            return die(Errc::tls_failed);
        }
    }
}

void SocketChannel::deliver(Bytes plain) {
    if (state_ == State::open) handler_->received(plain);
}

void SocketChannel::end_of_input() {
    if (has_ended_ && state_ == State::open) return;
    has_ended_ = true;
    switch (state_) {
        case State::connecting:
        case State::handshaking:
        case State::lingering:
            return die(reason_);
        case State::open:
            return handler_->ended(*this);
        case State::closing:
        case State::finished:
            return;
    }
}

void SocketChannel::resume_reading() {
    if (!is_paused_) return;
    is_paused_ = false;
    if (is_readable_ || !held_.empty()) ask_to_serve();
}

void SocketChannel::ask_to_serve() {
    if (serve_asked_ || move_ || state_ == State::finished) return;
    serve_asked_ = true;
    thread_->serve_later(*this);
}

std::vector<std::string> SocketChannel::peer_chain() const {
    return ssl_ != nullptr ? read_peer_chain(ssl_.get()) : std::vector<std::string>();
}

void SocketChannel::authenticated() {
    is_authenticated_ = true;
    is_no_stranger();
    if (state_ != State::open) return;
    thread_->timers().cancel(deadline_);
    end_asked_ = false;
}

// --- writing ---------------------------------------------------------------------------------

bool SocketChannel::send(Bytes bytes) {
    const std::size_t waiting = unsent();
    const std::size_t limit =
        waiting == 0 ? std::max(limits_.unsent_bytes_max, limits_.lone_bytes_max) : limits_.unsent_bytes_max;
    if (state_ != State::open || ends_sending_ || waiting + bytes.size() > limit) return false;
    if (queued_.empty() && queued_.capacity() < bytes.size()) queued_ = thread_->buffers().take_queue();
    make_room(bytes.size());
    queued_.append(as_text(bytes));
    if (!flush_asked_ && !move_) {
        flush_asked_ = true;
        thread_->flush_later(*this);
    }
    return true;
}

/// Lets the queue grow by doubling, but to no more than may ever be in it, and without what was sent.
void SocketChannel::make_room(std::size_t bytes) {
    const std::size_t kept = queued_.size() - queued_sent_;
    if (queued_.size() + bytes <= queued_.capacity()) return;
    std::string grown;
    grown.reserve(std::max(kept + bytes, std::min(2 * kept, limits_.unsent_bytes_max)));
    grown.append(queued_, queued_sent_);
    queued_ = std::move(grown);
    queued_sent_ = 0;
}

void SocketChannel::flush() {
    flush_asked_ = false;
    if (state_ == State::open || state_ == State::closing) write_queued();
    account();
}

void SocketChannel::holds(std::size_t bytes) {
    held_elsewhere_ = bytes;
    account();
}

/// Whatever waits here counts in the whole hub, and those whose peers take nothing are cut when that is
/// too much. May end this connection.
void SocketChannel::account() {
    if (limits_.total == nullptr || state_ == State::finished || move_) return;
    // What was queued in this turn has not been tried yet.
    const bool was_tried = !flush_asked_;
    const std::size_t here = was_tried ? queued_.size() - queued_sent_ + leftover_.size() : leftover_.size();
    count_unsent(here + held_elsewhere_);
    if (limits_.total->bytes.load(std::memory_order_relaxed) > limits_.total->bytes_max) cut_the_slowest();
}

void SocketChannel::count_unsent(std::size_t bytes) {
    if (limits_.total == nullptr || bytes == counted_) return;
    if (counted_ == 0) thread_->wait_last(*this);
    if (bytes == 0) thread_->wait_no_more(*this);
    // Wraps around for less, as unsigned numbers may.
    limits_.total->bytes.fetch_add(bytes - counted_, std::memory_order_relaxed);
    counted_ = bytes;
}

/// Only on this thread, as a connection belongs to its own: whoever adds to what is too much makes room
/// for it here, and stalled peers elsewhere are cut in time by `stall_max`.
void SocketChannel::cut_the_slowest() {
    UnsentTotal& total = *limits_.total;
    while (total.bytes.load(std::memory_order_relaxed) > total.bytes_max) {
        SocketChannel* slowest = thread_->first_waiting();
        if (slowest == nullptr) return;
        total.cuts.fetch_add(1, std::memory_order_relaxed);
        if (const auto count = total.log_rate.count(thread_->clock().now())) {
            log.warn("slow readers cut count={} peer={} unsent_bytes_max={}", *count, slowest->peer_address(),
                     total.bytes_max);
        }
        slowest->abort(Errc::connection_forcefully_closed);
    }
}

void SocketChannel::took_something() {
    if (counted_ != 0) thread_->wait_last(*this);
}

/// Sends what is queued as far as the peer takes it.
void SocketChannel::write_queued() {
    while (leftover_.empty() && queued_sent_ < queued_.size()) {
        const std::size_t size = std::min(queued_.size() - queued_sent_, encrypted_at_once_max);
        const std::string_view piece(queued_.data() + queued_sent_, size);
        queued_sent_ += size;
        if (!ssl_) {
            if (!push(piece)) return;
            continue;
        }
        for (std::size_t at = 0; at < size;) {
            std::size_t count = 0;
            if (SSL_write_ex(ssl_.get(), piece.data() + at, size - at, &count) != 1) {
                ERR_clear_error();
                thread_->buffers().output.clear();
                return die(Errc::tls_failed);
            }
            at += count;
        }
        push_output();
        if (state_ == State::finished) return;
    }
    if (queued_sent_ == queued_.size()) {
        if (queued_.capacity() > std::string().capacity()) {
            thread_->buffers().give_queue(std::move(queued_));
            queued_ = std::string();
        }
        queued_.clear();
        queued_sent_ = 0;
    }
    if (state_ == State::closing && leftover_.empty()) return say_goodbye();
    if (ends_sending_ && leftover_.empty()) say_end();
}

void SocketChannel::push_output() {
    std::string& output = thread_->buffers().output;
    if (output.empty()) return;
    push(output);
    output.clear();
}

/// Hands bytes to the kernel; keeps what it does not take. False if the connection broke.
bool SocketChannel::push(std::string_view bytes) {
    if (leftover_.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            die(Errc::connection_closed);
            return false;
        }
        bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
        if (bytes.empty()) return true;
        was_congested_ = true;
        watch_stall();
    }
    leftover_.append(bytes);
    if (leftover_.size() > limits_.unsent_bytes_max + encrypted_at_once_max) {
        abort(Errc::connection_forcefully_closed);
        return false;
    }
    return true;
}

void SocketChannel::continue_writing() {
    const ssize_t sent = ::send(descriptor_, leftover_.data(), leftover_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) die(Errc::connection_closed);
        return;
    }
    leftover_.erase(0, static_cast<std::size_t>(sent));
    took_something();
    if (!leftover_.empty()) {
        watch_stall();
        return account();
    }
    thread_->timers().cancel(stall_);
    leftover_ = std::string();
    if (state_ == State::open || state_ == State::closing) write_queued();
    account();
    if (state_ == State::open && unsent() == 0 && was_congested_) {
        was_congested_ = false;
        handler_->drained();
    }
}

// --- ending ----------------------------------------------------------------------------------

void SocketChannel::close(Errc reason) {
    if (state_ == State::handshaking || state_ == State::connecting) return abort(reason);
    if (state_ != State::open) return;
    state_ = State::closing;
    reason_ = reason;
    held_ = std::string();
    if (!flush_asked_ && !move_) {
        flush_asked_ = true;
        thread_->flush_later(*this);
    }
}

/// Everything was sent: says so, and waits a little for the peer's own end, as closing with unread
/// input would make the kernel send a reset and the peer lose what it was sent.
void SocketChannel::say_goodbye() {
    if (ssl_ && (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) == 0) {
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
        push_output();
        if (state_ == State::finished || !leftover_.empty()) return;
    }
    if (has_ended_) return die(reason_);
    ::shutdown(descriptor_, SHUT_WR);
    state_ = State::lingering;
    thread_->timers().cancel(deadline_);
    arm(deadline_, limits_.linger_max);
    if (is_readable_) ask_to_serve();
}

bool SocketChannel::shut_down() {
    if (is_told_to_end_) return false;
    is_told_to_end_ = true;
    if (state_ == State::handshaking || state_ == State::connecting) {
        abort(Errc::connection_closed);
        return true;
    }
    if (state_ != State::open) return true;
    is_busy_ = true;
    handler_->shutting_down(*this);
    settle();
    return true;
}

void SocketChannel::end_key() {
    if (state_ != State::open) return;
    key_ = KeyTag::none;
    is_busy_ = true;
    handler_->key_ended(*this);
    settle();
}

void SocketChannel::abort(Errc reason) {
    if (state_ == State::finished) return;
    // The kernel forgets what it still holds for this peer.
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    die(reason);
}

/// Lets go of the socket now; the handler is told at the end of the turn.
void SocketChannel::die(Errc reason) {
    if (state_ == State::finished) return;
    if (state_ == State::handshaking) {
        thread_->buffers().handshakes.ended(this);
        thread_->buffers().strangers.finished(*this);
        if (is_counted_stranger_ && ssl_)
            limits_.strangers->abandoned(stranger_account_, thread_->clock().now());
        if (served_ != nullptr) thread_->buffers().handshake_metrics.lost(reason);
    }
    state_ = State::finished;
    reason_ = reason;
    thread_->unwatch(descriptor_, *this);
    close_socket();
    thread_->timers().cancel(deadline_);
    thread_->timers().cancel(stall_);
    queued_ = leftover_ = held_ = std::string();
    queued_sent_ = 0;
    count_unsent(0);
    move_.reset();
    thread_->finish_later(*this);
}

void SocketChannel::finish() {
    if (is_enrolled_) thread_->discharge(*this);
    is_enrolled_ = false;
    handler_->closed(reason_);  // The last thing: the owner may have destroyed the channel in it.
}

void SocketChannel::arm(Timers::Id& timer, std::chrono::seconds after) {
    thread_->timers().cancel(timer);
    end_asked_ = false;
    timer = thread_->timers().at(thread_->clock().now() + after, [this] {
        end_asked_ = true;
        thread_->buffers().strangers.ask_for_end(*this);
    });
}

void SocketChannel::time_is_up() {
    if (!end_asked_ && state_ != State::handshaking) return;
    if (state_ == State::lingering) return die(reason_);
    abort(Errc::connection_forcefully_closed);
}

/// Cuts the peer off unless it takes something within `stall_max`. That the kernel takes nothing says
/// little: it asks for more only once a third of its buffer is free, for which a slow peer needs longer.
void SocketChannel::watch_stall() {
    thread_->timers().cancel(stall_);
    stall_ = thread_->timers().at(thread_->clock().now() + limits_.stall_max,
                                  [this, before = in_kernel(descriptor_)] {
                                      if (in_kernel(descriptor_) < before) return watch_stall();
                                      abort(Errc::connection_forcefully_closed);
                                  });
}

// --- moving ----------------------------------------------------------------------------------

void SocketChannel::move_to(IoThread& thread, UniqueFunction<void()> arrived) {
    if (state_ != State::open && state_ != State::closing) return;
    move_ = std::make_unique<Move>(Move{thread, std::move(arrived)});
    if (!is_busy_) depart();
}

void SocketChannel::depart() {
    Move move = std::move(*move_);
    move_.reset();
    thread_->unwatch(descriptor_, *this);
    thread_->forget(*this);
    count_unsent(0);
    thread_->discharge(*this);
    is_enrolled_ = flush_asked_ = serve_asked_ = false;
    const bool has_stall = static_cast<bool>(stall_);
    thread_->timers().cancel(stall_);
    thread_->timers().cancel(deadline_);
    thread_ = &move.target;
    thread_->post([this, has_stall, arrived = std::move(move.arrived)]() mutable {
        if (has_stall) watch_stall();
        arrive(std::move(arrived));
    });
}

void SocketChannel::arrive(UniqueFunction<void()> arrived) {
    borrow_buffers();
    thread_->add(*this);
    is_enrolled_ = true;
    // A new registration reports at once whatever is the case.
    if (!thread_->watch(descriptor_, watched_events, *this)) die(Errc::io_failed);
    account();
    if (state_ == State::finished) return;
    if (!is_authenticated_) arm(deadline_, limits_.unauthenticated_time_max);
    if (!queued_.empty() || state_ == State::closing) {
        flush_asked_ = true;
        thread_->flush_later(*this);
    }
    if (!held_.empty()) ask_to_serve();
    is_busy_ = true;
    arrived();
    settle();
}

}  // namespace carillon
