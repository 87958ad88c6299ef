// What a channel does at either end of a connection that one node passes on to another.

#include "net/socket_channel.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace carillon {

void SocketChannel::speaks_for_stranger(StrangerCounts::Account account) {
    is_no_stranger();
    counts_as_stranger(account);
    input_bytes_ = 0;
    arm(deadline_, limits_.unauthenticated_time_max);
}

void SocketChannel::end_sending() {
    if (state_ != State::open || ends_sending_) return;
    ends_sending_ = true;
    if (!flush_asked_ && !move_) {
        flush_asked_ = true;
        thread_->flush_later(*this);
    }
}

/// Everything was sent, and the peer may go on sending (RFC 8446 §6.1).
void SocketChannel::say_end() {
    if (!ssl_) {
        ::shutdown(descriptor_, SHUT_WR);
        return;
    }
    if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    push_output();
}

}  // namespace carillon
