#pragma once

#include "core/events/routing/event_drivers.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

namespace carillon {

class Clock;
class SpanSink;

/// A webhook's address: whom to connect to, and what to ask there.
struct WebhookAddress {
    WebServer server;
    std::string target;  ///< Path and query as they stand in the URL.

    /// Reads `https://HOST[:PORT]/PATH?QUERY`, or `http:`. Fails with `argument_invalid`.
    static Result<WebhookAddress> parse(std::string_view url);
};

/// The batch as the body of a request: a CloudEvents batch in JSON. Source: CloudEvents 1.0, "JSON Event
/// Format", JSON Batch Format; types and data as Azure Event Grid has them for IoT Hub.
std::string cloud_events_json(const std::vector<RoutedEvent>& events, std::string_view hub_name);
/// The id of a batch: the same when it is sent again. Source: Standard Webhooks, "Webhook metadata".
std::string webhook_id(std::string_view endpoint, const std::vector<RoutedEvent>& events);
/// The value of `webhook-signature`. Source: Standard Webhooks, "Signature scheme".
std::string webhook_signature(std::string_view secret, std::string_view id, std::int64_t unix_s,
                              std::string_view body);
/// The same by all secrets that sign at that time, with spaces between them; empty without a secret.
std::string webhook_signatures(const RouteEndpoint& endpoint, std::string_view id, std::int64_t unix_s,
                               std::string_view body);

/// Posts batches of events to a webhook. An answer of 2xx takes them; 408, 425, 429, 5xx and trouble of the
/// connection may pass; all else refuses them. Redirections are not followed.
/// Source: Standard Webhooks; CloudEvents 1.0, "HTTP Webhook".
class WebhookSender final : public EventSender {
public:
    static constexpr std::size_t answer_bytes_max = 64 * 1024;

    /// `clock`, `stops` and `spans`, which may be null, outlive it.
    WebhookSender(const RouteEndpoint& endpoint, WebhookAddress address, std::string hub_name,
                  std::shared_ptr<const WebTrust> trust, const Clock& clock, const std::atomic<bool>& stops,
                  SpanSink* spans = nullptr);

    DeliveryOutcome send(const std::vector<RoutedEvent>& events) override;

private:
    const RouteEndpoint endpoint_;
    const WebhookAddress address_;
    const std::string hub_name_;
    const Clock& clock_;
    SpanSink* const spans_;
    WebClient client_;
};

}  // namespace carillon
