#pragma once

#include "base/metrics_text.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "net/channel.hpp"
#include "net/io_thread.hpp"
#include "net/listener.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace carillon {

/// What the admin listener tells. Called on its thread, a page at a time.
class AdminPages {
public:
    virtual ~AdminPages() = default;
    struct Health {
        bool is_good = true;
        std::string json;
    };
    virtual Task<std::string> metrics(MetricsFormat format) = 0;
    /// Whether the process works: its loops turn.
    virtual Health health() = 0;
    /// Whether it should be sent work, and why not.
    virtual Health readiness() = 0;
};

struct AdminOptions {
    std::string address;
    std::uint16_t port = 0;
    const TlsContexts* tls = nullptr;  ///< Null: without TLS, for loopback only.
    std::string token;                 ///< What `/metrics` asks for (RFC 6750); empty for nothing.
};

/// The listener for those who operate the hub: `/metrics`, `/healthz`, `/readyz`. It has a thread of its own,
/// so that it answers while the hub's are busy or stuck, and making a page delays no device. Whoever asks for
/// health needs no token: the answers name no device and no address.
class AdminEndpoint final : public ConnectionFactory {
public:
    static constexpr std::size_t connections_max = 64;

    /// Binds. Fails as `Listener::open`. `pages`, `clock` and the TLS contexts outlive it.
    static Result<std::unique_ptr<AdminEndpoint>> open(AdminPages& pages, Clock& clock, AdminOptions options);
    ~AdminEndpoint() override;

    /// Answers from now on. Fails with `io_failed`.
    Result<> start();
    /// Ends connections and the thread; harmless if it has ended.
    void stop();

    std::uint16_t port() const { return listener_->port(); }
    IoThread& thread() { return threads_[0]; }
    void accepted(std::unique_ptr<Channel> channel) override;

private:
    AdminEndpoint(AdminPages& pages, Clock& clock, std::string token);

    AdminPages& pages_;
    const std::string token_;
    ConnectionCount count_;
    IoThreads threads_;
    std::unique_ptr<Listener> listener_;
    bool runs_ = false;
};

}  // namespace carillon
