#pragma once

#include "load/loop.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace carillon::load {

/// An IPv4 address and port, host byte order, and whether to speak TLS there.
struct Endpoint {
    std::uint32_t address = 0x7F000001;
    std::uint16_t port = 0;
    bool is_plain = false;
};
/// Reads `a.b.c.d`; 0 if it is none.
std::uint32_t parse_address(const std::string& text);

/// What all connections of the tool offer: TLS 1.2 and later, X25519 or P-256, no resumption. It
/// does not verify the server: the tool speaks to a server its user has just started, over
/// loopback, and the client's checks would be measured with the rest.
class TlsContext {
public:
    TlsContext();
    ~TlsContext();
    ssl_ctx_st* get() const { return context_; }

private:
    ssl_ctx_st* context_;
};

/// Told what happens to a connection.
class TlsPeer {
public:
    virtual ~TlsPeer() = default;
    virtual void opened() = 0;
    /// `bytes` are gone after the call. May close the connection.
    virtual void received(std::string_view bytes) = 0;
    /// The connection failed or ended; not called after `close`. May open it again.
    virtual void closed(const char* reason) = 0;
};

/// One connection as client, by TLS unless its server is plain; it can be opened again after its end.
class TlsConnection final : private Loop::Handler {
public:
    TlsConnection(Loop& loop, TlsContext& tls, TlsPeer& peer) : loop_(loop), tls_(tls), peer_(peer) {}
    ~TlsConnection() override { close(); }

    /// Connects from `source` (an address of the loopback net; 0 for any) and shakes hands.
    void open(Endpoint server, const std::string& host_name, std::uint32_t source);
    bool is_open() const { return state_ == State::open; }
    bool is_idle() const { return state_ == State::idle; }
    /// Leaves with what else is sent in this round of the loop.
    void send(std::string_view bytes);
    /// Ends the connection at once, without a word.
    void close();

private:
    enum class State : std::uint8_t { idle, connecting, handshaking, open };

    void ready(std::uint32_t events) override;
    void flush() override;
    void shake_hands();
    void begin();
    void read();
    /// Bytes moved; 0 if the socket has to be ready first, nothing once the connection is over.
    std::optional<std::size_t> write_some(std::string_view bytes);
    std::optional<std::size_t> read_some(char* into, std::size_t size);
    std::optional<std::size_t> moved(int done, std::size_t count, const char* what);
    void fail(const char* reason);

    Loop& loop_;
    TlsContext& tls_;
    TlsPeer& peer_;
    ssl_st* ssl_ = nullptr;
    int fd_ = -1;
    State state_ = State::idle;
    bool is_flush_due_ = false;
    bool is_plain_ = false;
    std::string host_name_;
    std::string out_;
};

}  // namespace carillon::load
