#include "endpoint/amqp/amqp_endpoint.hpp"

#include "base/random.hpp"
#include "core/hub/hub.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "net/io_thread.hpp"

#include <utility>

namespace carillon {

AmqpEndpoint::AmqpEndpoint(Hub& hub, IoThreads& threads, device::ConnectionLogs* connections)
    : hub_(hub), threads_(threads), connection_logs_(connections) {
    // As the service calls itself. Source: azure-iot-sdk-c#2233, log of the service.
    settings_.container_id = "DeviceGateway_" + hub.shards().first().random().hex32();
    settings_.hostname = hub.host_names().front();
    if (hub.provisioning().is_on()) settings_.mechanism = amqp::sasl_tpm;
    for (std::size_t i = 0; i < threads.size(); ++i) metrics_.push_back(std::make_unique<amqp::Metrics>());
}

AmqpEndpoint::~AmqpEndpoint() {
    for (const auto& connection : std::exchange(connections_, {})) connection->abandon();
}

void AmqpEndpoint::accepted(std::unique_ptr<Channel> channel) {
    auto connection = std::make_shared<amqp::HubConnection>(*this, std::move(channel));
    connection->start();
    const std::lock_guard lock(mutex_);
    connections_.insert(std::move(connection));
}

void AmqpEndpoint::discharge(amqp::HubConnection& connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection.shared_from_this());
}

}  // namespace carillon
