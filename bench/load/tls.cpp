#include "load/tls.hpp"

#include "base/result.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <cerrno>

namespace carillon::load {
namespace {

sockaddr_in to_sockaddr(std::uint32_t address, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(address);
    out.sin_port = htons(port);
    return out;
}

const sockaddr* generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

std::uint32_t parse_address(const std::string& text) {
    in_addr parsed{};
    return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1 ? ntohl(parsed.s_addr) : 0;
}

TlsContext::TlsContext() : context_(::SSL_CTX_new(::TLS_client_method())) {
    CARILLON_ASSERT(context_ != nullptr);
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    // A read takes what there is, not a header and then the rest.
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set1_groups_list(context_, "X25519:P-256");
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
}

TlsContext::~TlsContext() {
    ::SSL_CTX_free(context_);
}

void TlsConnection::open(Endpoint server, const std::string& host_name, std::uint32_t source) {
    close();
    host_name_ = host_name;
    is_plain_ = server.is_plain;
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return fail("no descriptor");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source != 0) {
        // The port is chosen at connect, where the pair of addresses decides what is free.
        ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        const sockaddr_in from = to_sockaddr(source, 0);
        if (::bind(fd_, generic(from), sizeof from) != 0) return fail("bind");
    }
    state_ = State::connecting;
    loop_.add(fd_, *this);
    const sockaddr_in to = to_sockaddr(server.address, server.port);
    if (::connect(fd_, generic(to), sizeof to) != 0 && errno != EINPROGRESS) fail("connect");
}

void TlsConnection::send(std::string_view bytes) {
    if (state_ != State::open) return;
    out_.append(bytes);
    if (is_flush_due_) return;
    is_flush_due_ = true;
    loop_.flush_later(*this);
}

void TlsConnection::close() {
    if (ssl_ != nullptr) ::SSL_free(ssl_);
    ssl_ = nullptr;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    state_ = State::idle;
    out_.clear();
}

void TlsConnection::ready(std::uint32_t events) {
    switch (state_) {
        case State::idle:
            return;
        case State::connecting: {
            if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
            int error = 0;
            socklen_t size = sizeof error;
            ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error != 0) return fail("refused");
            if (is_plain_) return begin();
            ssl_ = ::SSL_new(tls_.get());
            CARILLON_ASSERT(ssl_ != nullptr);
            ::SSL_set_fd(ssl_, fd_);
            ::SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host_name_.data());
            state_ = State::handshaking;
            return shake_hands();
        }
        case State::handshaking:
            return shake_hands();
        case State::open:
            if ((events & EPOLLOUT) != 0 && !out_.empty()) flush();
            if ((events & ~std::uint32_t{EPOLLOUT}) != 0 && state_ == State::open) read();
            return;
    }
}

void TlsConnection::shake_hands() {
    ::ERR_clear_error();
    const int done = ::SSL_connect(ssl_);
    if (done == 1) return begin();
    const int why = ::SSL_get_error(ssl_, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail("handshake");
}

void TlsConnection::begin() {
    state_ = State::open;
    peer_.opened();
    if (state_ == State::open) read();  // What came with the handshake's last flight.
}

void TlsConnection::flush() {
    is_flush_due_ = false;
    std::size_t sent = 0;
    while (state_ == State::open && sent < out_.size()) {
        const auto count = write_some(std::string_view(out_).substr(sent));
        if (!count) return;
        if (*count == 0) break;
        sent += *count;
    }
    out_.erase(0, sent);
}

void TlsConnection::read() {
    static thread_local std::array<char, 16 * 1024> buffer;
    while (state_ == State::open) {
        const auto count = read_some(buffer.data(), buffer.size());
        if (!count || *count == 0) return;
        peer_.received({buffer.data(), *count});
        // A short read empties a socket; whatever comes later is a new edge.
        if (is_plain_ && *count < buffer.size()) return;
    }
}

std::optional<std::size_t> TlsConnection::write_some(std::string_view bytes) {
    if (is_plain_) {
        const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno == EAGAIN) return 0;
        fail("write");
        return {};
    }
    std::size_t count = 0;
    ::ERR_clear_error();
    const int done = ::SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count);
    return moved(done, count, "write");
}

std::optional<std::size_t> TlsConnection::read_some(char* into, std::size_t size) {
    if (is_plain_) {
        const ssize_t count = ::recv(fd_, into, size, 0);
        if (count > 0) return static_cast<std::size_t>(count);
        if (count < 0 && errno == EAGAIN) return 0;
        fail(count == 0 ? "closed by the server" : "read");
        return {};
    }
    std::size_t count = 0;
    ::ERR_clear_error();
    const int done = ::SSL_read_ex(ssl_, into, size, &count);
    return moved(done, count, "read");
}

/// What OpenSSL says of a read or write.
std::optional<std::size_t> TlsConnection::moved(int done, std::size_t count, const char* what) {
    if (done == 1) return count;
    const int why = ::SSL_get_error(ssl_, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
    fail(why == SSL_ERROR_ZERO_RETURN ? "closed by the server" : what);
    return {};
}

void TlsConnection::fail(const char* reason) {
    close();
    peer_.closed(reason);
}

}  // namespace carillon::load
