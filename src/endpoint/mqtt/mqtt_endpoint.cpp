#include "endpoint/mqtt/mqtt_endpoint.hpp"

#include "endpoint/mqtt/mqtt_connection.hpp"
#include "net/io_thread.hpp"

#include <utility>

namespace carillon {

namespace mqtt {

std::unique_ptr<std::string> ThreadState::take_output() {
    if (pool_.empty()) return std::make_unique<std::string>();
    auto output = std::move(pool_.back());
    pool_.pop_back();
    return output;
}

void ThreadState::give_output(std::unique_ptr<std::string> output) {
    if (pool_.size() == pooled_max || output->capacity() > pooled_bytes_max) return;
    output->clear();
    pool_.push_back(std::move(output));
}

}  // namespace mqtt

MqttEndpoint::MqttEndpoint(Hub& hub, IoThreads& threads, device::ConnectionLogs* connections)
    : hub_(hub), threads_(threads), connection_logs_(connections) {
    for (std::size_t i = 0; i < threads.size(); ++i) states_.push_back(std::make_unique<mqtt::ThreadState>());
}

MqttEndpoint::~MqttEndpoint() {
    while (first_ != nullptr) {
        mqtt::Connection& connection = *first_;
        first_ = connection.next_;
        connection.abandon();
    }
}

void MqttEndpoint::accepted(std::unique_ptr<Channel> channel) {
    // Owns itself from here on, until the channel has closed.
    new mqtt::Connection(*this, std::move(channel));
}

void MqttEndpoint::take_over(std::unique_ptr<Channel> channel, Bytes begun) {
    auto* connection = new mqtt::Connection(*this, std::move(channel));
    connection->received(begun);
}

void MqttEndpoint::add(mqtt::Connection& connection) {
    const std::lock_guard lock(mutex_);
    connection.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &connection;
    first_ = &connection;
}

void MqttEndpoint::discharge(mqtt::Connection& connection) {
    const std::lock_guard lock(mutex_);
    (connection.previous_ != nullptr ? connection.previous_->next_ : first_) = connection.next_;
    if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
}

}  // namespace carillon
