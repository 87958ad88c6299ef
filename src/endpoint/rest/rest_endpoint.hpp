#pragma once

#include "base/task.hpp"
#include "net/channel.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace carillon {

class AuditLog;
class ClientAuthorities;
class SpanSink;
class Hub;

namespace rest {
class BackupPort;
class RequestRelay;
struct HttpRequest;
struct ModelHost;
struct PassedAnswer;
struct PassedRequest;
struct RestMetrics;
struct WebDashboard;
}  // namespace rest

/// Takes over connections of the HTTPS port that ask for a WebSocket.
class WebSocketFactory {
public:
    virtual ~WebSocketFactory() = default;
    /// `request` is a complete GET of `/$iothub/websocket` or `/$servicebus/websocket` with `Upgrade:
    /// websocket`; nothing has been answered. `surplus` came behind it. Owns the channel from here on and
    /// sets its handler before it returns. Called on the channel's thread, outside its callbacks.
    virtual void upgrade(std::unique_ptr<Channel> channel, const rest::HttpRequest& request,
                         std::string surplus) = 0;
};

/// The REST endpoint: makes an HTTP/1.1 server of every connection it is given. Any thread; each
/// connection stays on the thread that accepted it. What it is given outlives the endpoint, and the
/// endpoint outlives its connections. Without `web` there is no dashboard, without `backups` are none made.
class RestEndpoint final : public ConnectionFactory {
public:
    /// Threads that are counted apart; beyond it they share.
    static constexpr std::size_t threads_max = 256;

    explicit RestEndpoint(Hub& hub, WebSocketFactory* websockets = nullptr, rest::WebDashboard* web = nullptr,
                          rest::BackupPort* backups = nullptr, AuditLog* audit = nullptr);
    ~RestEndpoint() override;

    void accepted(std::unique_ptr<Channel> channel) override;

    /// Takes only what changes nothing (`rest::only_reads`). Before the first connection.
    void only_read() { only_reads_ = true; }
    /// Outlives the endpoint. Before the first connection.
    void use(ClientAuthorities& authorities) { authorities_ = &authorities; }
    void use(rest::ModelHost& models) { models_ = &models; }
    void use(SpanSink& spans) { spans_ = &spans; }
    void use(rest::RequestRelay& relay) { relay_ = &relay; }

    /// Answers a request that another node has passed on. On `thread`.
    Task<rest::PassedAnswer> answer_passed(IoThread& thread, rest::PassedRequest request);

    /// Requests being answered; the server may wait for zero on its way down.
    std::size_t requests_running() const { return running_.load(std::memory_order_relaxed); }
    /// The counters of a thread; null if it has had no connection. Any thread.
    const rest::RestMetrics* metrics(std::size_t thread) const { return metrics_[thread].load(); }

private:
    rest::RestMetrics& metrics_of(const IoThread& thread);

    Hub& hub_;
    WebSocketFactory* websockets_;
    rest::WebDashboard* web_;
    rest::BackupPort* backups_;
    AuditLog* audit_;
    ClientAuthorities* authorities_ = nullptr;
    rest::ModelHost* models_ = nullptr;
    SpanSink* spans_ = nullptr;
    rest::RequestRelay* relay_ = nullptr;
    bool only_reads_ = false;
    std::atomic<std::size_t> running_{0};
    std::array<std::atomic<rest::RestMetrics*>, threads_max> metrics_{};  ///< Each made by its thread.
};

}  // namespace carillon
