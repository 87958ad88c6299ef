#pragma once

#include "core/events/routing/event_drivers.hpp"
#include "core/transfers/blobs.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// The name of a batch's file: `pattern` as `RouteEndpoint::path` has it, filled in from its first event.
std::string routed_file_name(std::string_view pattern, std::string_view endpoint, const RoutedEvent& first);
/// The batch as lines of JSON, each as `GET /carillon/events` has it.
std::string event_lines(const std::vector<RoutedEvent>& events);

/// Writes each batch into a file of its own, which appears when it is whole. A batch that is sent again
/// replaces the file that it has become before.
class FileSender final : public EventSender {
public:
    /// `blobs` outlives it.
    FileSender(const RouteEndpoint& endpoint, Blobs& blobs) : endpoint_(endpoint), blobs_(blobs) {}

    DeliveryOutcome send(const std::vector<RoutedEvent>& events) override;

private:
    const RouteEndpoint endpoint_;
    Blobs& blobs_;
};

}  // namespace carillon
