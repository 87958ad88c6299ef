#pragma once

#include "base/bytes.hpp"
#include "base/errc.hpp"
#include "base/key_tag.hpp"
#include "base/unique_function.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace carillon {

class Channel;
class IoThread;

/// What a peer's certificate says, as far as authentication needs it.
struct PeerCertificate {
    std::string sha1;          ///< Thumbprint of the DER form, lower-case hex, 40 digits.
    std::string sha256;        ///< The same, 64 digits.
    std::string common_name;   ///< Subject CN; empty if there is none or it holds a NUL.
    bool is_verified = false;  ///< Its chain leads to a client CA of the hub and is valid in time.
};

/// What a connection does with its bytes; endpoints implement it. Every call comes on the channel's
/// thread, never from inside a call to the channel, and one at a time.
///
/// Lifetime: the channel must live while one of its callbacks runs, `closed` excepted; there, and
/// anywhere outside callbacks of this channel, its owner may destroy it. `closed` is the last call.
class ChannelHandler {
public:
    virtual ~ChannelHandler() = default;

    /// The TLS handshake is over; `peer_certificate` is known from here on.
    virtual void handshaken() {}
    /// `bytes` lie in the thread's buffer and are gone when this returns.
    virtual void received(Bytes bytes) = 0;
    /// `unsent()` is 0 again after bytes had to wait for the peer.
    virtual void drained() {}
    /// The peer will send nothing more (close_notify or FIN) but may still read. An endpoint that
    /// still owes an answer overrides this, and closes when it has given it.
    virtual void ended(Channel& channel);
    /// The server is going down. An endpoint that is in the middle of an answer finishes it and
    /// closes; it has `shut_down_max` for that.
    virtual void shutting_down(Channel& channel);
    /// What the connection stands on (`Channel::stand_on`) is void. As when the server goes down.
    virtual void key_ended(Channel& channel) { shutting_down(channel); }
    /// The connection is over, whoever ended it; the last call. After `close` or `abort` it comes
    /// in a later step of the loop with the reason given there.
    virtual void closed(Errc reason) = 0;
};

/// One connection as a stream of plain bytes: a TLS socket (`SocketChannel`), or frames within
/// another channel (WebSocket). Belongs to one thread, on which every call is made.
class Channel {
public:
    virtual ~Channel() = default;

    /// Who is told. Set before the factory returns; may be exchanged at any time, also in a callback.
    virtual void set_handler(ChannelHandler& handler) = 0;

    /// Queues `bytes` (copied). All that is queued within one turn of the loop leaves as one TLS
    /// record where it fits, in one system call. False, and nothing is queued, if `unsent()` would
    /// pass the limit (`ChannelLimits::unsent_bytes_max`), or after `close` or `abort`.
    [[nodiscard]] virtual bool send(Bytes bytes) = 0;
    /// Bytes not yet handed to the kernel.
    virtual std::size_t unsent() const = 0;
    /// Says that the owner keeps `bytes` more for this peer, to be sent when there is room. They count
    /// among what all peers may leave unread, and the connection may be cut for it (`UnsentTotal`).
    virtual void holds(std::size_t bytes) = 0;
    /// True while bytes wait because the peer does not drain its socket. A peer that takes nothing
    /// for `stall_max` is cut off.
    virtual bool is_congested() const = 0;

    /// Sends what is queued, then says goodbye and closes. Nothing is received any more.
    virtual void close(Errc reason = Errc::connection_closed) = 0;
    /// Closes at once; what is queued is lost.
    virtual void abort(Errc reason) = 0;

    /// Stops `received` until `resume_reading`; what the peer sends meanwhile waits in the kernel.
    /// Takes effect at once, also within `received`.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;

    /// Lifts the limits of an unauthenticated peer: 10 s and 64 KB (`ChannelLimits`).
    virtual void authenticated() = 0;

    /// The secret by which the peer proved itself last: when that ends, so does the connection.
    virtual void stand_on(KeyTag) {}

    /// Hands the connection to another thread, then calls `arrived` there, in a turn of its own.
    /// Only after the handshake. May be called in a callback, but not in `closed`. Until `arrived`
    /// runs nobody touches the channel, and the handler hears nothing. Queued bytes go along. If the
    /// connection ended before it left, `arrived` is dropped and `closed` comes here.
    virtual void move_to(IoThread& thread, UniqueFunction<void()> arrived) = 0;
    virtual IoThread& thread() const = 0;

    /// `address:port`, IPv6 in brackets; for the log.
    virtual const std::string& peer_address() const = 0;
    /// Null if the peer showed none, or before `handshaken`.
    virtual const PeerCertificate* peer_certificate() const = 0;
};

/// Makes what serves a connection; each endpoint is one. Used from all threads.
class ConnectionFactory {
public:
    virtual ~ConnectionFactory() = default;
    /// A peer connected; its handshake has not begun. Called on the channel's thread. The factory
    /// owns the channel from here on and sets its handler before it returns. It may abort the
    /// channel at once, but not destroy it.
    virtual void accepted(std::unique_ptr<Channel> channel) = 0;
};

inline void ChannelHandler::ended(Channel& channel) {
    channel.close();
}
inline void ChannelHandler::shutting_down(Channel& channel) {
    channel.close();
}

}  // namespace carillon
