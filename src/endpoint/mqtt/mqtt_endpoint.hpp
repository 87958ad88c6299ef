#pragma once

#include "endpoint/mqtt/interrupted_returns.hpp"
#include "endpoint/mqtt/metrics.hpp"
#include "net/channel.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace carillon {

class Hub;
class IoThreads;

namespace device {
class ConnectionLogs;
}

namespace mqtt {

class Connection;

/// What the connections of one thread share.
struct ThreadState {
    /// Output strings kept for the next connection that speaks. Ours: a turn serves 64 descriptors.
    static constexpr std::size_t pooled_max = 64;
    /// A string that grew beyond this is freed instead of kept.
    static constexpr std::size_t pooled_bytes_max = 64 * 1024;

    std::unique_ptr<std::string> take_output();
    void give_output(std::unique_ptr<std::string> output);

    Metrics metrics;
    InterruptedReturns interrupted_returns;

private:
    std::vector<std::unique_ptr<std::string>> pool_;  ///< Bound: pooled_max.
};

}  // namespace mqtt

/// The MQTT endpoint: makes an MQTT 3.1.1 server of every connection it is given, be it a socket or a
/// WebSocket. A connection reads its CONNECT on the thread that accepted it, and then moves to the
/// thread that owns the device. What it is given outlives the endpoint; the endpoint outlives the
/// running of the threads, and ends what connections are left when it is destroyed.
class MqttEndpoint final : public ConnectionFactory {
public:
    MqttEndpoint(Hub& hub, IoThreads& threads, device::ConnectionLogs* connections = nullptr);
    ~MqttEndpoint() override;

    void accepted(std::unique_ptr<Channel> channel) override;
    /// The same for a connection whose first bytes were read already.
    void take_over(std::unique_ptr<Channel> channel, Bytes begun);

    /// The counters of a thread; any thread may read them.
    const mqtt::Metrics& metrics(std::size_t thread) const { return states_[thread]->metrics; }
    std::size_t thread_count() const { return states_.size(); }

    // --- for connections -----------------------------------------------------------------------
    Hub& hub() { return hub_; }
    IoThreads& threads() { return threads_; }
    /// Where what becomes of connections is noted; may be null.
    device::ConnectionLogs* connection_logs() { return connection_logs_; }
    mqtt::ThreadState& state_of(std::size_t thread) { return *states_[thread]; }
    void add(mqtt::Connection& connection);
    void discharge(mqtt::Connection& connection);

private:
    Hub& hub_;
    IoThreads& threads_;
    device::ConnectionLogs* const connection_logs_;
    std::vector<std::unique_ptr<mqtt::ThreadState>> states_;  ///< Bound: fixed.
    std::mutex mutex_;  ///< Guards the list of connections, from `first_` on.
    mqtt::Connection* first_ = nullptr;
};

}  // namespace carillon
