#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "io/loop.hpp"
#include "io/resolver.hpp"
#include "io/tls_client.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::client {

/// Told of what happens to a stream: by the loop, never from within a call to the stream.
class StreamHandler {
public:
    virtual ~StreamHandler() = default;
    /// The handshake is over.
    virtual void opened() = 0;
    /// `bytes` are gone when this returns.
    virtual void received(Bytes bytes) = 0;
    /// `unsent` is 0 again, after bytes had to wait for the peer.
    virtual void drained() = 0;
    /// It is over; the last call. The error is `unreachable`; `tls_failed` if the server does not prove to
    /// be who it should; `connection_closed` otherwise.
    virtual void closed(const Error& reason) = 0;
};

/// One TLS connection that we make. What is sent within a turn of the loop leaves at its end. It may be
/// closed at any time, but not destroyed in a call to its handler.
///
///     connecting, address by address --> handshaking --> open --> closed
class TlsStream final : public Pollable {
public:
    /// For one address to answer.
    static constexpr std::chrono::seconds connect_max{10};
    /// How long a peer may take nothing of what waits for it.
    static constexpr std::chrono::seconds stall_max{30};
    /// What is read at a time: the largest TLS record (RFC 8446 §5.1).
    static constexpr std::size_t read_bytes_max = 16 * 1024;

    TlsStream(Loop& loop, StreamHandler& handler) : loop_(loop), handler_(handler) {}
    ~TlsStream() override;

    /// Begins to connect; once. `addresses` are tried in their order, until one accepts.
    void connect(std::vector<SocketAddress> addresses, std::shared_ptr<const TlsClient> tls,
                 std::string host_name);
    /// Copies `bytes`; only while open.
    void send(std::string_view bytes);
    /// Bytes that the kernel has not taken.
    std::size_t unsent() const { return queued_.size() - sent_; }
    /// Sends what the kernel takes at once and ends; the handler hears no more.
    void close();

    void ready(std::uint32_t events) override;

private:
    enum class State : std::uint8_t { idle, connecting, handshaking, open, closed };

    void try_next(const std::string& why_not);
    void connected();
    void handshake();
    void read();
    void write();
    void ask_for(std::uint32_t events);
    void arm(std::chrono::seconds after);
    void disarm();
    void timed_out();
    void die(Errc code, std::string why);
    void let_go();

    Loop& loop_;
    StreamHandler& handler_;
    std::vector<SocketAddress> addresses_;  ///< Still to be tried, the next one last.
    std::shared_ptr<const TlsClient> tls_;
    std::string host_name_;
    SslPtr ssl_;
    std::string queued_;
    std::size_t sent_ = 0;  ///< Of `queued_`.
    std::optional<Loop::Timer> timer_;
    std::uint32_t events_ = 0;  ///< Asked of the loop.
    int descriptor_ = -1;
    State state_ = State::idle;
    bool flush_deferred_ = false;
    bool was_full_ = false;
    bool is_silent_ = false;  ///< `close` was called.
};

}  // namespace carillon::client
