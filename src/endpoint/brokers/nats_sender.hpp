#pragma once

#include "core/events/routing/event_drivers.hpp"
#include "endpoint/brokers/broker_address.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// Publishes each event to a stream of NATS JetStream, which is to exist, and waits for its acknowledgement.
/// The id of a message is the event's, so a stream passes over what comes again within its window of
/// duplicates. Source: NATS docs, "JetStream", publishing.
class NatsSender final : public EventSender {
public:
    /// For a connection, or for all acknowledgements of a batch. Ours.
    static constexpr std::chrono::milliseconds wait_max{10'000};
    static constexpr std::chrono::milliseconds step{200};  ///< Between two looks whether to stop.
    static constexpr std::int64_t in_flight_max = 256;     ///< Ours: published and not acknowledged.

    /// `ca_file` holds further authorities to trust; empty for the system's alone.
    NatsSender(const RouteEndpoint& endpoint, std::vector<BrokerAddress> brokers, std::string hub_name,
               std::string ca_file, const std::atomic<bool>& stops);
    ~NatsSender() override;

    DeliveryOutcome send(const std::vector<RoutedEvent>& events) override;

private:
    struct Line;
    DeliveryOutcome connect();
    DeliveryOutcome publish(const std::vector<RoutedEvent>& events);

    const RouteEndpoint endpoint_;
    const std::vector<BrokerAddress> brokers_;
    const std::string hub_name_;
    const std::string ca_file_;
    const std::atomic<bool>& stops_;
    std::unique_ptr<Line> line_;
};

}  // namespace carillon
