#pragma once

#include "base/result.hpp"
#include "net/channel.hpp"
#include "net/io_thread.hpp"
#include "net/socket_channel.hpp"
#include "net/tls_context.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// One address and port on which all threads accept, each with a socket of its own between which
/// the kernel spreads connections (SO_REUSEPORT); a connection stays where it was accepted.
class Listener {
public:
    static constexpr int backlog = 4096;  ///< A reconnecting fleet arrives at once.
    static constexpr int accepted_at_once_max = 8;
    /// Pause after the process ran out of descriptors or memory.
    static constexpr std::chrono::milliseconds pause_after_refusal{100};
    /// Pause while `ConnectionCount::open_max` connections are open.
    static constexpr std::chrono::milliseconds pause_when_full{50};
    /// Pause while the thread has as many handshakes in the making as `HandshakeGate` allows, or as many
    /// hellos to answer.
    static constexpr std::chrono::milliseconds pause_when_busy{10};
    /// Unacknowledged data ends a connection after this. Ours: a peer behind a cable that was pulled
    /// is gone within a minute, with what it holds.
    static constexpr std::chrono::seconds user_timeout{30};

    struct Options {
        std::string address;     ///< An IPv4 or IPv6 address, no name.
        std::uint16_t port = 0;  ///< 0 lets the kernel choose.
        ChannelLimits limits = {};
        const TlsContexts* tls = nullptr;  ///< Null: plain bytes, for loopback only.
        /// A socket that listens there already, which the caller keeps; -1: make some.
        int given = -1;
    };

    /// Binds; nothing is accepted before `start`. Fails with `config_invalid` for an address that is
    /// none, `io_failed` if the kernel refuses, the detail being its reason alone, such as
    /// "Address already in use". `threads` and `factory` outlive the listener.
    static Result<std::unique_ptr<Listener>> open(IoThreads& threads, ConnectionFactory& factory,
                                                  Options options);
    /// Once the threads have stopped, or before they started, or after `stop`.
    ~Listener();

    std::uint16_t port() const { return port_; }
    const std::string& address() const { return options_.address; }
    /// `127.0.0.1:443`, or `[::1]:443`
    std::string place() const;

    /// Accepts from now on; the threads may or may not run yet. Fails with `io_failed`.
    Result<> start();
    /// Accepts no more; returns when that is so. The threads run. Not on one of them.
    void stop();

private:
    class Acceptor;
    Listener(IoThreads& threads, ConnectionFactory& factory, Options options);
    Result<> share_given();

    IoThreads& threads_;
    ConnectionFactory& factory_;
    Options options_;
    std::uint16_t port_ = 0;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;  ///< Bound: fixed.
};

}  // namespace carillon
