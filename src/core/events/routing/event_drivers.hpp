#pragma once

#include "base/result.hpp"
#include "core/events/routing/route_endpoint.hpp"
#include "core/events/routing/routing_table.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What became of events that were sent.
struct DeliveryOutcome {
    enum class Verdict : std::uint8_t {
        taken,    ///< The endpoint has them, durably as far as it says.
        failed,   ///< Trouble that may pass: they are sent again.
        refused,  ///< The endpoint does not want them: they are sent again a few times.
    };
    Verdict verdict = Verdict::taken;
    std::string detail;                               ///< For a person; holds no secret.
    std::optional<std::chrono::seconds> again_after;  ///< When the endpoint wants to be asked again.
};

/// Sends events to one endpoint. Blocking; one thread at a time.
class EventSender {
public:
    virtual ~EventSender() = default;
    /// All of them or, unless the verdict is `taken`, perhaps some: they are then sent again.
    virtual DeliveryOutcome send(const std::vector<RoutedEvent>& events) = 0;
};

/// The port to what endpoints are. Safe from any thread.
class EventDrivers {
public:
    virtual ~EventDrivers() = default;
    /// Fails with `argument_invalid` if this hub may not or cannot reach it.
    virtual Result<> check(const RouteEndpoint& endpoint) const = 0;
    /// `stops` outlives the sender; when it is true, what waits for the endpoint gives up within half a
    /// second.
    virtual std::unique_ptr<EventSender> open(const RouteEndpoint& endpoint,
                                              const std::atomic<bool>& stops) = 0;
    /// Keeps what the endpoint does not want, durably, with the reason. Blocking. Fails with `io_failed`,
    /// also when there is no more room for them.
    virtual Result<> keep_dead_letter(std::string_view endpoint, const RoutedEvent& event,
                                      std::string_view reason) = 0;
};

}  // namespace carillon
