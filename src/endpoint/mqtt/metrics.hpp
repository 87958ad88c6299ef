#pragma once

#include <atomic>
#include <cstdint>

namespace carillon::mqtt {

/// A number that only rises. Written by one thread, read by any.
class Counter {
public:
    void add(std::uint64_t by = 1) { value_.store(value() + by, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// What the MQTT endpoint counts; one for each thread, so that no two write to one line of memory.
/// The names are as stable as the wire.
struct alignas(64) Metrics {
    Counter connections_opened;  ///< Network connections accepted.
    Counter connections_closed;  ///< The same, ended.
    Counter connects_accepted;   ///< CONNACK 0.
    Counter connects_refused;    ///< Any other CONNACK.
    Counter closed_by_client;    ///< By DISCONNECT.
    Counter closed_by_breach;    ///< By us, because the client broke a rule.
    Counter closed_by_hub;       ///< Takeover, registry changes, expired tokens.
    Counter keep_alives_expired;
    Counter telemetry_received;
    Counter twin_reads;
    Counter twin_writes;
    Counter methods_sent;
    Counter methods_answered;
    Counter methods_dropped;  ///< Not sent, as too much waited for the device already.
    Counter desired_sent;
    Counter cloud_messages_sent;
    Counter bytes_received;
};

}  // namespace carillon::mqtt
