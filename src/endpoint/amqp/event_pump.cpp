#include "endpoint/amqp/event_pump.hpp"

#include "base/log.hpp"
#include "core/events/events.hpp"
#include "endpoint/amqp/event_access.hpp"
#include "endpoint/amqp/event_message.hpp"
#include "endpoint/amqp/hub_connection.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <utility>

namespace carillon::amqp {

namespace {

class PartitionLink final : public LinkHandler {
public:
    PartitionLink(HubConnection& connection, EventPump::Order order)
        : connection_(connection),
          entity_(order.entity),
          path_(order.path),
          pump_(std::make_shared<EventPump>(connection, std::move(order))) {}
    ~PartitionLink() override { pump_->end(); }

    void flowed() override { pump_->go_on(); }
    bool is_still_allowed() override {
        return may_read_events(connection_, path_) && find_event_log(connection_.hub(), entity_) != nullptr;
    }

private:
    HubConnection& connection_;
    const std::string entity_;
    const std::vector<std::string> path_;  ///< Bound: fixed.
    const std::shared_ptr<EventPump> pump_;
};

}  // namespace

std::unique_ptr<LinkHandler> make_partition_link(HubConnection& connection, EventPump::Order order) {
    return std::make_unique<PartitionLink>(connection, std::move(order));
}

EventPump::EventPump(HubConnection& connection, Order order)
    : connection_(connection), order_(std::move(order)) {}

void EventPump::end() {
    is_over_ = true;
    order_.slot.reset();
    piece_ = {};
}

void EventPump::go_on() {
    if (is_over_ || is_reading_) return;
    if (!send_piece()) return;
    const std::uint32_t credit = connection_.wire().credit(order_.link);
    if (credit == 0 || wait_for_news()) return;
    is_reading_ = true;
    boost::asio::co_spawn(connection_.thread().executor(),
                          read(shared_from_this(), connection_.shared_from_this(), credit),
                          boost::asio::detached);
}

Task<> EventPump::read(std::shared_ptr<EventPump> self, std::shared_ptr<HubConnection> connection,
                       std::size_t events_max) {
    Result<EventPiece> piece;
    try {
        auto reading = self->order_.reader->read({}, events_max, piece_bytes);
        piece = co_await std::move(reading);
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw costs the link.
        log.error("events cannot be read what={}", problem.what());
        piece = fail(Errc::server_error, "The event log cannot be read.");
    }
    connection->post(
        [self, held = std::move(piece)](HubConnection&) mutable { self->took(std::move(held)); });
}

void EventPump::took(Result<EventPiece> piece) {
    is_reading_ = false;
    if (is_over_) return;
    if (!piece) {
        log.error("events cannot be read partition={} reason={}", order_.reader->partition(),
                  piece.error().detail);
        return connection_.detach(order_.link, {Errc::server_error, "The event log cannot be read."});
    }
    piece_ = *std::move(piece);
    at_ = 0;
    go_on();
}

/// False if what is left must wait, or the link has ended.
bool EventPump::send_piece() {
    std::string buffer;
    while (at_ < piece_.size()) {
        if (!connection_.takes_output()) {
            connection_.wait_for_output(order_.link);
            return false;
        }
        if (connection_.wire().credit(order_.link) == 0) {
            put_back();
            return false;
        }
        if (!send_one(piece_[at_], buffer)) {
            if (is_over_) return false;
            put_back();
            connection_.wait_for_output(order_.link);
            return false;
        }
        ++at_;
    }
    piece_ = {};
    at_ = 0;
    return true;
}

/// False if the session of the client has no room now, or the link has ended.
bool EventPump::send_one(const EventPiece::Event& event, std::string& buffer) {
    std::optional<RuntimeMetrics> metrics;
    if (order_.has_metrics) metrics.emplace(RuntimeMetrics{order_.reader->extent(), connection_.wall_now()});
    buffer.clear();
    if (auto encoded = append_event(buffer, event, metrics); !encoded) {
        log.error("event does not decode partition={} sequence={}", order_.reader->partition(),
                  event.sequence);
        connection_.detach(order_.link, {Errc::server_error, "An event cannot be read."});
        return false;
    }
    if (order_.message_bytes_max != 0 && buffer.size() > order_.message_bytes_max) {
        connection_.detach(order_.link, {Errc::message_too_large, "An event is larger than the link takes."});
        return false;
    }
    return connection_.send(order_.link, order_.is_settled, as_bytes(buffer));
}

void EventPump::put_back() {
    if (at_ < piece_.size()) order_.reader->go_to(piece_[at_].sequence);
    piece_ = {};
    at_ = 0;
}

/// False if there is something to read already.
bool EventPump::wait_for_news() {
    return order_.reader->wake_at_news([weak = weak_from_this(), connection = connection_.weak_from_this()] {
        const auto there = connection.lock();
        if (!there) return;
        there->post([weak](HubConnection&) {
            if (const auto self = weak.lock()) self->go_on();
        });
    });
}

}  // namespace carillon::amqp
