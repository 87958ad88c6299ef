#include "endpoint/amqp/queue_feed.hpp"

#include "base/log.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/link_failure.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace carillon::amqp {

QueueFeed::QueueFeed(HubConnection& connection, LinkId link, LockedQueue& queue, Format format)
    : connection_(connection.shared_from_this()),
      queue_(queue),
      format_(format),
      thread_(connection.endpoint().threads().of_shard(connection.hub().shards().first().number())),
      link_(link),
      hub_name_(
          connection.hub().host_names().front().substr(0, connection.hub().host_names().front().find('.'))) {}

template <class F>
void QueueFeed::there(F function) {
    thread_.post([self = shared_from_this(), function = std::move(function)]() mutable { function(*self); });
}

void QueueFeed::start() {
    there([](QueueFeed& self) {
        self.watcher_ = self.queue_.watch([weak = self.weak_from_this()] {
            if (const auto known = weak.lock()) known->ask();
        });
    });
}

void QueueFeed::leave() {
    there([](QueueFeed& self) {
        self.has_left_ = true;
        self.queue_.unwatch(self.watcher_);
    });
}

void QueueFeed::set_room(std::uint32_t credit, std::uint64_t seen) {
    there([credit, seen](QueueFeed& self) {
        self.credit_ = credit;
        self.seen_ = seen;
        self.ask();
    });
}

void QueueFeed::ask() {
    is_told_ = true;
    if (is_asking_ || has_left_ || sent_ - seen_ >= credit_) return;
    is_asking_ = true;
    is_told_ = false;
    boost::asio::co_spawn(thread_.executor(), queue_.receive(CloudMessageLimits::lock_time),
                          [self = shared_from_this()](const std::exception_ptr& error,
                                                      Result<std::optional<LockedQueue::Item>> item) {
                              if (error) std::rethrow_exception(error);
                              self->received(std::move(item));
                          });
}

void QueueFeed::received(Result<std::optional<LockedQueue::Item>> item) {
    is_asking_ = false;
    if (!item || !*item) {
        if (is_told_) ask();
        return;
    }
    auto message = format_(**item, hub_name_);
    if (!message) {
        log.error("queue not read sequence={} reason={}", (**item).sequence, message.error().detail);
        return;
    }
    ++sent_;
    connection_->post([self = shared_from_this(), lock = (**item).lock,
                       text = *std::move(message)](HubConnection& connection) {
        if (connection.handler(self->link_) != nullptr) deliver(connection, self->link_, lock, text);
    });
    ask();
}

void QueueFeed::settle(const LockToken& lock, Settlement how, const Disposal& disposal) {
    there([lock, how,
           disposal = Disposal{.link = disposal.link,
                               .id = disposal.id,
                               .cookie = 0,
                               .state = {},
                               .settled = disposal.settled}](QueueFeed& self) {
        boost::asio::co_spawn(self.thread_.executor(), self.queue_.settle(lock, how),
                              [self = self.shared_from_this(), disposal](const std::exception_ptr& error,
                                                                         const Result<>& result) {
                                  if (error) std::rethrow_exception(error);
                                  self->connection_->post([disposal, result](HubConnection& connection) {
                                      answer_disposal(connection, disposal, result);
                                  });
                              });
    });
}

Settlement settlement_of(const DeliveryState& state) {
    if (state.outcome == Outcome::accepted) return Settlement::complete;
    if (state.outcome == Outcome::rejected) return Settlement::reject;
    return Settlement::abandon;
}

void answer_disposal(HubConnection& connection, const Disposal& disposal, const Result<>& result) {
    if (disposal.settled) return;
    DeliveryState state;
    state.outcome = result ? Outcome::accepted : Outcome::rejected;
    if (result) return connection.wire().settle(disposal, state);
    const LinkFailure failure(result.error(), connection.wall_now(), connection.random());
    state.condition = failure.condition();
    connection.wire().settle(disposal, state);
}

}  // namespace carillon::amqp
