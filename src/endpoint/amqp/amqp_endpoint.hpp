#pragma once

#include "endpoint/amqp/amqp_metrics.hpp"
#include "net/channel.hpp"
#include "wire/amqp/connection.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace carillon {

class Hub;
class IoThreads;

namespace device {
class ConnectionLogs;
}

namespace amqp {
class HubConnection;
}

/// The AMQP endpoint: makes an AMQP 1.0 server of every connection it is given, be it a socket or a
/// WebSocket. A connection stays on the thread that accepted it, as it may carry many devices, whose shards
/// live on several; see `amqp::DeviceProxy`. What it is given outlives the endpoint; the endpoint outlives
/// the running of the threads, and ends what connections are left when it is destroyed.
class AmqpEndpoint final : public ConnectionFactory {
public:
    AmqpEndpoint(Hub& hub, IoThreads& threads, device::ConnectionLogs* connections = nullptr);
    ~AmqpEndpoint() override;

    void accepted(std::unique_ptr<Channel> channel) override;

    /// The counters of a thread; any thread may read them.
    const amqp::Metrics& metrics(std::size_t thread) const { return *metrics_[thread]; }
    std::size_t thread_count() const { return metrics_.size(); }

    // --- for connections -----------------------------------------------------------------------
    Hub& hub() { return hub_; }
    IoThreads& threads() { return threads_; }
    /// Where what becomes of connections is noted; may be null.
    device::ConnectionLogs* connection_logs() { return connection_logs_; }
    const amqp::ConnectionSettings& settings() const { return settings_; }
    amqp::Metrics& metrics_of(std::size_t thread) { return *metrics_[thread]; }
    void discharge(amqp::HubConnection& connection);

private:
    Hub& hub_;
    IoThreads& threads_;
    device::ConnectionLogs* const connection_logs_;
    amqp::ConnectionSettings settings_;
    std::vector<std::unique_ptr<amqp::Metrics>> metrics_;  ///< Of each thread. Bound: fixed.
    std::mutex mutex_;                                     ///< Guards `connections_`.
    /// Bound: ConnectionCount::open_max.
    std::unordered_set<std::shared_ptr<amqp::HubConnection>> connections_;
};

}  // namespace carillon
