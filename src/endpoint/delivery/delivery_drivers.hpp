#pragma once

#include "core/events/routing/event_drivers.hpp"
#include "core/transfers/blobs.hpp"
#include "endpoint/blob/web_client.hpp"
#include "endpoint/brokers/broker_reach.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace carillon {

class Clock;
class SpanSink;

/// What endpoints of routes are: webhooks, files in what `Blobs` reaches, and message brokers.
class DeliveryDrivers final : public EventDrivers {
public:
    /// Of the dead letters of one endpoint. Ours.
    static constexpr std::uint64_t dead_letters_bytes_max = 64 * 1024 * 1024;

    /// Dead letters go to `dead_letters`, a directory that is made when there is one. All references outlive
    /// this.
    DeliveryDrivers(Blobs& blobs, std::shared_ptr<const WebTrust> trust, BrokerReach brokers,
                    std::string hub_name, std::string dead_letters, const Clock& clock);

    /// Where spans of requests to webhooks go. Outlives this; before the first is opened.
    void use(SpanSink& spans) { spans_ = &spans; }

    Result<> check(const RouteEndpoint& endpoint) const override;
    std::unique_ptr<EventSender> open(const RouteEndpoint& endpoint, const std::atomic<bool>& stops) override;
    Result<> keep_dead_letter(std::string_view endpoint, const RoutedEvent& event,
                              std::string_view reason) override;

private:
    Blobs& blobs_;
    std::shared_ptr<const WebTrust> trust_;
    const BrokerReach brokers_;
    const std::string hub_name_;
    const std::string dead_letters_;
    const Clock& clock_;
    SpanSink* spans_ = nullptr;
};

}  // namespace carillon
