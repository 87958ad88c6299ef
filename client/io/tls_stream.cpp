#include "io/tls_stream.hpp"

#include "base/openssl_reason.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace carillon::client {

namespace {

/// Records served in one turn, so that a peer with much to say does not hold up the others.
constexpr int reads_max = 16;

}  // namespace

TlsStream::~TlsStream() {
    let_go();
}

// --- beginning -------------------------------------------------------------------------------

void TlsStream::connect(std::vector<SocketAddress> addresses, std::shared_ptr<const TlsClient> tls,
                        std::string host_name) {
    CARILLON_ASSERT(state_ == State::idle);
    state_ = State::connecting;
    addresses_ = std::move(addresses);
    std::reverse(addresses_.begin(), addresses_.end());
    tls_ = std::move(tls);
    host_name_ = std::move(host_name);
    try_next("it has no address");
}

/// Goes on to the next address; without one it is over.
void TlsStream::try_next(const std::string& why_not) {
    std::string why = why_not;
    while (!addresses_.empty()) {
        let_go();
        const SocketAddress address = addresses_.back();
        addresses_.pop_back();
        descriptor_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        events_ = EPOLLIN | EPOLLOUT;
        const bool begins = descriptor_ >= 0 &&
                            (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address.storage),
                                       address.length) == 0 ||
                             errno == EINPROGRESS) &&
                            loop_.watch(descriptor_, events_, *this);
        if (begins) return arm(connect_max);
        why = std::strerror(errno);
    }
    die(Errc::unreachable, host_name_ + ": " + why);
}

void TlsStream::connected() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return try_next(std::strerror(error));
    disarm();
    ssl_ = tls_->new_connection(descriptor_, host_name_);
    if (ssl_ == nullptr) return die(Errc::connection_closed, "no memory for TLS");
    state_ = State::handshaking;
    handshake();
}

void TlsStream::handshake() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
        state_ = State::open;
        ask_for(EPOLLIN);
        return handler_.opened();
    }
    switch (SSL_get_error(ssl_.get(), done)) {
        case SSL_ERROR_WANT_READ:
            return ask_for(EPOLLIN);
        case SSL_ERROR_WANT_WRITE:
            return ask_for(EPOLLIN | EPOLLOUT);
        default:
            break;
    }
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK) {
        return die(Errc::tls_failed,
                   host_name_ + ": its certificate is refused: " + X509_verify_cert_error_string(verdict));
    }
    die(Errc::connection_closed, "the TLS handshake was cut off: " + openssl_reason());
}

// --- moving bytes ----------------------------------------------------------------------------

void TlsStream::ready(std::uint32_t events) {
    if (state_ == State::connecting) return connected();
    if (state_ == State::handshaking) return handshake();
    if (state_ == State::open && (events & EPOLLOUT) != 0) write();
    if (state_ == State::open && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
}

void TlsStream::read() {
    // One thread runs all streams of a loop, and what one has read is digested before the next reads.
    thread_local std::array<std::uint8_t, read_bytes_max> buffer;
    for (int i = 0; i < reads_max && state_ == State::open; ++i) {
        ERR_clear_error();
        std::size_t count = 0;
        const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
        if (done == 1) {
            handler_.received({buffer.data(), count});
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), done);
        if (error == SSL_ERROR_WANT_READ) return;
        if (error == SSL_ERROR_WANT_WRITE) return ask_for(EPOLLIN | EPOLLOUT);
        ERR_clear_error();
        return die(Errc::connection_closed, "the hub ended the connection");
    }
}

void TlsStream::send(std::string_view bytes) {
    if (state_ != State::open || bytes.empty()) return;
    queued_.append(bytes);
    if (flush_deferred_ || was_full_) return;
    flush_deferred_ = true;
    loop_.defer([this] {
        flush_deferred_ = false;
        if (state_ == State::open) write();
    });
}

void TlsStream::write() {
    bool is_full = false;
    while (sent_ < queued_.size()) {
        ERR_clear_error();
        std::size_t count = 0;
        const int done = SSL_write_ex(ssl_.get(), queued_.data() + sent_, queued_.size() - sent_, &count);
        if (done != 1) {
            const int error = SSL_get_error(ssl_.get(), done);
            is_full = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
            if (!is_full) return die(Errc::connection_closed, "the hub ended the connection");
            break;
        }
        sent_ += count;
        disarm();
    }
    if (is_full) {
        queued_.erase(0, std::exchange(sent_, 0));
        if (!timer_) arm(stall_max);
        was_full_ = true;
        return ask_for(EPOLLIN | EPOLLOUT);
    }
    queued_ = std::string();
    sent_ = 0;
    ask_for(EPOLLIN);
    if (std::exchange(was_full_, false)) handler_.drained();
}

void TlsStream::ask_for(std::uint32_t events) {
    if (events_ == events) return;
    events_ = events;
    loop_.change(descriptor_, events, *this);
}

// --- ending ----------------------------------------------------------------------------------

void TlsStream::close() {
    is_silent_ = true;
    if (state_ == State::open) {
        // What does not fit now is lost: the peer takes nothing, or it would have.
        std::size_t count = 0;
        if (unsent() > 0) SSL_write_ex(ssl_.get(), queued_.data() + sent_, unsent(), &count);
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    state_ = State::closed;
    let_go();
}

void TlsStream::arm(std::chrono::seconds after) {
    disarm();
    timer_ = loop_.at(loop_.now() + after, [this] {
        timer_.reset();
        timed_out();
    });
}

void TlsStream::disarm() {
    if (timer_) loop_.cancel(*timer_);
    timer_.reset();
}

void TlsStream::timed_out() {
    if (state_ == State::connecting) return try_next("no answer");
    die(Errc::connection_closed, "the hub takes nothing any more");
}

void TlsStream::die(Errc code, std::string why) {
    state_ = State::closed;
    let_go();
    // In a later step: a connection may fail while it is begun.
    loop_.defer([this, reason = Error{code, std::move(why)}] {
        if (!is_silent_) handler_.closed(reason);
    });
}

void TlsStream::let_go() {
    disarm();
    if (descriptor_ < 0) return;
    loop_.unwatch(descriptor_, *this);
    ssl_.reset();
    ::close(std::exchange(descriptor_, -1));
}

}  // namespace carillon::client
