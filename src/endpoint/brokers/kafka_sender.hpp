#pragma once

#include "core/events/routing/event_drivers.hpp"
#include "endpoint/brokers/broker_address.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// Produces each event as a record of a Kafka topic, whose key is the device's id, so that those of a device
/// are in one partition and in their order; waits until all replicas in sync have a batch. The producer is
/// idempotent: what the library itself sends again is there once. Logs in by SASL (PLAIN or SCRAM), by a
/// client certificate, or both. Source: librdkafka, INTRODUCTION.md, "Idempotent Producer", CONFIGURATION.md.
class KafkaSender final : public EventSender {
public:
    /// For all acknowledgements of a batch, and of one record. Ours.
    static constexpr std::chrono::milliseconds wait_max{30'000};
    static constexpr std::chrono::milliseconds step{200};  ///< Between two looks whether to stop.

    KafkaSender(const RouteEndpoint& endpoint, std::vector<BrokerAddress> brokers, std::string hub_name,
                std::string ca_file, const std::atomic<bool>& stops);
    ~KafkaSender() override;

    DeliveryOutcome send(const std::vector<RoutedEvent>& events) override;

private:
    struct Line;
    DeliveryOutcome connect();
    DeliveryOutcome produce(const std::vector<RoutedEvent>& events);

    const RouteEndpoint endpoint_;
    const std::vector<BrokerAddress> brokers_;
    const std::string hub_name_;
    const std::string ca_file_;
    const std::atomic<bool>& stops_;
    std::unique_ptr<Line> line_;
};

}  // namespace carillon
