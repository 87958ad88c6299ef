#pragma once

#include "base/metrics.hpp"

namespace carillon::amqp {

/// What the AMQP connections of one thread came to. That thread writes it, any thread reads it.
struct alignas(64) Metrics {
    Counter connections_opened;
    Counter connections_closed;
    Counter connections_refused;  ///< SASL ended without success.
    Gauge sessions;
    Gauge links;
    Counter links_attached;
    Counter links_refused;
    Counter transfers_received;
    Counter transfers_sent;
    Counter deliveries_rejected;  ///< Of those received.
    Counter bytes_received;
};

}  // namespace carillon::amqp
